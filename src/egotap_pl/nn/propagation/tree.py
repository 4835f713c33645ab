"""The scan along a skeleton's tree that all recurrent propagations share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton

Rows = tuple[Tensor, ...]
"""Tensors with one row per sample and joint."""

Step = Callable[[Rows, Rows], tuple[Rows, Rows]]
"""Called with (inputs, parents' states); returns (states, outputs). All have the same rows."""


class TreeScan(nn.Module):
    """Runs a recurrent step from the root to the leaves, each joint from its parent's state (paper eq. 7-9).

    All joints of a level take the step together, so the number of steps is the tree's depth, not its size. This works
    for any tree, a chain included.
    """

    order: Tensor
    inverse: Tensor
    parents: Tensor

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        levels = skeleton.levels
        self.sizes = [len(level) for level in levels]
        rows = torch.tensor([joint - 1 for level in levels for joint in level])  # heatmap index of each joint
        parents = [[above.index(skeleton.parents[joint]) for joint in level] for above, level in pairwise(levels)]
        self.in_place = [p == list(range(size)) for p, size in zip(parents, self.sizes[:-1], strict=True)]
        # Buffers are on the model's device, so indexing copies nothing from the host.
        self.register_buffer("order", rows, persistent=False)
        self.register_buffer("inverse", rows.argsort(), persistent=False)
        self.register_buffer(
            "parents", torch.tensor(list(chain.from_iterable(parents)), dtype=torch.long), persistent=False
        )

    def forward(
        self, step: Step, inputs: tuple[Float[Tensor, "b j _"], ...], state_dims: tuple[int, ...]
    ) -> tuple[Float[Tensor, "b j _"], ...]:
        """The step's outputs at every joint.

        Args:
            step: the recurrent step.
            inputs: the features that the step of each joint reads.
            state_dims: widths of the state's tensors; the root's state is zero (eq. 8).
        """
        b = inputs[0].shape[0]  # not len(), in which an exporter loses a symbolic size
        # Joints come first: a level is then one contiguous block. The step gets its rows (joint, sample) flattened.
        columns = [x.transpose(0, 1).index_select(0, self.order).split(self.sizes) for x in inputs]
        parents = self.parents.split(self.sizes[1:])
        state = tuple(inputs[0].new_zeros(self.sizes[0] * b, dim) for dim in state_dims)
        collected = []
        for level, blocks in enumerate(zip(*columns, strict=True)):
            if level and not self.in_place[level - 1]:
                state = tuple(s.unflatten(0, (-1, b)).index_select(0, parents[level - 1]).flatten(0, 1) for s in state)
            state, outputs = step(tuple(block.flatten(0, 1) for block in blocks), state)
            collected.append(outputs)
        return tuple(
            torch.cat(rows).unflatten(0, (-1, b)).index_select(0, self.inverse).transpose(0, 1)
            for rows in zip(*collected, strict=True)
        )
