"""Error along the skeleton's tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from egotap_pl.analysis.statistics import numbered
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.clusters import GroupMeans, group_means
from egotap_pl.figures.style import legend_below, looks, page, plain


def mean_by_depth(values_mm: Float[np.ndarray, "n j"], skeleton: Skeleton, motion: Sequence[str]) -> GroupMeans:
    """Mean over the estimated joints at every depth (limbs from the root), with intervals by bootstrap over motions.

    Args:
        values_mm: errors of the estimated joints, or differences of errors.
        skeleton: whose joints they are.
        motion: name per frame.
    """
    depth = np.array([skeleton.depths[joint] for joint in skeleton.estimated])
    groups = np.broadcast_to(depth, values_mm.shape).ravel()
    return group_means(values_mm.ravel(), groups, np.repeat(numbered(motion), len(depth)), int(depth.max()) + 1)


def depth_figure(error_mm: Mapping[str, GroupMeans], gain_mm: Mapping[str, GroupMeans], baseline: str) -> Figure:
    """Error against depth for every method and, if there are any, what methods gain on ``baseline``."""
    figure = page(2.9 + 0.16 * -(-len(error_mm) // 4))
    panels = figure.subplots(1, 2 if gain_mm else 1, squeeze=False)[0]
    styles = dict(zip(error_mm, looks(len(error_mm)), strict=True))
    names = list(error_mm)
    x_label = "limbs between the root and the joint"
    plain(panels[0], x_label, "mean error (mm)", "Error")
    for axis, results in zip(panels, (error_mm, gain_mm), strict=False):
        for name, means in results.items():
            _line(axis, means, 0.5 * ((names.index(name) + 0.5) / len(names) - 0.5), name, *styles[name])
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if gain_mm:
        plain(panels[1], x_label, "error less by (mm)", f"Gain on {baseline}")
        panels[1].axhline(0, color="0.5", linewidth=0.8)
    panels[0].set_ylim(bottom=0)
    legend_below(figure, panels[0])
    return figure


def _line(axis: Axes, means: GroupMeans, shift: float, name: str, color: str, marker: str) -> None:
    there = np.flatnonzero(means.samples)
    mean, low, high = (values[there] for values in means[:3])
    axis.errorbar(
        there + shift,
        mean,
        yerr=np.stack((mean - low, high - mean)),
        color=color,
        marker=marker,
        markersize=3.2,
        linewidth=0.9,
        label=name,
    )
