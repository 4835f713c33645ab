"""Networks that are used but not trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """Wraps a trained network: it has no gradients and is always in evaluation mode.

    The release only clears requires_grad, so batch normalisation keeps using and updating batch statistics. Here the
    output for a frame never changes, and so it can be cached.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        """Stays in evaluation mode, whatever ``mode`` is."""
        super().train(False)
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """The network's output, without gradients."""
        with torch.no_grad():
            return self.module(*inputs)
