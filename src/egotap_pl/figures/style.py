"""What all figures look like: one page wide, readable in print, in colours that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

PAGE_IN = 7.2
"""Width of a figure."""
DPI = 200
"""For figures that are written as pixels."""
TITLE, TEXT, SMALL = 8.5, 7.5, 6.5
"""Font sizes, pt."""

# The palette of Okabe and Ito; yellow is left out, being too pale for lines on white.
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#000000",
)
TRUTH_COLOUR, ESTIMATE_COLOUR = BLUE, VERMILION  # told apart by whoever sees few colours
POSE_COLOURS = {"truth": TRUTH_COLOUR, "estimate": ESTIMATE_COLOUR}
GREY = "#808080"
_COLOURS = (BLACK, VERMILION, BLUE, GREEN, ORANGE, PURPLE, SKY, GREY)
_MARKERS = "osD^vPX*"


class Look(NamedTuple):
    """How a method is drawn: colour and marker both tell it apart."""

    color: str
    marker: str


def looks(number: int) -> list[Look]:
    """A look for each of a number of methods; beyond eight, colours come back with other markers."""
    rounds = len(_COLOURS)
    return [Look(_COLOURS[k % rounds], _MARKERS[(k + k // rounds) % rounds]) for k in range(number)]


def page(height_in: float) -> Figure:
    """An empty figure of the page's width."""
    return Figure(figsize=(PAGE_IN, height_in), layout="constrained")


def plain(axis: Axes, x_label: str = "", y_label: str = "", title: str = "") -> None:
    """Labels in the page's sizes, a light grid, and no frame at the top and the right."""
    axis.set_xlabel(x_label, fontsize=TEXT)
    axis.set_ylabel(y_label, fontsize=TEXT)
    axis.set_title(title, fontsize=TITLE)
    axis.tick_params(labelsize=SMALL)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.9", linewidth=0.5)
    axis.set_axisbelow(True)


def picture(axis: Axes, image: Any, title: str = "", label: str = "") -> None:
    """An image without ticks."""
    axis.imshow(image, interpolation="nearest")
    bare(axis)
    axis.set_title(title, fontsize=TEXT)
    axis.set_ylabel(label, fontsize=TEXT)


def bare(axis: Axes) -> None:
    """Take an axis' ticks away."""
    axis.set_xticks([])
    axis.set_yticks([])


def legend_below(figure: Figure, axis: Axes, columns: int = 4) -> None:
    """One legend for a figure, of an axis' labelled lines."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=TEXT)


def signed(value: float, digits: int) -> str:
    """With its sign; zero, also where it is rounded to zero, has none."""
    rounded = round(value, digits) + 0.0
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def joined(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
