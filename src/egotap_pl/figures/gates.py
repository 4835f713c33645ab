"""Figure of how far propagation units open their gates, by what the cameras see (paper eq. 10-13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egotap_pl.analysis.gate_openings import VIEW_COUNTS, GateMeans
from egotap_pl.analysis.statistics import GroupMeans
from egotap_pl.core.wording import signed
from egotap_pl.figures.style import SMALL, TEXT, TITLE, page


def gates_figure(gates: Mapping[str, GateMeans]) -> Figure:
    """A column per gate with two matrices: its mean activation, and its difference from each joint's own mean.

    Rows and columns are the numbers of views that see the joint and its parent. Every cell has its interval.

    Args:
        gates: means by the gate's name; activations are 0 for a shut gate and 1 for an open one.
    """
    figure = page(4.9)
    axes = figure.subplots(2, len(gates), squeeze=False, sharex=True, sharey=True)
    _draw_row(figure, axes[0], [means.value for means in gates.values()], "mean activation", is_difference=False)
    label = "difference from the joint's own mean"
    _draw_row(figure, axes[1], [means.excess for means in gates.values()], label, is_difference=True)
    for axis, name in zip(axes[0], gates, strict=True):
        axis.set_title(name, fontsize=TITLE)
    for axis in axes[-1]:
        axis.set_xlabel("views that see the parent", fontsize=TEXT)
    for axis in axes[:, 0]:
        axis.set_ylabel("views that see the joint", fontsize=TEXT)
    return figure


def _draw_row(figure: Figure, axes: np.ndarray, results: Sequence[GroupMeans], label: str, is_difference: bool) -> None:
    limits = _limits(results, is_difference)
    images = [_draw_matrix(axis, means, limits, is_difference) for axis, means in zip(axes, results, strict=True)]
    bar = figure.colorbar(images[0], ax=axes, shrink=0.8)
    bar.set_label(label, fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL)


def _limits(results: Sequence[GroupMeans], is_difference: bool) -> tuple[float, float]:
    values = np.concatenate([means.mean for means in results])
    if is_difference:
        largest = max(float(np.nanmax(np.abs(values))), 1e-6)
        return -largest, largest
    return float(np.nanmin(values)) - 1e-6, float(np.nanmax(values)) + 1e-6


def _draw_matrix(axis: Axes, means: GroupMeans, limits: tuple[float, float], is_difference: bool) -> Any:
    values, low, high = (column.reshape(VIEW_COUNTS, VIEW_COUNTS) for column in means[:3])
    colours = "PuOr" if is_difference else "YlGnBu"
    image = axis.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text, is_dark = "no sample", False
        if np.isfinite(value):
            is_dark = image.cmap(image.norm(value))[:3] @ np.array([0.3, 0.6, 0.1]) < 0.5
            mean, start, end = (_number(float(part[row, column]), is_difference) for part in (values, low, high))
            text = f"{mean}\n[{start},\n{end}]" if np.isfinite(low[row, column]) else f"{mean}\n[?]"
        axis.text(column, row, text, ha="center", va="center", fontsize=SMALL, color="white" if is_dark else "black")
    axis.set_xticks(range(VIEW_COUNTS))
    axis.set_yticks(range(VIEW_COUNTS))
    axis.tick_params(labelsize=SMALL)
    return image


def _number(value: float, is_difference: bool) -> str:
    return signed(value, 3) if is_difference else f"{value:.3f}"
