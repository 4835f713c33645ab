"""A decoder of few channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.blocks import conv_relu


class TopDown(nn.Module):
    """Features of few channels at the finest stride, from a backbone's features at all strides.

    The features of every stride are reduced to the same number of channels, then merged from the coarsest stride to the
    finest: twice the size, concatenated with the next stride, 1x1 and 3x3 convolution (EgoPoseFormer, Yang et al. 2024;
    sizes from its release).

    Args:
        in_channels: channels of the features, the finest stride first.
        channels: channels of the result.
    """

    def __init__(self, in_channels: Sequence[int], channels: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(conv_relu(each, channels, 1) for each in in_channels)
        self.merges = nn.ModuleList(
            nn.Sequential(conv_relu(2 * channels, channels, 1), conv_relu(channels, channels, 3))
            for _ in in_channels[1:]
        )
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, pyramid: Sequence[Float[Tensor, "n _ _ _"]]) -> Float[Tensor, "n c h w"]:
        """The merged features; ``pyramid`` has the finest stride first, and every stride half the size of the last."""
        *finer, x = (lateral(level) for lateral, level in zip(self.laterals, pyramid, strict=True))
        for merge, skip in zip(self.merges, reversed(finer), strict=True):
            x = merge(torch.cat((skip, self.upsample(x)), 1))
        return x
