"""What lifters read, and the interface of those that see images.

A lifter says what it is called with by ``input_names``, of `INPUTS` and in the order of its arguments. One without
``input_names`` is called with heatmaps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.constants import constant
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.mean_pose import FromMeanPose

HEATMAPS = ("joint_heatmaps", "limb_heatmaps")
"""What a lifter without ``input_names`` reads."""

INPUTS = (*HEATMAPS, "images", "origin_cm")
"""What a lifter may read: joint heatmaps ``b v j h w``, limb heatmaps ``b v j 2 h w``, ImageNet-normalised images
``b v 3 h w``, and the true origin of the pose in each camera's frame, ``b v 3``."""


def input_names(lifter: nn.Module) -> tuple[str, ...]:
    """What a lifter is called with.

    Raises:
        ValueError: if it names something else than `INPUTS`.
    """
    names = tuple(getattr(lifter, "input_names", HEATMAPS))
    if unknown := [name for name in names if name not in INPUTS]:
        raise ValueError(f"{type(lifter).__name__}.input_names: {unknown[0]} must be one of: {', '.join(INPUTS)}")
    return names


class RefinedPose(NamedTuple):
    """The poses of a lifter that improves its first estimate step by step."""

    poses_cm: tuple[Float[Tensor, "b e 3"], ...]
    """The estimated joints after each step, in cm; the last is the lifter's answer."""

    origin_cm: Float[Tensor, "b 3"]
    """The origin of the poses in the left camera's frame that the lifter has used, true or estimated."""


class ImageLifter(FromMeanPose):
    """Base class of lifters that see images.

    A task calls ``factory(skeleton=..., heatmap_px=...)`` as for any lifter, where ``heatmap_px`` is a quarter of the
    images' side, and then `set_rig`. A subclass that reads more than images sets ``input_names``.

    Args:
        skeleton: the skeleton of the estimated pose.
    """

    input_names: tuple[str, ...] = ("images",)
    """What ``forward`` is called with, in this order: see `INPUTS`."""

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__(skeleton)
        self.skeleton = skeleton
        self.rig: StereoRig | None = None

    def set_rig(self, rig: StereoRig | None) -> None:
        """Sets the cameras of the images, whose square frames the images fill; None: they are not known."""
        self.rig = rig

    def project(
        self, points_left_cm: Float[Tensor, "b j 3"]
    ) -> tuple[Float[Tensor, "b v j 2"], Bool[Tensor, "b v j"], Bool[Tensor, "b v j"]]:
        """Where points in the left camera's frame appear in each view.

        Returns:
            (u, v) as shares of the view's side; whether each point is inside the image circle; and whether it is inside
            the square frame, whatever the lens shows there. Points that are not finite are at the frame's corner and in
            neither.

        Raises:
            ValueError: if the cameras are not known.
        """
        if self.rig is None:
            raise ValueError(f"{type(self).__name__} projects points into the views and needs the cameras (a rig)")
        device, dtype = points_left_cm.device, points_left_cm.dtype
        # Elementwise, because mixed precision would compute a matrix product in half precision.
        rotated = (points_left_cm[..., None, :] * constant(self.rig.rotation, device, dtype)).sum(-1)
        right_cm = rotated + constant(self.rig.translation_cm, device, dtype)
        pairs = zip(self.rig.cameras, (points_left_cm, right_cm), strict=True)
        by_view = [camera.project(points_cm) for camera, points_cm in pairs]
        px, in_circle = (torch.stack(column, 1) for column in zip(*by_view, strict=True))
        sides = constant(tuple(camera.size_px for camera in self.rig.cameras), device, dtype)[:, None]
        in_frame = torch.stack([camera.in_frame(px[:, k]) for k, camera in enumerate(self.rig.cameras)], 1)
        finite = px.isfinite().all(-1)
        return torch.where(finite[..., None], px / sides, 0.0), in_circle & finite, in_frame & finite
