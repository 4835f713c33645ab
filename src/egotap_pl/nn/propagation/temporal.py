"""Propagation along the skeleton and along time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import init_kaiming
from egotap_pl.nn.propagation.base import RecurrentPropagation
from egotap_pl.nn.propagation.tree import Rows, TreeScan


class TemporalUnit(nn.Module):
    """One layer of propagation units whose joints read their parent's state and their own in the frame before.

    A propagation unit (paper 3.3) with two predecessors, each with a gate of its own for its hidden state and for its
    memory, as in a multi-dimensional LSTM (Graves, Fernández and Schmidhuber 2007). The states before the first frame
    of a window are zero, as the parent of the root's is.

    Args:
        skeleton: its parents define the order of propagation.
        input_dim: width of the input: a joint feature, or a hidden state of the layer below.
        state_dim: width of the hidden state and of the memory.
        limb_dim: width of the relational feature; 0 for upper layers, which read none.
    """

    def __init__(self, skeleton: Skeleton, input_dim: int, state_dim: int, limb_dim: int) -> None:
        super().__init__()
        self.state_dim, self.limb_dim = state_dim, limb_dim
        self.scan = TreeScan(skeleton)
        self.to_forget = nn.Linear(input_dim, 2 * state_dim + limb_dim)  # parent's and own hidden state, limb
        # Pre-activations: forget the parent's memory, forget the own memory, input, candidate, output.
        self.input_to_gates = nn.Linear(input_dim, 5 * state_dim)
        self.limb_to_gates = nn.Linear(limb_dim, 5 * state_dim) if limb_dim else None
        self.parent_to_gates = nn.Linear(state_dim, 5 * state_dim)
        self.past_to_gates = nn.Linear(state_dim, 5 * state_dim, bias=False)
        init_kaiming(self)

    def forward(
        self, features: Float[Tensor, "b t j d"], limb: Float[Tensor, "b t j r"] | None
    ) -> Float[Tensor, "b t j s"]:
        """The hidden state of every joint in every frame."""
        forget = self.to_forget(features).sigmoid()
        forget_parent, forget_past, forget_limb = forget.split((self.state_dim, self.state_dim, self.limb_dim), -1)
        gates = self.input_to_gates(features)
        if self.limb_to_gates is not None:
            gates = gates + self.limb_to_gates(forget_limb * limb)
        hidden = memory = torch.zeros_like(forget_parent[:, 0])
        states = []
        for frame in range(features.shape[1]):
            with_past = gates[:, frame] + self.past_to_gates(forget_past[:, frame] * hidden)
            inputs = (with_past, forget_parent[:, frame], memory)
            hidden, memory = self.scan(self._step, inputs, (self.state_dim, self.state_dim))
            states.append(hidden)
        return torch.stack(states, 1)

    def _step(self, inputs: Rows, state: Rows) -> tuple[Rows, Rows]:
        gates, forget_parent, own_memory = inputs
        hidden, memory = state
        gates = gates + self.parent_to_gates(forget_parent * hidden)
        of_parent, of_own, write, candidate, out = gates.chunk(5, -1)
        memory = of_parent.sigmoid() * memory + of_own.sigmoid() * own_memory + write.sigmoid() * candidate.tanh()
        hidden = out.sigmoid() * memory.tanh()
        return (hidden, memory), (hidden, memory)


class TemporalPropagation(RecurrentPropagation):
    """Propagation units along the skeleton and along time: each joint from its parent and from its own past.

    Only the first layer reads relational features. A frame alone is a window of one frame.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> propagation = TemporalPropagation(unrealego(), joint_dim=8)
        >>> joint, limb = torch.rand(4, 5, 15, 8), torch.rand(4, 5, 15, 8)
        >>> propagation.over_time(joint, limb).shape, propagation(joint[:, -1], limb[:, -1]).shape
        (torch.Size([4, 15, 8]), torch.Size([4, 15, 8]))
    """

    uses_limbs = True
    reads_past = True

    def _build_layers(self, skeleton: Skeleton, joint_dim: int, num_layers: int) -> None:
        self.layers = nn.ModuleList(
            TemporalUnit(skeleton, *((joint_dim, self.out_dim, joint_dim) if k == 0 else (self.out_dim,) * 2 + (0,)))
            for k in range(num_layers)
        )

    def over_time(
        self, joint: Float[Tensor, "b t j d"], limb: Float[Tensor, "b t j d"] | None
    ) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint in the last frame of each window."""
        first, *upper = self.layers
        hidden = first(joint, limb)
        for layer in upper:
            hidden = layer(hidden, None)
        last: Tensor = hidden[:, -1]
        return last

    def forward(self, joint: Float[Tensor, "b j d"], limb: Float[Tensor, "b j d"]) -> Float[Tensor, "b j s"]:
        """The propagated feature of every joint of frames alone."""
        return self.over_time(joint[:, None], limb[:, None])
