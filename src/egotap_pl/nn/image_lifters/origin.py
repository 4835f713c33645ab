"""Where a pose is: the origin that lifters need to project a pose into the views.

A lifter makes its origin with ``factory(skeleton=..., in_dim=..., unit_cm=...)``. The poses of a skeleton with a joint
for the camera are relative to the left camera: their origin is always zero, and nothing is read or estimated.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import CAMERA_JOINT, Skeleton


class Origin(nn.Module):
    """Base class of origins.

    Args:
        skeleton: the skeleton of the poses.
    """

    input_names: tuple[str, ...] = ()
    """What the lifter has to be called with besides images: ``origin_cm``, or nothing."""

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.is_camera = CAMERA_JOINT in skeleton.joints

    def set_mean(self, origin_cm: Float[Tensor, "3"]) -> None:
        """Sets the origin to which estimates are added, in the left camera's frame; nothing to do for most."""

    def forward(self, pooled: Float[Tensor, "b z"], origin_cm: Float[Tensor, "b v 3"] | None) -> Float[Tensor, "b 3"]:
        """The origin in the left camera's frame, cm.

        Args:
            pooled: the image features of a frame as one vector.
            origin_cm: the true origin in each camera's frame, if it is among ``input_names``.
        """
        raise NotImplementedError


class TrueOrigin(Origin):
    """The true position of the pelvis, also when the network is tested (EgoPoseFormer's release).

    A comparison with lifters that are not told where the body is has to say so.

    Args:
        skeleton: the skeleton of the poses.
        in_dim: width of the pooled features; not read.
        unit_cm: length of one unit of the network's output; nothing is estimated.
    """

    def __init__(self, skeleton: Skeleton, in_dim: int, unit_cm: float) -> None:
        super().__init__(skeleton)
        self.input_names = () if self.is_camera else ("origin_cm",)

    def forward(self, pooled: Float[Tensor, "b z"], origin_cm: Float[Tensor, "b v 3"] | None) -> Float[Tensor, "b 3"]:
        """The true origin; NaN where it is not known."""
        if self.is_camera:
            return pooled.new_zeros(pooled.shape[0], 3)
        assert origin_cm is not None
        return origin_cm[:, 0]


class EstimatedOrigin(Origin):
    """The position of the pelvis as the network estimates it, from the same features as the first pose (ours).

    Args:
        skeleton: the skeleton of the poses.
        in_dim: width of the pooled features.
        unit_cm: length of one unit of the network's output.
        hidden_dims: hidden widths.
    """

    mean_cm: Tensor

    def __init__(self, skeleton: Skeleton, in_dim: int, unit_cm: float, *, hidden_dims: Sequence[int]) -> None:
        super().__init__(skeleton)
        self.unit_cm = unit_cm
        self.net: nn.Module | None = None
        if not self.is_camera:
            layers: list[nn.Module] = []
            for width in hidden_dims:
                layers += [nn.Linear(in_dim, width), nn.GELU()]
                in_dim = width
            self.net = nn.Sequential(*layers, nn.Linear(in_dim, 3))
        self.register_buffer("mean_cm", torch.zeros(3))

    def set_mean(self, origin_cm: Float[Tensor, "3"]) -> None:
        """Sets the origin to which estimates are added, typically the mean of the training set."""
        self.mean_cm.copy_(origin_cm)

    def forward(self, pooled: Float[Tensor, "b z"], origin_cm: Float[Tensor, "b v 3"] | None) -> Float[Tensor, "b 3"]:
        """The estimated origin; the true one is not read."""
        if self.net is None:
            return pooled.new_zeros(pooled.shape[0], 3)
        return self.mean_cm + self.unit_cm * self.net(pooled)
