"""Sources of a lifter's heatmaps: drawn from the truth, or estimated from the images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.frozen import Frozen
from egotap_pl.nn.images import normalise_images
from egotap_pl.nn.lean_estimator import joint_maps, limb_maps
from egotap_pl.tasks.targets import limb_points_cm

IMAGE_TO_MAP = 4
"""The side of an image over that of its heatmaps, for every estimator."""


class HeatmapSource(nn.Module):
    """Makes the joint and limb heatmaps of a batch.

    Args:
        heatmap_px: height and width of the heatmaps.
        rounded: whether lifters read whole hundredths (`Heatmaps.rounded`).
    """

    def __init__(self, heatmap_px: int, rounded: bool = False) -> None:
        super().__init__()
        self.heatmap_px, self.rounded = heatmap_px, rounded

    @property
    def image_px(self) -> int:
        """Side of the images that belong to heatmaps of this size."""
        return IMAGE_TO_MAP * self.heatmap_px

    def forward(self, batch: Batch) -> Heatmaps:
        """Joint and limb heatmaps of a batch."""
        raise NotImplementedError

    def as_read(self, maps: Heatmaps) -> Heatmaps:
        """Heatmaps, of this source or of another, as lifters read them: rounded or as they are."""
        return maps.rounded() if self.rounded else maps


class TrueHeatmaps(HeatmapSource):
    """True heatmaps, drawn on the device from 2D points and poses: those of a perfect estimator."""

    def __init__(self, skeleton: Skeleton, heatmap_px: int) -> None:
        super().__init__(heatmap_px)
        self.skeleton = skeleton

    def forward(self, batch: Batch) -> Heatmaps:
        """True heatmaps, including those of joints that no camera sees."""
        return Heatmaps(
            joint=joint_heatmaps(batch.points2d_px, self.skeleton, self.heatmap_px),
            limb=limb_heatmaps(batch.points2d_px, limb_points_cm(batch), self.skeleton, self.heatmap_px),
        )


class NoHeatmaps(HeatmapSource):
    """Heatmaps of zeros, for lifters that see images and read no heatmaps.

    Args:
        skeleton: the data set's skeleton.
        heatmap_px: a quarter of the images' side.
    """

    def __init__(self, skeleton: Skeleton, heatmap_px: int) -> None:
        super().__init__(heatmap_px)
        self.num_joints = skeleton.num_heatmap_joints

    def forward(self, batch: Batch) -> Heatmaps:
        """Zeros, which take no memory."""
        b, v = batch.images.shape[:2]
        shape = (b, v, self.num_joints, self.heatmap_px, self.heatmap_px)
        zero = torch.zeros((), device=batch.images.device)
        return Heatmaps(zero.expand(shape), zero.expand(*shape[:3], 2, *shape[3:]))


class EstimatedHeatmaps(HeatmapSource):
    """Heatmaps from two frozen estimators, which are part of the lifter's checkpoint.

    Args:
        skeleton: the data set's skeleton.
        heatmap_px: side of the estimated heatmaps.
        joint: factory of the joint estimator, called with ``skeleton``.
        limb: factory of the limb estimator, called with ``skeleton``.
        rounded: whether heatmaps are rounded to hundredths, so that cached ones take few bytes. Ours.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint: Callable[..., nn.Module],
        limb: Callable[..., nn.Module],
        rounded: bool = False,
    ) -> None:
        super().__init__(heatmap_px, rounded)
        self.joint, self.limb = Frozen(joint(skeleton=skeleton)), Frozen(limb(skeleton=skeleton))

    def forward(self, batch: Batch) -> Heatmaps:
        """Estimated heatmaps, without gradients."""
        images = normalise_images(batch.images)
        return self.as_read(Heatmaps(joint=self.joint(images), limb=self.limb(images)))


class SharedHeatmaps(HeatmapSource):
    """Heatmaps from one frozen estimator of joints and limbs, which is part of the lifter's checkpoint.

    Args:
        skeleton: the data set's skeleton.
        heatmap_px: side of the estimated heatmaps.
        shared: factory of the estimator, called with ``skeleton``; its heatmaps are those of a `LeanEstimator`.
        rounded: whether heatmaps are rounded to hundredths, so that cached ones take few bytes. Ours.
    """

    def __init__(
        self, skeleton: Skeleton, heatmap_px: int, shared: Callable[..., nn.Module], rounded: bool = False
    ) -> None:
        super().__init__(heatmap_px, rounded)
        self.shared = Frozen(shared(skeleton=skeleton))

    def forward(self, batch: Batch) -> Heatmaps:
        """Estimated heatmaps, without gradients."""
        maps = self.shared(normalise_images(batch.images))
        return self.as_read(Heatmaps(joint=joint_maps(maps), limb=limb_maps(maps)))
