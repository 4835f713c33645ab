"""A lifter that reads a few numbers of each heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders.rays import OF_POINT, OF_VIEW, find_peaks, known, peak_numbers
from egotap_pl.nn.mean_pose import FromMeanPose

_OF_LIMB = 4  # the sums of its two heatmaps, and their values at its joint
_FARTHEST = 6.0  # standard deviations from the mean
_NARROWEST = 1e-3  # standard deviation of a number that never changes


class PeakLifter(FromMeanPose):
    """A small MLP on what heatmaps say in a few numbers.

    These are: of each joint heatmap, the place, height and spread of its peak and the ray through the camera; of each
    joint, the point where its two rays come nearest, how much they miss each other and their angle
    (`egotap_pl.nn.encoders.rays`); of each limb heatmap, its sum, which depends on the limb's direction, and its value
    at its joint's peak. For 15 joints, 600 numbers. They are standardised by mean and deviation over all that the
    lifter is trained on. An MLP with dropout and a linear map from the same numbers give the pose, much as for 2D
    joints in Martinez et al. 2017. Ours.

    Args:
        skeleton: the skeleton of the heatmaps and of the estimated pose.
        heatmap_px: side of the heatmaps. Any will do.
        hidden_dims: widths of the MLP's hidden layers.
        dropout: share of hidden values that a training step leaves out; of the numbers, half of it.
        pose_unit_cm: length in cm of one unit of the output.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> lifter = PeakLifter(unrealego(), heatmap_px=16, hidden_dims=(32, 32)).eval()
        >>> lifter.set_rig(StereoRig.unrealego())
        >>> lifter(torch.rand(4, 2, 15, 16, 16), torch.rand(4, 2, 15, 2, 16, 16)).shape
        torch.Size([4, 16, 3])
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        hidden_dims: Sequence[int],
        dropout: float = 0.2,
        pose_unit_cm: float = 20.0,
    ) -> None:
        super().__init__(skeleton)
        self.rig: StereoRig | None = None
        self.heatmap_px, self.pose_unit_cm = heatmap_px, pose_unit_cm
        numbers = skeleton.num_heatmap_joints * (NUM_VIEWS * (OF_VIEW + _OF_LIMB) + OF_POINT)
        coordinates = 3 * len(skeleton.estimated)
        self.standardise = Standardise(numbers)
        layers: list[nn.Module] = [nn.Dropout(dropout / 2)]
        for width, next_width in pairwise((numbers, *hidden_dims)):
            layers += [nn.Linear(width, next_width), nn.GELU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.to_pose = nn.Linear((numbers, *hidden_dims)[-1], coordinates)
        self.directly = nn.Linear(numbers, coordinates, bias=False)
        for layer in (self.to_pose, self.directly):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.to_pose.bias)

    def set_rig(self, rig: StereoRig | None) -> None:
        """Sets the cameras, whose square frames the heatmaps fill; None: they are not known."""
        self.rig = rig

    def numbers(
        self, joint_heatmaps: Float[Tensor, "b v j h w"], limb_heatmaps: Float[Tensor, "b v j 2 h w"]
    ) -> Float[Tensor, "b n"]:
        """What the network reads, before it is standardised.

        Raises:
            ValueError: if the cameras are not known.
        """
        peaks = find_peaks(joint_heatmaps)
        of_view, of_point = peak_numbers(peaks, known(self.rig, self))
        limb_heatmaps = limb_heatmaps.to(peaks.at.dtype)
        sums = limb_heatmaps.sum((-2, -1)) / self.heatmap_px
        places = (2 * peaks.at - 1).flatten(0, 2)[:, None, None]
        at_joint = grid_sample(limb_heatmaps.flatten(0, 2), places, padding_mode="border", align_corners=False)
        return torch.cat([part.flatten(1) for part in (of_view, of_point, sums, at_joint.view_as(sums))], 1)

    def forward(
        self, joint_heatmaps: Float[Tensor, "b v j h w"], limb_heatmaps: Float[Tensor, "b v j 2 h w"]
    ) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints, in cm."""
        numbers = self.standardise(self.numbers(joint_heatmaps, limb_heatmaps))
        output = self.to_pose(self.hidden(numbers)) + self.directly(numbers)
        return self.mean_pose_cm + self.pose_unit_cm * output.unflatten(1, (-1, 3))


class Standardise(nn.Module):
    """Numbers minus their mean, over their standard deviation, both over everything that was seen in training.

    Unlike in batch normalisation, the other frames of a batch have no part in it, except in the first steps.

    Args:
        size: how many numbers there are of a frame.

    Examples:
        >>> standardise = Standardise(1)
        >>> _ = standardise(torch.tensor([[1.0], [3.0]])), standardise(torch.tensor([[5.0], [7.0]]))
        >>> standardise.mean, standardise.variance
        (tensor([4.]), tensor([5.]))
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, numbers: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """The standardised numbers; those far from the mean are drawn nearer."""
        if self.training:
            self._count(numbers.detach())
        return ((numbers - self.mean) / (self.variance.sqrt() + _NARROWEST)).clamp(-_FARTHEST, _FARTHEST)

    @torch.no_grad()
    def _count(self, numbers: Float[Tensor, "b n"]) -> None:
        """Adds a batch to the mean and the variance (Chan et al. 1983)."""
        self.count.add_(len(numbers))
        share = len(numbers) / self.count
        difference = numbers.mean(0) - self.mean
        of_batch = numbers.var(0, correction=0) - self.variance
        self.variance.add_(share * of_batch + share * (1 - share) * difference.square())
        self.mean.add_(share * difference)
