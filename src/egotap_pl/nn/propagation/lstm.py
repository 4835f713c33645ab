"""LSTM on joint features."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import Propagation
from egotap_pl.nn.propagation.tree_lstm import TreeLstm


class LstmPropagation(Propagation):
    """LSTM along the tree on joint features only (Table 2, "Grid ViT + LSTM").

    Args:
        skeleton: its parents are the order of propagation.
        joint_dim: width of a joint feature.
        state_dim: width of the propagated feature; None makes it as wide as a joint feature (paper and release: 256).
        num_layers: stacked LSTM layers.
    """

    uses_limbs = False

    def __init__(
        self, skeleton: Skeleton, joint_dim: int, *, state_dim: int | None = None, num_layers: int = 2
    ) -> None:
        super().__init__()
        self.out_dim = state_dim or joint_dim
        self.lstm = TreeLstm(skeleton, joint_dim, self.out_dim, num_layers)

    def forward(self, joint: Float[Tensor, "b j d"], limb: None = None) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint."""
        return self.lstm(joint)
