"""Figure of what propagation along the skeleton gains, against what it could gain (paper 4.3.2, Figure 7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from egotap_pl.analysis.propagation_effect import PropagationSamples, PropagationSummary
from egotap_pl.figures.style import BLACK, SMALL, VERMILION, page, style_axis

_SHADES = LinearSegmentedColormap.from_list("shades", colormaps["Blues"](np.linspace(0.25, 1, 256)))
_PERCENTILES = (0.5, 99.5)  # ends of the axes: a few outliers would squeeze all others into a corner


class PropagationPanel(NamedTuple):
    """One plot of `propagation_figure`."""

    title: str
    """Title of the plot."""
    samples: PropagationSamples
    """PP and PE, mm."""
    summary: PropagationSummary
    """Their regression line and means."""


def propagation_figure(panels: Sequence[PropagationPanel]) -> Figure:
    """A density plot per panel with the regression line and, dashed, the line where effect equals potential.

    All plots have the same axes, which show the middle 99% of all samples.

    Args:
        panels: one or more plots; at most three of them are beside each other.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = page(0.5 + (2.6 if columns == 3 else 3.6 if columns == 2 else 4.2) * rows)
    axes = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    limits = _limits(panels)
    hexagons = [_draw_panel(axis, panel, limits) for axis, panel in zip(axes, panels, strict=False)]
    top = max(float(np.max(counts)) for h in hexagons if (counts := h.get_array()) is not None)
    for h in hexagons:
        h.set_clim(1, max(top, 2))
    for axis in axes[len(panels) :]:
        axis.remove()
    bar = figure.colorbar(hexagons[0], ax=axes[: len(panels)], shrink=0.7)
    bar.set_label("samples per hexagon", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _draw_panel(axis: Axes, panel: PropagationPanel, limits: tuple[float, float, float, float]) -> PolyCollection:
    style_axis(axis, "Propagation Potential (mm)", "Propagation Effect (mm)", panel.title)
    samples, summary = panel.samples, panel.summary
    hexagons = axis.hexbin(
        samples.potential_mm[samples.known],
        samples.effect_mm[samples.known],
        gridsize=45,
        bins="log",
        mincnt=1,
        cmap=_SHADES,
        extent=limits,
        linewidths=0.1,
    )
    across = np.array(limits[:2])
    axis.axhline(0, color=BLACK, linewidth=0.6)
    axis.axvline(0, color=BLACK, linewidth=0.6)
    axis.axline((0, 0), slope=1, color=BLACK, linewidth=0.8, linestyle="--")
    axis.plot(across, summary.intercept_mm + summary.slope * across, color="white", linewidth=3.2)
    axis.plot(across, summary.intercept_mm + summary.slope * across, color=VERMILION, linewidth=1.8)
    axis.set_xlim(*limits[:2])
    axis.set_ylim(*limits[2:])
    ends = "?" if math.isnan(summary.slope_low) else f"{summary.slope_low:.2f}, {summary.slope_high:.2f}"
    text = f"slope {summary.slope:.2f} [{ends}]\n"
    text += f"mean PP {summary.potential_mm:.1f}, PE {summary.effect_mm:.1f} mm"
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axis.text(0.97, 0.03, text, transform=axis.transAxes, ha="right", fontsize=SMALL, bbox=box)
    return hexagons


def _limits(panels: Sequence[PropagationPanel]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of all plots."""
    x = np.concatenate([panel.samples.potential_mm[panel.samples.known] for panel in panels])
    y = np.concatenate([panel.samples.effect_mm[panel.samples.known] for panel in panels])
    (left, right), (bottom, top) = np.percentile(x, _PERCENTILES).tolist(), np.percentile(y, _PERCENTILES).tolist()
    return min(left, -1.0), max(right, 1.0), min(bottom, -1.0), max(top, 1.0)
