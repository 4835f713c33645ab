"""An encoder that knows the cameras: a heatmap becomes a ray, and two rays a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.camera import StereoRig, rays_in_left_frame, triangulate
from egotap_pl.core.constants import constant
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import Transformer, fc_stack, init_kaiming
from egotap_pl.nn.encoders.base import JointEncoder

_REACH_PX = 3  # of a peak: three times the sigma of a true heatmap
_BODY_CM = 50.0  # lengths are given to the network in about half bodies
_GAP_CM = 10.0
_TRUE_MASS = 2 * math.pi  # of a Gaussian of sigma 1 and peak 1
_SMALL = 1e-6

OF_VIEW, OF_POINT = 12, 8
"""How many numbers `peak_numbers` gives of a heatmap, and of the point between two rays."""


class Peaks(NamedTuple):
    """What a heatmap says of where its joint is. Positions are shares of the heatmap's side, 0 to 1."""

    at: Float[Tensor, "*n 2"]
    """(u, v) of the highest peak: the mean of the pixels around the highest one, weighted by their values."""

    height: Float[Tensor, "*n"]
    """Value of the highest pixel."""

    mass: Float[Tensor, "*n"]
    """Sum of all positive values, over that of a true heatmap."""

    share: Float[Tensor, "*n"]
    """How much of the mass is at the peak."""

    mean: Float[Tensor, "*n 2"]
    """Mean of all pixels, weighted by their values."""

    spread: Float[Tensor, "*n 2"]
    """Standard deviation of the same, along u and v."""


class RayEncoder(JointEncoder):
    """Attention between whole heatmaps and the points where their rays meet.

    A heatmap is one token: its pixels, its peak (place, height, share of the mass, spread) and the peak's ray through
    the camera. A joint is another: the point where the rays of both views come nearest, by how much they miss each
    other, and under which angle they meet. So the network need not learn the cameras from poses, and it has 3 tokens
    for a joint where Grid ViT has one for each patch of its two heatmaps. The joint feature is made of a joint's three
    tokens and the same numbers again. Ours.

    Args:
        skeleton: the skeleton of the heatmaps.
        heatmap_px: side of the heatmaps.
        joint_dim: width of a joint feature.
        width: width of a token.
        depth: transformer layers.
        heads: attention heads.
        mlp_width: hidden width of the transformer's MLPs, and of those that make tokens of numbers.
        hidden_dims: widths between a joint's three tokens and its feature.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        *,
        width: int,
        depth: int,
        heads: int,
        mlp_width: int,
        hidden_dims: Sequence[int],
    ) -> None:
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.rig: StereoRig | None = None
        of_view, of_joint = OF_VIEW, NUM_VIEWS * OF_VIEW + OF_POINT
        self.project = nn.Linear(heatmap_px**2, width)
        self.project_peaks = _mlp(of_view, mlp_width, width)
        self.project_points = _mlp(of_joint, mlp_width, width)
        self.positions = nn.Parameter(torch.empty(self.num_maps + skeleton.num_heatmap_joints, width))
        self.transformer = Transformer(width, depth, heads, mlp_width)
        self.reduce = fc_stack(((NUM_VIEWS + 1) * width + of_joint, *hidden_dims, joint_dim))
        nn.init.trunc_normal_(self.positions, std=0.02)
        init_kaiming(self)

    def set_rig(self, rig: StereoRig | None) -> None:
        """Sets the cameras, whose square frames the heatmaps fill; None: they are not known."""
        self.rig = rig

    def numbers(self, heatmaps: Float[Tensor, "b v j h w"]) -> tuple[Float[Tensor, "b v j n"], Float[Tensor, "b j m"]]:
        """What is known of the peak of each heatmap, and of the point between the rays of each joint.

        Raises:
            ValueError: if the cameras are not known.
        """
        return peak_numbers(find_peaks(heatmaps), known(self.rig, self))

    def forward(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b j d"]:
        """A feature per joint."""
        of_view, of_point = self.numbers(heatmaps)
        of_joint = torch.cat((*of_view.unbind(1), of_point), -1)
        maps = (self.project(heatmaps.flatten(-2)) + self.project_peaks(of_view)).flatten(1, 2)
        tokens = self.transformer(torch.cat((maps, self.project_points(of_joint)), 1) + self.positions)
        left, right, point = tokens.unflatten(1, (NUM_VIEWS + 1, -1)).unbind(1)
        features = self.reduce(torch.cat((left, right, point, of_joint), -1).flatten(0, 1))
        return features.unflatten(0, (heatmaps.shape[0], -1))


def known(rig: StereoRig | None, network: nn.Module) -> StereoRig:
    """The cameras of the heatmaps that a network reads.

    Args:
        rig: the cameras, or None.
        network: which network needs them.

    Raises:
        ValueError: if they are not known.
    """
    if rig is None:
        name = type(network).__name__
        raise ValueError(f"{name} needs the cameras of the heatmaps (a rig), and these data have none")
    return rig


def peak_numbers(peaks: Peaks, rig: StereoRig) -> tuple[Float[Tensor, "b v j n"], Float[Tensor, "b j m"]]:
    """What is known of the peak of each joint's heatmaps, and of the point where its rays through the cameras meet.

    Args:
        peaks: of the heatmaps of both views, ``b v j``.
        rig: the two cameras.
    """
    sides = constant(tuple(camera.size_px for camera in rig.cameras), peaks.at.device, peaks.at.dtype)
    rays = rays_in_left_frame(rig, peaks.at * sides[:, None])
    met = triangulate(rig, rays)
    sure = peaks.height.clamp(min=0).prod(1)[..., None] + _SMALL
    middle_cm = (sure * met.points_cm).sum(1, keepdim=True) / sure.sum(1, keepdim=True)
    scalars = torch.stack((peaks.height, peaks.mass, peaks.share), -1)
    of_view = torch.cat((2 * peaks.at - 1, 2 * peaks.mean - 1, 4 * peaks.spread, scalars, rays), -1)
    of_point = torch.cat(
        (
            met.points_cm / _BODY_CM,
            (met.points_cm - middle_cm) / _BODY_CM,
            (met.gap_cm / _GAP_CM).clamp(max=4)[..., None],
            met.sine[..., None],
        ),
        -1,
    )
    return of_view, of_point


def find_peaks(heatmaps: Float[Tensor, "*n h w"]) -> Peaks:
    """Where the peaks of heatmaps are, and how sure they are, in single precision or more."""
    heatmaps = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))  # half precision is not enough
    h, w = heatmaps.shape[-2:]
    height, place = heatmaps.flatten(-2).max(-1)
    rows = torch.arange(h, device=heatmaps.device)
    columns = torch.arange(w, device=heatmaps.device)
    near_rows = ((rows - (place // w)[..., None]).abs() <= _REACH_PX).to(heatmaps.dtype)
    near_columns = ((columns - (place % w)[..., None]).abs() <= _REACH_PX).to(heatmaps.dtype)
    positive = heatmaps.clamp(min=0)
    peak = positive * near_rows[..., :, None] * near_columns[..., None, :]
    mass, peak_mass = positive.sum((-2, -1)), peak.sum((-2, -1))
    mean, spread = _moments(positive, mass)
    at, _ = _moments(peak, peak_mass)
    return Peaks(at, height, mass / _TRUE_MASS, peak_mass / (mass + _SMALL), mean, spread)


def _moments(maps: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation along (u, v), shares of the side; of an empty heatmap, the middle and zero."""
    found = []
    for axis in (-1, -2):  # u goes along columns
        weights, size = maps.sum(-3 - axis), maps.shape[axis]  # summed over the other axis
        places = (torch.arange(size, device=maps.device, dtype=maps.dtype) + 0.5) / size
        total = mass + _SMALL
        mean = ((weights * places).sum(-1) + 0.5 * _SMALL) / total
        variance = (weights * (places - mean[..., None]).square()).sum(-1) / total
        found.append((mean, (variance + _SMALL**2).sqrt()))
    means, spreads = zip(*found, strict=True)
    return torch.stack(means, -1), torch.stack(spreads, -1)


def _mlp(in_dim: int, hidden_dim: int, out_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(in_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, out_dim))
