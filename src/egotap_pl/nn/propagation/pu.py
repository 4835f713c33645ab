"""The paper's propagation units."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import init_kaiming
from egotap_pl.nn.propagation.base import RecurrentPropagation
from egotap_pl.nn.propagation.tree import Rows, TreeScan


class PropagationUnit(nn.Module):
    """One layer of propagation units along the tree (paper 3.3, eq. 10-13, Fig. 5).

    Gates computed from the input scale the parent's hidden state and the relational feature; an LSTM step follows. The
    cell state is not scaled. Everything that does not depend on the parent is computed for all joints beforehand.

    Args:
        skeleton: its parents define the order of propagation.
        input_dim: width of the input: a joint feature, or a hidden state of the layer below.
        state_dim: width of the hidden state and of the cell state.
        limb_dim: width of the relational feature; 0 for upper layers, which read none.
    """

    def __init__(self, skeleton: Skeleton, input_dim: int, state_dim: int, limb_dim: int) -> None:
        super().__init__()
        self.state_dim, self.limb_dim = state_dim, limb_dim
        self.scan = TreeScan(skeleton)
        self.to_forget = nn.Linear(input_dim, state_dim + limb_dim)  # f', then f''
        # Pre-activations of the LSTM's gates, in the release's order: forget, input, cell, output.
        self.input_to_gates = nn.Linear(input_dim, 4 * state_dim)
        self.limb_to_gates = nn.Linear(limb_dim, 4 * state_dim) if limb_dim else None
        self.hidden_to_gates = nn.Linear(state_dim, 4 * state_dim)
        init_kaiming(self)

    def forward(self, features: Float[Tensor, "b j d"], limb: Float[Tensor, "b j r"] | None) -> Float[Tensor, "b j s"]:
        """The hidden state of every joint."""
        forget = self.to_forget(features).sigmoid()
        forget_hidden, forget_limb = forget.split((self.state_dim, self.limb_dim), -1)
        gates = self.input_to_gates(features)
        if self.limb_to_gates is not None:
            gates = gates + self.limb_to_gates(forget_limb * limb)
        (hidden,) = self.scan(self._step, (gates, forget_hidden), (self.state_dim, self.state_dim))
        return hidden

    def _step(self, inputs: Rows, state: Rows) -> tuple[Rows, Rows]:
        gates, forget_hidden = inputs
        hidden, memory = state
        gates = gates + self.hidden_to_gates(forget_hidden * hidden)
        forget, write, candidate, out = gates.chunk(4, -1)
        memory = torch.addcmul(forget.sigmoid() * memory, write.sigmoid(), candidate.tanh())
        hidden = out.sigmoid() * memory.tanh()
        return (hidden, memory), (hidden,)


class PuPropagation(RecurrentPropagation):
    """Propagation units, the paper's network (Table 2, "Ours (Grid ViT + PU)").

    Only the first layer reads relational features. The state is as wide as a joint feature in the paper (256) and twice
    as wide in the release (512), whose code in effect follows a chain instead of the tree.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> propagation = PuPropagation(unrealego(), joint_dim=8)
        >>> joint, limb = torch.rand(4, 15, 8), torch.rand(4, 15, 8)
        >>> propagation(joint, limb).shape
        torch.Size([4, 15, 8])
    """

    uses_limbs = True

    def _build_layers(self, skeleton: Skeleton, joint_dim: int, num_layers: int) -> None:
        self.layers = nn.ModuleList(
            PropagationUnit(skeleton, *((joint_dim, self.out_dim, joint_dim) if k == 0 else (self.out_dim,) * 2 + (0,)))
            for k in range(num_layers)
        )

    def forward(self, joint: Float[Tensor, "b j d"], limb: Float[Tensor, "b j d"]) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint."""
        first, *upper = self.layers
        hidden = first(joint, limb)
        for layer in upper:
            hidden = layer(hidden, None)
        return hidden
