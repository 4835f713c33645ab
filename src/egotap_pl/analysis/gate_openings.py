"""How far propagation units open their gates, by what the cameras see (paper eq. 10-13)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from egotap_pl.analysis.statistics import GroupMeans, group_means
from egotap_pl.core.batch import Visibility
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.pu import PropagationUnit

VIEW_COUNTS = 3
"""A joint is visible in 0, 1 or 2 views."""


class Gate(NamedTuple):
    """A gate's activations (0 shut, 1 open) for b frames and the j joints with a heatmap."""

    mean: Float[np.ndarray, "b j"]
    """Mean over the gate's features."""
    decided: Float[np.ndarray, "b j"]
    """Share of the features for which the gate is nearly shut or nearly open: below 0.25 or above 0.75."""


class LayerGates(NamedTuple):
    """The gates of a layer of propagation units."""

    hidden: Gate
    """f', which scales the parent's hidden state."""
    limb: Gate | None
    """f'', which scales the relational feature; None in upper layers."""


class GateMeans(NamedTuple):
    """Means of one gate in 9 groups: by the number of views that see the joint and, fastest, that see its parent."""

    value: GroupMeans
    """Mean activation."""
    excess: GroupMeans
    """Mean of the activation minus the same joint's own mean. Joints that are often hidden may have other gates whether
    they are hidden or not; this leaves what visibility itself changes."""


@contextmanager
def recorded_gates(propagation: nn.Module) -> Iterator[list[LayerGates]]:
    """Records the gates of every layer of propagation units during the last forward pass inside, first layer first.

    Args:
        propagation: a module with `PropagationUnit`s inside.
    """
    units = [unit for unit in propagation.modules() if isinstance(unit, PropagationUnit)]
    gates: list[Any] = [None] * len(units)

    def hook(number: int, unit: PropagationUnit) -> Any:
        def record(_: nn.Module, __: Any, output: Tensor) -> None:
            hidden, limb = output.detach().float().sigmoid().split((unit.state_dim, unit.limb_dim), -1)
            gates[number] = LayerGates(_gate(hidden), _gate(limb) if unit.limb_dim else None)

        return record

    handles = [unit.to_forget.register_forward_hook(hook(k, unit)) for k, unit in enumerate(units)]
    try:
        yield gates
    finally:
        for handle in handles:
            handle.remove()


def _gate(activation: Float[Tensor, "b j d"]) -> Gate:
    decided = ((activation - 0.5).abs() > 0.25).float()
    return Gate(activation.mean(-1).numpy(), decided.mean(-1).numpy())


def visibility_groups(visibility: UInt8[np.ndarray, "n v j"], skeleton: Skeleton) -> Int[np.ndarray, "n m"]:
    """The group of each of the m joints with a heatmap: 3 x views that see it + views that see its parent.

    -1 where that is not known, and for joints attached to the root: nothing is propagated to them.

    Args:
        visibility: a `Visibility` for each of n frames, 2 views and all joints of the skeleton.
        skeleton: the skeleton of these joints.
    """
    known = (visibility != Visibility.UNKNOWN).all(1)
    count = np.where(known, (visibility == Visibility.VISIBLE).sum(1), -1)
    child, parent = np.array(skeleton.limbs).T
    group = VIEW_COUNTS * count[:, child] + count[:, parent]
    has_group = known[:, child] & known[:, parent] & (parent != 0)
    return np.where(has_group, group, -1).astype(np.int64)


def gates_by_visibility(
    gate: Float[np.ndarray, "n m"], group: Int[np.ndarray, "n m"], cluster: Int[np.ndarray, "n"]
) -> GateMeans:
    """Means of one gate in each group of visibility, with intervals over motions.

    Args:
        gate: activations for n frames and m joints.
        group: the group of each (`visibility_groups`).
        cluster: number of each frame's motion (`egotap_pl.analysis.statistics.numbered`).
    """
    clusters, groups = np.repeat(cluster, gate.shape[1]), VIEW_COUNTS**2
    grouped = np.where(group >= 0, gate, np.nan)
    has_no_group = np.isnan(grouped).all(0)
    own = np.where(has_no_group, 0.0, np.nanmean(np.where(has_no_group, 0.0, grouped), 0))
    value, excess = (
        group_means(part.ravel().astype(np.float64), group.ravel(), clusters, groups) for part in (gate, gate - own)
    )
    return GateMeans(value, excess)
