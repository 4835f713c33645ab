"""An isotropic Laplace distribution around each estimated joint."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import fc_stack
from egotap_pl.nn.doubt.base import DoubtHead

_LEAST_CM = 0.05
"""Smallest scale: the likelihood of an error of 0 has no bound."""
_FIRST_CM = 3.0
"""Scale before any training, about."""


class LaplaceDoubt(DoubtHead):
    """Scale b of a density proportional to exp(-d / b) at a distance d from the estimated joint.

    The distance is then distributed as a Gamma variable of shape 3 and scale b, whose mean is 3 b. The head reads the
    pose, and of each joint heatmap its peak, its mass and its extent. It neither changes the pose nor sends gradients
    back to the lifter.

    Args:
        skeleton: the skeleton of the poses.
        hidden_dims: hidden widths.
        unit_cm: length in cm of one unit of what the network reads.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> doubt = LaplaceDoubt(unrealego())
        >>> doubt(torch.randn(4, 16, 3), torch.rand(4, 2, 15, 8, 8)).shape
        torch.Size([4, 16])
    """

    def __init__(self, skeleton: Skeleton, hidden_dims: Sequence[int] = (128, 128), unit_cm: float = 20.0) -> None:
        super().__init__()
        joints, self.unit_cm = len(skeleton.estimated), unit_cm
        widths = (3 * joints + 2 * 3 * skeleton.num_heatmap_joints, *hidden_dims)
        self.net = nn.Sequential(fc_stack(widths), nn.Linear(widths[-1], joints))

    def scale_cm(
        self, pose_cm: Float[Tensor, "b e 3"], joint_heatmaps: Float[Tensor, "b v j h w"]
    ) -> Float[Tensor, "b e"]:
        """See `DoubtHead`."""
        seen = _moments(joint_heatmaps.detach().to(pose_cm.dtype))
        read = torch.cat(((pose_cm.detach() / self.unit_cm).flatten(1), seen.flatten(1)), 1)
        return _LEAST_CM + softplus(self.net(read) + _FIRST_CM)

    def mean_error_cm(self, scale_cm: Float[Tensor, "b e"]) -> Float[Tensor, "b e"]:
        """See `DoubtHead`."""
        return 3 * scale_cm

    def nll(self, error_cm: Float[Tensor, "b e"], scale_cm: Float[Tensor, "b e"]) -> Float[Tensor, "b e"]:
        """See `DoubtHead`: of the joint's place in space, where the density's integral is 8 pi b^3."""
        return error_cm / scale_cm + 3 * scale_cm.log() + math.log(8 * math.pi)


def _moments(maps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b v j 3"]:
    """Peak, mean value, and standard deviation of the place (in sides of the heatmap) of each heatmap."""
    weight = maps.clamp(min=0)
    mass = weight.sum((-2, -1))
    variance = torch.zeros_like(mass)
    for axis, size in ((-1, maps.shape[-1]), (-2, maps.shape[-2])):
        place = torch.linspace(0, 1, size, device=maps.device, dtype=maps.dtype)
        along = weight.sum(-2 if axis == -1 else -1) / mass.clamp(min=1e-6)[..., None]
        centre = (along * place).sum(-1, keepdim=True)
        variance = variance + (along * (place - centre).square()).sum(-1)
    return torch.stack((weight.amax((-2, -1)), weight.mean((-2, -1)), (variance + 1e-12).sqrt()), -1)
