"""LSTM on relational and joint features in alternation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import RecurrentPropagation
from egotap_pl.nn.propagation.tree import Rows, TreeScan


class AlterPropagation(RecurrentPropagation):
    """LSTM with two steps per joint: on its relational feature, then on its joint feature (Table 2, "LSTM RF Alter").

    Upper layers take both steps, too. In paper and release, the state is as wide as a joint feature (256).
    """

    uses_limbs = True

    def _build_layers(self, skeleton: Skeleton, joint_dim: int, num_layers: int) -> None:
        self.scan = TreeScan(skeleton)
        self.cells = nn.ModuleList(
            nn.LSTMCell(joint_dim if layer == 0 else self.out_dim, self.out_dim) for layer in range(num_layers)
        )

    def forward(self, joint: Float[Tensor, "b j d"], limb: Float[Tensor, "b j d"]) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint: the last layer's hidden state after the second step."""
        for cell in self.cells:

            def step(inputs: Rows, state: Rows, cell: nn.Module = cell) -> tuple[Rows, Rows]:
                limb_rows, joint_rows = inputs
                between = cell(limb_rows, state)
                after = cell(joint_rows, between)
                return after, (between[0], after[0])

            limb, joint = self.scan(step, (limb, joint), (self.out_dim, self.out_dim))
        return joint
