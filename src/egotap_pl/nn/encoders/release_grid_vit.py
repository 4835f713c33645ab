"""Grid ViT as in its released code."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.encoders.grid_vit import GridViTEncoder


class ReleaseGridViTEncoder(GridViTEncoder):
    """Grid ViT on a square grid of heatmaps whose blank cells take part in attention (release; the paper has none).

    A 6 x 6 grid holds 30 or 34 heatmaps. The token of a blank patch is a learned mask token plus its position.
    Tokens, and so ``positions``, are ordered by cell, and row by row within a cell; blank cells come last. Published
    positions are ordered row by row over the whole grid image, and importing them reorders them. The arguments are
    those of `GridViTEncoder`.
    """

    def __init__(self, *args: Any, width: int, **sizes: Any) -> None:
        super().__init__(*args, width=width, **sizes)
        self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02))

    def num_cells(self) -> int:
        """Number of cells of the smallest square grid with room for all heatmaps."""
        return math.ceil(math.sqrt(self.num_maps)) ** 2

    def embed(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b t w2"]:
        """Input tokens, those of blank cells last."""
        filled = self.num_maps * self.tokens_per_map
        blank = self.mask_token + self.positions[filled:]
        tokens = self.project(self.cut(heatmaps)) + self.positions[:filled]
        return torch.cat((tokens, blank.expand(tokens.shape[0], -1, -1)), 1)
