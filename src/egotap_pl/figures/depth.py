"""Figure of the error along the skeleton's tree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from egotap_pl.analysis.statistics import GroupMeans
from egotap_pl.figures.style import Look, interval_lengths, legend_below, looks, page, style_axis


def depth_figure(error_mm: Mapping[str, GroupMeans], gain_mm: Mapping[str, GroupMeans], baseline: str) -> Figure:
    """Error against depth for every method and, beside it, the gain over a baseline.

    Args:
        error_mm: by method, the mean error at each depth (limbs from the root), in mm.
        gain_mm: by method, by how much the error is lower than the baseline's, in mm; may be empty.
        baseline: name of the baseline.
    """
    figure = page(2.9 + 0.16 * -(-len(error_mm) // 4))
    axes = figure.subplots(1, 2 if gain_mm else 1, squeeze=False)[0]
    styles = dict(zip(error_mm, looks(len(error_mm)), strict=True))
    names = list(error_mm)
    x_label = "limbs between the root and the joint"
    style_axis(axes[0], x_label, "mean error (mm)", "Error")
    for axis, results in zip(axes, (error_mm, gain_mm), strict=False):
        for name, means in results.items():
            _draw_line(axis, means, 0.5 * ((names.index(name) + 0.5) / len(names) - 0.5), name, styles[name])
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if gain_mm:
        style_axis(axes[1], x_label, "error lower by (mm)", f"Gain over {baseline}")
        axes[1].axhline(0, color="0.5", linewidth=0.8)
    axes[0].set_ylim(bottom=0)
    legend_below(figure, axes[0])
    return figure


def _draw_line(axis: Axes, means: GroupMeans, shift: float, name: str, look: Look) -> None:
    depths = np.flatnonzero(means.samples)
    axis.errorbar(
        depths + shift,
        means.mean[depths],
        yerr=interval_lengths(means, depths),
        color=look.color,
        marker=look.marker,
        markersize=3.2,
        linewidth=0.9,
        label=name,
    )
