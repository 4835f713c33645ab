"""Grid ViT as its released code has it."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.encoders.grid_vit import GridViTEncoder


class ReleaseGridViTEncoder(GridViTEncoder):
    """Grid ViT over a square grid of maps whose blank cells take part in attention (release; the paper has none).

    30 or 34 maps lie in a 6 x 6 grid. The tokens of the blank cells are one learned mask token plus positions.
    Tokens, and so ``positions``, are ordered cell by cell, row by row inside a cell, the blank cells last; published
    positions are ordered row by row over the whole grid image and are to be reordered when they are imported.

    Args: see `GridViTEncoder`.
    """

    def __init__(self, *args: Any, width: int = 1024, **sizes: Any) -> None:
        super().__init__(*args, width=width, **sizes)
        self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02))

    def num_cells(self) -> int:
        """Cells of the smallest square grid that has room for all maps."""
        return math.ceil(math.sqrt(self.num_maps)) ** 2

    def embed(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b t w2"]:
        """Input tokens, those of the blank cells at the end."""
        filled = self.num_maps * self.tokens_per_map
        blank = self.mask_token + self.positions[filled:]
        tokens = self.project(self.cut(heatmaps)) + self.positions[:filled]
        return torch.cat((tokens, blank.expand(tokens.shape[0], -1, -1)), 1)
