"""Diagrams of docs/concepts.md: the tree of joints, and what runs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from egotap_pl.core.sides import side_of
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

SIDES = {"left": SKY, "right": VERMILION, "": GREEN}
"""Colours of the wearer's left, right and middle."""


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A white figure of a size in inches, and axes over all of it whose unit is a tenth of an inch."""
    figure = Figure(figsize=(width, height), facecolor="white")
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, 10 * width), ylim=(0, 10 * height))
    axis.axis("off")
    return figure, axis


def box(axis: Axes, place: tuple[float, float, float, float], text: str, colour: str, size: float = 9) -> None:
    """A rounded box with text.

    Args:
        axis: axes of `canvas`.
        place: left, bottom, width and height.
        text: what is in it.
        colour: of its edge; it is filled with a pale tint.
        size: font size, pt.
    """
    x, y, width, height = place
    style = "round,pad=0,rounding_size=0.8"
    for face, alpha, edge in ((colour, 0.13, "none"), ("none", 1.0, colour)):
        patch = FancyBboxPatch((x, y), width, height, style, facecolor=face, edgecolor=edge, alpha=alpha, linewidth=1.4)
        axis.add_patch(patch)
    axis.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size, linespacing=1.25)


def arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "0.35", bend: float = 0.0
) -> None:
    """An arrow between two places.

    Args:
        axis: axes of `canvas`.
        start: its tail.
        end: its head.
        colour: of the line.
        bend: how far it bends, in parts of its length.
    """
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.3, "color": colour}
    axis.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", shrinkA=0, shrinkB=0, **style))


def sizes(axis: Axes, place: tuple[float, float], title: str, paper: str, tiny: str) -> None:
    """Write what an arrow carries, and its size at two scales.

    Args:
        axis: axes of `canvas`.
        place: the middle of the first line.
        title: the first line, or an empty text.
        paper: size at scale=paper.
        tiny: size at scale=tiny.
    """
    x, y = place
    lines = [(title, "black", "bold")] * bool(title) + [(paper, "black", "normal"), (tiny, "0.5", "normal")]
    for number, (text, colour, weight) in enumerate(lines):
        axis.text(x, y - 1.9 * number, text, ha="center", fontsize=8.5, color=colour, weight=weight)


def inset(figure: Figure, place: tuple[float, float, float, float], image: Any, title: str = "") -> Axes:
    """An image at a place in a figure.

    Args:
        figure: figure of `canvas`.
        place: left, bottom, width and height, in tenths of an inch.
        image: what matplotlib draws as an image.
        title: text above it.
    """
    width, height = (10 * float(x) for x in figure.get_size_inches())
    axis = figure.add_axes((place[0] / width, place[1] / height, place[2] / width, place[3] / height))
    axis.imshow(image, cmap="gray", vmin=0, vmax=1)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(title, fontsize=9, pad=3)
    return axis


def tree_figure(skeleton: Skeleton) -> Figure:
    """The tree of a skeleton, a column per level, as propagation goes along it."""
    figure, axis = canvas(11, 4.4)
    rows = _rows(skeleton)
    left = {joint: 1.5 + 15.6 * depth for joint, depth in enumerate(skeleton.depths)}
    for joint, parent in skeleton.limbs:
        start = (left[parent] + 11.2, rows[parent])
        arrow(axis, start, (left[joint] - 0.1, rows[joint]), SIDES[side_of(skeleton.joints[joint])])
    for joint, name in enumerate(skeleton.joints):
        place = (left[joint], rows[joint] - 1.7, 11.2, 3.4)
        box(axis, place, f"{joint}  {name}", SIDES[side_of(name)] if joint else "0.5", 9.5)
    for depth in range(max(skeleton.depths) + 1):
        text = "root: zero state,\nno heatmap" if depth == 0 else f"step {depth}"
        axis.text(7.1 + 15.6 * depth, 41.5, text, ha="center", va="center", fontsize=9, color="0.3")
    return figure


def _rows(skeleton: Skeleton) -> Mapping[int, float]:
    """Height of each joint in the diagram: leaves are evenly spread, and a parent is in the middle of its children."""
    leaves, rows = [], {}

    def visit(joint: int) -> None:
        children = [child for child, parent in skeleton.limbs if parent == joint]
        for child in children:
            visit(child)
        if children:
            rows[joint] = sum(rows[child] for child in children) / len(children)
        else:
            leaves.append(joint)
            rows[joint] = 34.5 - 10.5 * (len(leaves) - 1)

    visit(0)
    return rows


def stages_figure() -> Figure:
    """Three runs of Table 2 share prepared data, estimators and cached heatmaps."""
    figure, axis = canvas(11, 4.4)
    columns = (("prepared data", 2), ("estimators", 28), ("cached heatmaps", 54), ("runs", 80))
    for title, x in columns:
        axis.text(x + 11.5, 41.5, title, ha="center", fontsize=10.5, weight="bold")
    box(axis, (2, 18, 23, 9), "train, validation, test\nwork/data/egosynth-3f0a…", BLUE)
    box(axis, (28, 25.5, 23, 9), "joint estimator\nwork/stages/joint-estimator-91c2…", ORANGE, 8.5)
    box(axis, (28, 10.5, 23, 9), "limb estimator\nwork/stages/limb-estimator-07be…", ORANGE, 8.5)
    box(axis, (54, 18, 23, 9), "train, validation\nwork/stages/heatmaps-c4d8…", PURPLE)
    for y, name in ((28.5, "cnn"), (18, "grid_vit"), (7.5, "grid_vit_pu")):
        box(axis, (80, y, 28, 9), f"lifter of table2/{name}\nruns/table2/{name}/egosynth/seed-1", GREEN, 8.5)
        arrow(axis, (77, 22.5), (79.9, y + 4.5))
    for y in (30, 15):
        arrow(axis, (25, 22.5), (27.9, y))
        arrow(axis, (51, y), (53.9, 22.5))
    text = "made once, found again by the fingerprint of exactly what determines it"
    axis.annotate("", (2, 5), (77, 5), arrowprops={"arrowstyle": "<->", "color": "0.5"})
    axis.text(39.5, 2.6, text, ha="center", va="center", fontsize=9, color="0.3")
    axis.text(94, 2.6, "one folder per run", ha="center", va="center", fontsize=9, color="0.3")
    return figure
