"""What several methods make of the same frames, beside the truth (paper Figures 1 and 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.drawing import upright
from egotap_pl.figures.style import ESTIMATE_COLOUR, SMALL, TEXT, TRUTH_COLOUR, bare, page, picture

_GAP_CM = 15.0  # beside and between the body seen from the front and from the side, at least
_FIELD = 1.15  # height of a method's field by its width
_ABREAST = 2  # categories beside each other


class ComparedFrame(NamedTuple):
    """A frame to be drawn.

    Fields:
        title: what stands beside it.
        images: both views, or None where they are not at hand.
        truth_cm: the true pose, estimated joints only, camera axes.
        estimates_cm: the methods' poses by their names; all frames of a figure have the same names.
    """

    title: str
    images: UInt8[np.ndarray, "v 3 h w"] | None
    truth_cm: Float[np.ndarray, "j 3"]
    estimates_cm: Mapping[str, Float[np.ndarray, "j 3"]]

    def error_mm(self, method: str) -> float:
        """MPJPE of a method."""
        return float(10 * np.linalg.norm(self.estimates_cm[method] - self.truth_cm, axis=-1).mean())


class Extremes(NamedTuple):
    """Indices of frames."""

    worst: int
    median: int
    best: int


def extremes(frame_error_mm: Float[np.ndarray, "n"]) -> Extremes:
    """The frames of the largest, the median (of an even number the lower) and the smallest error."""
    order = np.argsort(frame_error_mm, kind="stable")
    return Extremes(int(order[-1]), int(order[(len(order) - 1) // 2]), int(order[0]))


def median_frames(frame_error_mm: Float[np.ndarray, "n"], category: Sequence[str]) -> dict[str, int]:
    """For each category, in order of names, the frame of the median error."""
    names = np.asarray(category)
    found = {}
    for name in sorted(set(category)):
        rows: Int[np.ndarray, "k"] = np.flatnonzero(names == name)
        found[name] = int(rows[extremes(frame_error_mm[rows]).median])
    return found


def comparison_figure(frames: Sequence[ComparedFrame], skeleton: Skeleton) -> Figure:
    """A row per frame: both views, and the pose of every method from the front and from the side.

    Raises:
        ValueError: if there is no frame, or frames do not have the same methods.
    """
    methods = _methods(frames)
    images = 2 if frames[0].images is not None else 0
    figure = page(0.5 + 1.75 * len(frames))
    axes = figure.subplots(len(frames), images + 1, squeeze=False, width_ratios=[1.0] * images + [1.25 * len(methods)])
    for number, (row, frame) in enumerate(zip(axes, frames, strict=True)):
        for k in range(images):
            assert frame.images is not None
            picture(row[k], np.moveaxis(frame.images[k], 0, -1), ("left view", "right view")[k] * (number == 0))
        _poses(row[-1], frame, methods, skeleton, named=number == 0)
        row[0].set_ylabel(frame.title, fontsize=TEXT)
    _key(figure)
    return figure


def categories_figure(frames: Sequence[ComparedFrame], skeleton: Skeleton) -> Figure:
    """Two frames in a row, each with its left view and the pose of every method from the front and from the side.

    Raises:
        ValueError: if there is no frame, or frames do not have the same methods.
    """
    methods = _methods(frames)
    images = 1 if frames[0].images is not None else 0
    rows, each = -(-len(frames) // _ABREAST), images + 1
    figure = page(0.5 + 1.15 * rows)
    widths = _ABREAST * ([1.0] * images + [0.95 * len(methods)])
    axes = figure.subplots(rows, _ABREAST * each, squeeze=False, width_ratios=widths)
    for k, cells in enumerate(axes.reshape(rows * _ABREAST, each)):
        if k >= len(frames):
            for axis in cells:
                axis.remove()
            continue
        frame = frames[k]
        if frame.images is not None:
            picture(cells[0], np.moveaxis(frame.images[0], 0, -1))
        _poses(cells[-1], frame, methods, skeleton, named=k < _ABREAST)
        cells[0].set_ylabel(frame.title, fontsize=SMALL)
    _key(figure)
    return figure


def _methods(frames: Sequence[ComparedFrame]) -> list[str]:
    if not frames or any(list(frame.estimates_cm) != list(frames[0].estimates_cm) for frame in frames):
        raise ValueError("frames must be there and have poses of the same methods")
    return list(frames[0].estimates_cm)


def _poses(axis: Axes, frame: ComparedFrame, methods: Sequence[str], skeleton: Skeleton, named: bool) -> None:
    """A field per method: truth, broad, and estimate, narrow, from the front and beside it from the side."""
    truth = upright(frame.truth_cm)
    estimates = [upright(frame.estimates_cm[method]) for method in methods]
    everything = np.concatenate([truth, *estimates])
    low, size = everything.min(0), np.ptp(everything, 0)
    width = max(size[0] + size[2] + 2 * _GAP_CM, (size[1] + _GAP_CM) / _FIELD)  # of a field, in cm
    height = _FIELD * width
    spare = (width - size[0] - size[2]) / 3
    starts = {0: spare - low[0], 2: 2 * spare + size[0] - low[2]}  # by the axis that is drawn across
    bones = np.array(skeleton.estimated_limbs)
    for number, (method, estimate) in enumerate(zip(methods, estimates, strict=True)):
        for across, start in starts.items():
            for body, colour, breadth in ((truth, TRUTH_COLOUR, 2.6), (estimate, ESTIMATE_COLOUR, 1.2)):
                x = _strokes(body[bones][..., across]) + start + number * width
                y = _strokes(body[bones][..., 1]) - low[1] + (height - size[1]) / 2
                axis.plot(x, y, color=colour, linewidth=breadth, solid_capstyle="round")
        heading = f"{method}\n" * named + f"{frame.error_mm(method):.0f} mm"
        axis.text((number + 0.5) * width, 1.02 * height, heading, fontsize=SMALL, ha="center", va="bottom")
        if number:
            axis.axvline(number * width, color="0.8", linewidth=0.8)
    axis.set_xlim(0, len(methods) * width)
    axis.set_ylim(0, height)
    axis.set_box_aspect(_FIELD / len(methods))
    bare(axis)
    axis.spines[:].set_color("0.8")


def _strokes(ends: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "m"]:
    """Coordinates of one line that is interrupted after every pair of ends: much quicker to draw than many lines."""
    return np.pad(ends, ((0, 0), (0, 1)), constant_values=np.nan).ravel()


def _key(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=TRUTH_COLOUR, linewidth=2.6, label="truth"),
        Line2D([], [], color=ESTIMATE_COLOUR, linewidth=1.2, label="estimate"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=TEXT)
