"""How far propagation units open their gates, by what the cameras see (paper eq. 10-13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from egotap_pl.core.batch import Visibility
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.clusters import GroupMeans, group_means
from egotap_pl.figures.style import SMALL, TEXT, TITLE, page, signed
from egotap_pl.nn.propagation.pu import PropagationUnit

_COUNTS = 3  # visible in none, one or both views


class Gate(NamedTuple):
    """A gate's activations over its features; joints are those with a heatmap.

    Fields:
        mean: over the features.
        decided: share of the features for which it is nearly shut or nearly open: below 0.25 or above 0.75.
    """

    mean: Float[np.ndarray, "b j"]
    decided: Float[np.ndarray, "b j"]


class Gates(NamedTuple):
    """The gates of a layer of propagation units.

    Fields:
        hidden: f', which scales the parent's hidden state.
        limb: f'', which scales the relational feature; None in upper layers.
    """

    hidden: Gate
    limb: Gate | None


class GateMeans(NamedTuple):
    """Of one gate, for every number of views that see the joint (0, 1, 2) and, fastest, that see its parent.

    Fields:
        value: mean activation.
        excess: mean of the activation minus the same joint's own mean: a joint that is often hidden may have other
            gates whether it is hidden or not.
    """

    value: GroupMeans
    excess: GroupMeans


@contextmanager
def recorded_gates(propagation: nn.Module) -> Iterator[list[Gates]]:
    """The gates of every layer of propagation units during the last forward pass inside, first layer first."""
    units = [unit for unit in propagation.modules() if isinstance(unit, PropagationUnit)]
    gates: list[Any] = [None] * len(units)

    def hook(number: int, unit: PropagationUnit) -> Any:
        def record(_: nn.Module, __: Any, output: Tensor) -> None:
            hidden, limb = output.detach().float().sigmoid().split((unit.state_dim, unit.limb_dim), -1)
            gates[number] = Gates(_gate(hidden), _gate(limb) if unit.limb_dim else None)

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


def seen_by(visibility: UInt8[np.ndarray, "n v j"], skeleton: Skeleton) -> Int[np.ndarray, "n m"]:
    """3 times the number of views that see a joint, plus the number that see its parent; -1 where it is not known.

    Args:
        visibility: of every joint of the skeleton.
        skeleton: whose joints 1, 2, ... are told. Those that hang off the root have -1: their parent's state is zero
            and there is nothing to propagate.
    """
    known = (visibility != Visibility.UNKNOWN).all(1)
    count = np.where(known, (visibility == Visibility.VISIBLE).sum(1), -1)
    child, parent = np.array(skeleton.limbs).T
    group = _COUNTS * count[:, child] + count[:, parent]
    told = known[:, child] & known[:, parent] & (parent != 0)
    return np.where(told, group, -1).astype(np.int64)


def gates_by_visibility(
    gate: Float[np.ndarray, "n m"], seen: Int[np.ndarray, "n m"], cluster: Int[np.ndarray, "n"]
) -> GateMeans:
    """Means of one gate with intervals by bootstrap over clusters.

    Args:
        gate: activations.
        seen: see `seen_by`.
        cluster: number of each frame's motion.
    """
    clusters, groups = np.repeat(cluster, gate.shape[1]), _COUNTS**2
    told = np.where(seen >= 0, gate, np.nan)
    nowhere = np.isnan(told).all(0)
    own = np.where(nowhere, 0.0, np.nanmean(np.where(nowhere, 0.0, told), 0))
    return GateMeans(
        *(group_means(v.ravel().astype(np.float64), seen.ravel(), clusters, groups) for v in (gate, gate - own))
    )


def gates_figure(gates: Mapping[str, GateMeans]) -> Figure:
    """Two matrices per gate: its mean, and its difference to each joint's own mean, with 95% intervals."""
    figure = page(4.9)
    axes = figure.subplots(2, len(gates), squeeze=False, sharex=True, sharey=True)
    for row, (part, words) in enumerate(
        (("value", "mean activation"), ("excess", "difference to the joint's own mean"))
    ):
        results = [getattr(means, part) for means in gates.values()]
        limits = _limits(results, centred=bool(row))
        shown = [
            _matrix(axis, means, limits, centred=bool(row)) for axis, means in zip(axes[row], results, strict=True)
        ]
        bar = figure.colorbar(shown[0], ax=axes[row], shrink=0.8)
        bar.set_label(words, fontsize=TEXT)
        bar.ax.tick_params(labelsize=SMALL)
    for axis, name in zip(axes[0], gates, strict=True):
        axis.set_title(name, fontsize=TITLE)
    for axis in axes[-1]:
        axis.set_xlabel("views that see the parent", fontsize=TEXT)
    for axis in axes[:, 0]:
        axis.set_ylabel("views that see the joint", fontsize=TEXT)
    return figure


def _limits(results: Sequence[GroupMeans], centred: bool) -> tuple[float, float]:
    values = np.concatenate([means.mean for means in results])
    if centred:
        most = max(float(np.nanmax(np.abs(values))), 1e-6)
        return -most, most
    return float(np.nanmin(values)) - 1e-6, float(np.nanmax(values)) + 1e-6


def _matrix(axis: Axes, means: GroupMeans, limits: tuple[float, float], centred: bool) -> Any:
    values, low, high = (x.reshape(_COUNTS, _COUNTS) for x in means[:3])
    colours = "PuOr" if centred else "YlGnBu"
    shown = axis.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = shown.cmap(shown.norm(value))[:3] @ np.array([0.3, 0.6, 0.1]) < 0.5 if np.isfinite(value) else False
        number, start, end = (_number(float(x), centred) for x in (value, low[row, column], high[row, column]))
        text = f"{number}\n[{start},\n{end}]" if np.isfinite(value) else "no sample"
        axis.text(column, row, text, ha="center", va="center", fontsize=SMALL, color="white" if dark else "black")
    axis.set_xticks(range(_COUNTS))
    axis.set_yticks(range(_COUNTS))
    axis.tick_params(labelsize=SMALL)
    return shown


def _number(value: float, centred: bool) -> str:
    return signed(float(value), 3) if centred else f"{value:.3f}"
