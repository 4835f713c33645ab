"""LSTM on concatenated joint and relational features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import RecurrentPropagation
from egotap_pl.nn.propagation.tree_lstm import TreeLstm


class ConcatPropagation(RecurrentPropagation):
    """LSTM along the tree on [joint, relational] features (Table 2, "Grid ViT + LSTM RF Concat").

    The state is as wide as a joint feature in the paper (256) and twice as wide in the release (512).
    """

    uses_limbs = True

    def _build_layers(self, skeleton: Skeleton, joint_dim: int, num_layers: int) -> None:
        self.lstm = TreeLstm(skeleton, 2 * joint_dim, self.out_dim, num_layers)

    def forward(self, joint: Float[Tensor, "b j d"], limb: Float[Tensor, "b j d"]) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint."""
        return self.lstm(torch.cat((joint, limb), -1))
