"""Causal self-attention over the poses of a window."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import TransformerBlock
from egotap_pl.nn.temporal.base import TemporalHead

_SLOWEST = 1000.0
"""Longest wave of the encoding of ages is 2 pi times so many frames of a window."""


class CausalAttention(TemporalHead):
    """Corrects the last pose of a window by what came before it.

    Each frame's pose is a token; with it goes its age, in frames of the window. A token attends to itself and to older
    ones. The last token gives an offset, which is added to the last pose. It is 0 at first, so that a training starts
    with the lifter's own estimate.

    Args:
        skeleton: the skeleton of the poses.
        width: width of a token, an even number.
        depth: number of transformer blocks.
        heads: attention heads.
        mlp_width: hidden width of the blocks' MLPs; None: four times the width.
        unit_cm: length in cm of one unit of what the network reads and estimates.

    Raises:
        ValueError: if the width is odd, or not a multiple of the number of heads.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> head = CausalAttention(unrealego(), width=16, heads=2)
        >>> poses_cm = torch.randn(4, 5, 16, 3)
        >>> torch.equal(head(poses_cm), poses_cm[:, -1])
        True
    """

    def __init__(
        self,
        skeleton: Skeleton,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        mlp_width: int | None = None,
        unit_cm: float = 20.0,
    ) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"the width of a token must be even, not {width}")
        coordinates = 3 * len(skeleton.estimated)
        self.width, self.unit_cm = width, unit_cm
        self.to_token = nn.Linear(coordinates, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, mlp_width or 4 * width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.to_offset = nn.Linear(width, coordinates)
        nn.init.zeros_(self.to_offset.weight)
        nn.init.zeros_(self.to_offset.bias)

    def forward(self, poses_cm: Float[Tensor, "b t e 3"]) -> Float[Tensor, "b e 3"]:
        """The last frame's pose, in cm."""
        tokens = self.to_token((poses_cm / self.unit_cm).flatten(2)) + self._ages(poses_cm)
        for block in self.blocks:
            tokens = block(tokens, causal=True)
        offset = self.to_offset(self.norm(tokens[:, -1])).unflatten(-1, (-1, 3))
        return poses_cm[:, -1] + self.unit_cm * offset

    def _ages(self, poses_cm: Float[Tensor, "b t e 3"]) -> Float[Tensor, "t d"]:
        """Sines and cosines of each frame's age; the last frame is 0 frames old."""
        frames = poses_cm.shape[1]
        age = torch.arange(frames - 1, -1, -1, device=poses_cm.device, dtype=poses_cm.dtype)
        wave = torch.arange(self.width // 2, device=poses_cm.device, dtype=poses_cm.dtype)
        angle = age[:, None] * torch.exp(wave * (-2 * math.log(_SLOWEST) / self.width))
        return torch.cat((angle.sin(), angle.cos()), -1)
