"""Networks that are used but never trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """Wraps a trained network: no gradients, and evaluation mode whatever mode its surroundings are in.

    The release only cleared requires_grad, so batch normalisation went on using and updating batch statistics. Frozen
    for good means that the output for a frame never changes, which is what makes caching it right.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        """Stays in evaluation mode, whatever ``mode`` says."""
        super().train(False)
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """The network's output, without a graph."""
        with torch.no_grad():
            return self.module(*inputs)
