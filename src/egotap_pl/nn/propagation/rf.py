"""Relational features without recurrence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import Propagation


class RfPropagation(Propagation):
    """Concatenates joint and relational features; nothing propagates (Table 2, "Grid ViT + RF")."""

    uses_limbs = True

    def __init__(self, skeleton: Skeleton, joint_dim: int) -> None:
        super().__init__()
        self.out_dim = 2 * joint_dim

    def forward(self, joint: Float[Tensor, "b j d"], limb: Float[Tensor, "b j d"]) -> Float[Tensor, "b j 2*d"]:
        """[joint, relational] of every joint."""
        return torch.cat((joint, limb), -1)
