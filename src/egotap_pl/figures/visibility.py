"""Figure of the error by how the cameras see a joint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from egotap_pl.analysis.error_breakdown import ErrorByVisibility
from egotap_pl.figures.style import SMALL, interval_lengths, legend_below, looks, page, style_axis
from egotap_pl.metrics.visibility import STATES

RARE = 0.005
"""States with a smaller share of the joints are not drawn: their wide intervals would squeeze the others."""


def visibility_figure(methods: Mapping[str, ErrorByVisibility]) -> Figure:
    """The error of every method in each state of visibility, and its difference to the joint's mean error, in mm.

    A row per state, with a point and its interval per method. States rarer than `RARE` are skipped.

    Args:
        methods: errors by the method's name, all of the same frames.
    """
    shares = next(iter(methods.values())).shares
    states = np.flatnonzero(shares >= RARE)
    figure = page(0.9 + 0.55 * len(states) + 0.16 * -(-len(methods) // 4))
    left, right = figure.subplots(1, 2, sharey=True)
    style_axis(left, "mean error (mm)", title="Error")
    style_axis(right, "difference from the joint's mean error (mm)", title="Beyond the joint's mean error")
    right.axvline(0, color="0.5", linewidth=0.8)
    for k, ((name, result), look) in enumerate(zip(methods.items(), looks(len(methods)), strict=True)):
        shift = 0.7 * ((k + 0.5) / len(methods) - 0.5)
        for axis, means in ((left, result.error_mm), (right, result.excess_mm)):
            axis.errorbar(
                means.mean[states],
                np.arange(len(states)) + shift,
                xerr=interval_lengths(means, states),
                fmt=look.marker,
                color=look.color,
                markersize=3.2,
                linewidth=1,
                label=name,
            )
    labels = [f"{_state_label(k)}\n{shares[k]:.1%} of joints" for k in states.tolist()]
    left.set_yticks(range(len(states)), labels, fontsize=SMALL)
    left.invert_yaxis()
    left.set_xlim(left=0)
    for axis in (left, right):
        for border in np.arange(len(states) - 1) + 0.5:
            axis.axhline(border, color="0.85", linewidth=0.6)
        axis.grid(visible=False, axis="y")
    legend_below(figure, left)
    return figure


def _state_label(state: int) -> str:
    a, b = STATES[state]
    return f"{a} in both" if a == b else f"{a} in one,\n{b} in the other"
