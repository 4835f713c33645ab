"""Deformable attention in plain PyTorch."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from egotap_pl.core.constants import constant


class DeformableAttention(nn.Module):
    """Each query reads a feature map at a few places around its reference point (Zhu et al. 2021; one level).

    The offsets of these places, in px of the feature map, and their weights are linear in the query. Features between
    pixels are interpolated, those outside the map are zero. Sampled with `grid_sample`, so that there is no extension
    to compile, and the network can be exported.

    At the start every head looks into a direction of its own, point k at k + 1 px, all with equal weights.

    Args:
        width: width of queries and features.
        heads: attention heads.
        points: places that a head reads for a query.

    Raises:
        ValueError: if the width is not a multiple of the number of heads.
    """

    def __init__(self, width: int, heads: int, points: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"attention of width {width} cannot be split over {heads} heads")
        self.heads, self.points = heads, points
        self.to_offsets = nn.Linear(width, heads * points * 2)
        self.to_weights = nn.Linear(width, heads * points)
        self.to_value = nn.Conv2d(width, width, 1)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.to_offsets.weight)
        nn.init.zeros_(self.to_weights.weight)
        nn.init.zeros_(self.to_weights.bias)
        for layer in (self.to_value, self.out):
            nn.init.xavier_uniform_(layer.weight.view(width, width))
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.to_offsets.bias.copy_(_star(heads, points).flatten())

    def forward(
        self,
        query: Float[Tensor, "n j d"],
        features: Float[Tensor, "n d h w"],
        reference: Float[Tensor, "n j 2"],
    ) -> Float[Tensor, "n j d"]:
        """What each query reads.

        Args:
            query: the queries.
            features: the feature map of each row of queries.
            reference: (u, v) of each query's reference point as shares of the map's width and height, from the upper
                left corner of its first pixel.
        """
        n, (h, w) = query.shape[0], features.shape[-2:]
        value = self.to_value(features).unflatten(1, (self.heads, -1)).flatten(0, 1)
        offsets_px = self.to_offsets(query).unflatten(-1, (self.heads, self.points, 2))
        places = reference[:, :, None, None] + offsets_px / constant((w, h), offsets_px.device, offsets_px.dtype)
        grid = (2 * places - 1).transpose(1, 2).flatten(0, 1)  # one row for each head, as in value
        value = value.to(grid.dtype)  # in mixed precision, places are in single precision
        sampled = grid_sample(value, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        weights = self.to_weights(query).unflatten(-1, (self.heads, self.points)).softmax(-1)
        read = (sampled * weights.transpose(1, 2).flatten(0, 1)[:, None]).sum(-1)
        return self.out(read.unflatten(0, (n, self.heads)).flatten(1, 2).transpose(1, 2))


def _star(heads: int, points: int) -> Float[Tensor, "heads points 2"]:
    """Offsets in px: head k looks into the direction 2 pi k / heads, along which the points are on growing squares."""
    angle = torch.arange(heads) * (2 * math.pi / heads)
    direction = torch.stack((angle.cos(), angle.sin()), -1)
    direction = direction / direction.abs().amax(-1, keepdim=True)
    return direction[:, None] * torch.arange(1, points + 1)[:, None]
