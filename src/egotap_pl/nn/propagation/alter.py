"""LSTM on relational and joint features by turns."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import Propagation
from egotap_pl.nn.propagation.tree import Rows, TreeScan


class AlterPropagation(Propagation):
    """One LSTM, a step on the relational feature, then one on the joint feature (Table 2, "LSTM RF Alter").

    Args:
        skeleton: its parents are the order of propagation.
        joint_dim: width of a joint feature and of a relational feature.
        state_dim: width of the propagated feature; None makes it as wide as a joint feature (paper and release: 256).
        num_layers: stacked LSTM layers; upper layers, too, take both steps.
    """

    uses_limbs = True

    def __init__(
        self, skeleton: Skeleton, joint_dim: int, *, state_dim: int | None = None, num_layers: int = 2
    ) -> None:
        super().__init__()
        self.out_dim = state_dim or joint_dim
        self.scan = TreeScan(skeleton)
        self.cells = nn.ModuleList(
            nn.LSTMCell(joint_dim if layer == 0 else self.out_dim, self.out_dim) for layer in range(num_layers)
        )

    def forward(self, joint: Float[Tensor, "b j d"], limb: Float[Tensor, "b j d"]) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint: the last layer's state after the joint feature's step."""
        for cell in self.cells:

            def step(inputs: Rows, state: Rows, cell: nn.Module = cell) -> tuple[Rows, Rows]:
                limb_rows, joint_rows = inputs
                between = cell(limb_rows, state)
                after = cell(joint_rows, between)
                return after, (between[0], after[0])

            limb, joint = self.scan(step, (limb, joint), (self.out_dim, self.out_dim))
        return joint
