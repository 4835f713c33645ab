"""The look that figures share: one page wide, readable in print, in colours that colour-blind readers tell apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from egotap_pl.analysis.statistics import GroupMeans

PAGE_IN = 7.2
"""Width of a figure, inches."""
DPI = 150
"""Resolution of figures that are written as pixels."""
TITLE, TEXT, SMALL = 8.5, 7.5, 6.5
"""Font sizes, pt."""

# The palette of Okabe and Ito without yellow, which is too pale for lines on white.
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#000000",
)
TRUTH_COLOUR, ESTIMATE_COLOUR = BLUE, VERMILION
"""Colours of true and of estimated poses."""
POSE_COLOURS = {"truth": TRUTH_COLOUR, "estimate": ESTIMATE_COLOUR}
"""The same by name."""
GREY = "#808080"
_COLOURS = (BLACK, VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY, GREY)
_MARKERS = "osD^vPX*"


class Look(NamedTuple):
    """How a method is drawn. Either part tells it from the first eight methods."""

    color: str
    """Of lines and markers."""
    marker: str
    """Matplotlib's letter for a marker."""


def looks(number: int) -> list[Look]:
    """A look for each of ``number`` methods. After eight, the colours repeat with other markers."""
    rounds = len(_COLOURS)
    return [Look(_COLOURS[k % rounds], _MARKERS[(k + k // rounds) % rounds]) for k in range(number)]


def page(height_in: float) -> Figure:
    """An empty figure, one page wide."""
    return Figure(figsize=(PAGE_IN, height_in), layout="constrained")


def style_axis(axis: Axes, x_label: str = "", y_label: str = "", title: str = "") -> None:
    """Set labels in the shared font sizes, a light grid, and no frame at the top and the right.

    Args:
        axis: the axes to style.
        x_label: label below.
        y_label: label to the left.
        title: title above.
    """
    axis.set_xlabel(x_label, fontsize=TEXT)
    axis.set_ylabel(y_label, fontsize=TEXT)
    axis.set_title(title, fontsize=TITLE)
    axis.tick_params(labelsize=SMALL)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.9", linewidth=0.5)
    axis.set_axisbelow(True)


def log_x(axis: Axes) -> None:
    """Make the horizontal axis logarithmic, with numbers as people write them at 1, 2 and 5."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def show_image(axis: Axes, image: Any, title: str = "", size: float = TEXT) -> None:
    """Draw an image without ticks.

    Args:
        axis: where to draw.
        image: what `Axes.imshow` takes: (height, width, 3) or (height, width).
        title: title above.
        size: its font size, pt.
    """
    axis.imshow(image, interpolation="nearest")
    hide_ticks(axis)
    axis.set_title(title, fontsize=size)


def hide_ticks(axis: Axes) -> None:
    """Remove the ticks and their labels."""
    axis.set_xticks([])
    axis.set_yticks([])


def interval_lengths(means: GroupMeans, groups: Int[np.ndarray, "m"]) -> Float[np.ndarray, "2 m"]:
    """Lengths of the intervals below and above the means of some groups, for `Axes.errorbar`.

    NaN, which is not drawn, where a group has no interval. Never negative, not even by a rounding error.

    Args:
        means: means and intervals of all groups.
        groups: indices of the groups to draw.
    """
    mean, low, high = (values[groups] for values in means[:3])
    return np.maximum(np.stack((mean - low, high - mean)), 0)


def legend_below(figure: Figure, axis: Axes) -> None:
    """Draw one legend for a figure, below it; it lists the labelled lines of some axes."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=TEXT)
