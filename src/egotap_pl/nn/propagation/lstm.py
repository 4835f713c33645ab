"""LSTM on joint features."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import RecurrentPropagation
from egotap_pl.nn.propagation.tree_lstm import TreeLstm


class LstmPropagation(RecurrentPropagation):
    """LSTM along the tree on joint features only (Table 2, "Grid ViT + LSTM").

    In paper and release, the state is as wide as a joint feature (256).
    """

    uses_limbs = False

    def _build_layers(self, skeleton: Skeleton, joint_dim: int, num_layers: int) -> None:
        self.lstm = TreeLstm(skeleton, joint_dim, self.out_dim, num_layers)

    def forward(self, joint: Float[Tensor, "b j d"], limb: None = None) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint."""
        return self.lstm(joint)
