"""Figure of errors against costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egotap_pl.analysis.statistics import Interval
from egotap_pl.figures.style import Look, legend_below, log_x, looks, page, style_axis


class CostPoint(NamedTuple):
    """A method in `costs_figure`."""

    name: str
    """What the method is called."""
    error_mm: Interval
    """Its MPJPE, with the interval over seeds, mm."""
    gflop: float
    """Billions of operations for a frame."""
    latency_ms: float | None
    """Time of one frame, ms; None if it was not measured."""


def costs_figure(points: Sequence[CostPoint], device: str) -> Figure:
    """Error against operations and, if all methods were measured, against the time of a frame; lower left is better.

    Args:
        points: one or more methods.
        device: the device that the times are of.
    """
    has_times = all(point.latency_ms is not None for point in points)
    figure = page(2.9 + 0.16 * -(-len(points) // 4))
    axes = figure.subplots(1, 1 + has_times, squeeze=False, sharey=True)[0]
    styles = looks(len(points))
    style_axis(axes[0], "GFLOP per frame", "MPJPE (mm)")
    for point, look in zip(points, styles, strict=True):
        _draw(axes[0], point.gflop, point, look)
    if has_times:
        style_axis(axes[1], f"ms per frame ({device})")
        for point, look in zip(points, styles, strict=True):
            assert point.latency_ms is not None
            _draw(axes[1], point.latency_ms, point, look)
    for axis in axes:
        log_x(axis)
    legend_below(figure, axes[0])
    return figure


def _draw(axis: Axes, cost: float, point: CostPoint, look: Look) -> None:
    mean, low, high, _ = point.error_mm
    ends = None if math.isnan(low) else [[max(mean - low, 0)], [max(high - mean, 0)]]
    axis.errorbar(
        [cost], [mean], yerr=ends, color=look.color, marker=look.marker, markersize=5, linewidth=0.9, label=point.name
    )
