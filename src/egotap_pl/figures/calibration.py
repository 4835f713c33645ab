"""Figure of promised against found errors."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from egotap_pl.figures.style import legend_below, looks, page, style_axis
from egotap_pl.metrics import Calibration


def calibration_figure(methods: Mapping[str, Calibration]) -> Figure:
    """Found errors over promised errors, in mm, a point for each group of joints; on the diagonal, they are equal.

    Args:
        methods: calibrations by the method's name.
    """
    figure = page(3.2 + 0.16 * -(-len(methods) // 4))
    axis = figure.subplots()
    style_axis(axis, "promised error (mm)", title="Promised and found errors")
    axis.set_ylabel("found error (mm)")
    largest = max(float(values.max()) for each in methods.values() for values in each[:2] if len(values))
    axis.plot([0, largest], [0, largest], color="0.5", linewidth=0.8, label="as promised")
    for (name, result), look in zip(methods.items(), looks(len(methods)), strict=True):
        axis.plot(
            result.promised_mm.numpy(),
            result.found_mm.numpy(),
            marker=look.marker,
            color=look.color,
            markersize=3.2,
            linewidth=1,
            label=name,
        )
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.set_box_aspect(1)
    legend_below(figure, axis)
    return figure
