"""Stacked LSTM layers along a tree."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.tree import Rows, TreeScan


class TreeLstm(nn.Module):
    """An LSTM whose sequence is the path from the root to each joint.

    Args:
        skeleton: its parents define the order of propagation.
        input_dim: width of the input features.
        state_dim: width of the hidden state and of the cell state.
        num_layers: number of stacked layers.
    """

    def __init__(self, skeleton: Skeleton, input_dim: int, state_dim: int, num_layers: int) -> None:
        super().__init__()
        self.state_dim = state_dim
        self.scan = TreeScan(skeleton)
        self.cells = nn.ModuleList(
            nn.LSTMCell(input_dim if layer == 0 else state_dim, state_dim) for layer in range(num_layers)
        )

    def forward(self, features: Float[Tensor, "b j d"]) -> Float[Tensor, "b j s"]:
        """The last layer's hidden state of every joint."""
        for cell in self.cells:

            def step(inputs: Rows, state: Rows, cell: nn.Module = cell) -> tuple[Rows, Rows]:
                hidden, memory = cell(inputs[0], state)
                return (hidden, memory), (hidden,)

            (features,) = self.scan(step, (features,), (self.state_dim, self.state_dim))
        return features
