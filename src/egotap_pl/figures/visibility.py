"""Error against how the cameras see a joint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.figure import Figure

from egotap_pl.analysis.statistics import numbered
from egotap_pl.core.batch import Visibility
from egotap_pl.figures.clusters import GroupMeans, group_means
from egotap_pl.figures.style import SMALL, legend_below, looks, page, plain

STATES = (
    ("visible", "visible"),
    ("visible", "occluded"),
    ("visible", "out of view"),
    ("occluded", "occluded"),
    ("occluded", "out of view"),
    ("out of view", "out of view"),
)
"""How the two views see a joint; which of them is left does not count."""
RARE = 0.005
_NUMBERS = {"visible": Visibility.VISIBLE, "occluded": Visibility.OCCLUDED, "out of view": Visibility.OUT_OF_VIEW}


class ErrorByVisibility(NamedTuple):
    """Of one method.

    Fields:
        error_mm: mean error in every one of `STATES`.
        excess_mm: likewise, of the error minus the same joint's mean error over all frames. Which joints are hidden is
            no accident: they are far from the cameras, and hard in any state. This shows the state's own part.
    """

    error_mm: GroupMeans
    excess_mm: GroupMeans


def joint_states(visibility: UInt8[np.ndarray, "n v j"]) -> Int[np.ndarray, "n j"]:
    """Index into `STATES` of every joint, -1 where a data set does not say.

    Raises:
        ValueError: if there are not two views.
    """
    if visibility.shape[1] != 2:
        raise ValueError(f"states are told for 2 views, not {visibility.shape[1]}")
    better, worse = visibility.min(1).astype(np.int64), visibility.max(1).astype(np.int64)
    table = np.full((4, 4), -1)
    for state, (a, b) in enumerate(STATES):
        table[_NUMBERS[a], _NUMBERS[b]] = state
    return table[better, worse]


def error_by_visibility(
    error_mm: Float[np.ndarray, "n j"], visibility: UInt8[np.ndarray, "n v j"], motion: Sequence[str]
) -> ErrorByVisibility:
    """Mean error in every state, with intervals by bootstrap over motions."""
    states = joint_states(visibility).ravel()
    cluster = np.repeat(numbered(motion), error_mm.shape[1])
    excess = error_mm - error_mm.mean(0)
    return ErrorByVisibility(
        *(group_means(values.ravel(), states, cluster, len(STATES)) for values in (error_mm, excess))
    )


def visibility_figure(methods: Mapping[str, ErrorByVisibility]) -> Figure:
    """A point with its interval per state and method: the error, and its difference to the joint's mean error.

    States of less than `RARE` of all joints are left out: their intervals would squeeze all others.
    """
    share = shares(next(iter(methods.values())))
    shown = np.flatnonzero(share >= RARE)
    figure = page(0.9 + 0.55 * len(shown) + 0.16 * -(-len(methods) // 4))
    left, right = figure.subplots(1, 2, sharey=True)
    plain(left, "mean error (mm)", title="Error")
    plain(right, "difference to the same joint's mean error (mm)", title="Beyond what the joint always has")
    right.axvline(0, color="0.5", linewidth=0.8)
    for k, ((name, result), look) in enumerate(zip(methods.items(), looks(len(methods)), strict=True)):
        shift = 0.7 * ((k + 0.5) / len(methods) - 0.5)
        for axis, means in ((left, result.error_mm), (right, result.excess_mm)):
            mean, low, high = (values[shown] for values in means[:3])
            axis.errorbar(
                mean,
                np.arange(len(shown)) + shift,
                xerr=np.stack((mean - low, high - mean)),
                fmt=look.marker,
                color=look.color,
                markersize=3.2,
                linewidth=1,
                label=name,
            )
    left.set_yticks(
        range(len(shown)), [f"{_told(k)}\n{share[k]:.1%} of joints" for k in shown.tolist()], fontsize=SMALL
    )
    left.invert_yaxis()
    left.set_xlim(left=0)
    for axis in (left, right):
        for border in np.arange(len(shown) - 1) + 0.5:
            axis.axhline(border, color="0.85", linewidth=0.6)
        axis.grid(visible=False, axis="y")
    legend_below(figure, left)
    return figure


def shares(result: ErrorByVisibility) -> Float[np.ndarray, "k"]:
    """Share of joints in every state."""
    count = result.error_mm.samples
    return count / max(int(count.sum()), 1)


def _told(state: int) -> str:
    a, b = STATES[state]
    return f"{a} in both" if a == b else f"{a} in one,\n{b} in the other"
