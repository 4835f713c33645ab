"""Figures of several methods' poses of the same frames, each over the true pose (paper Figures 1 and 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.drawing import sign_of_left, upright
from egotap_pl.figures.style import ESTIMATE_COLOUR, SMALL, TEXT, TRUTH_COLOUR, hide_ticks, page, show_image
from egotap_pl.metrics import mpjpe_mm

_GAP_CM = 15.0  # least distance between the two bodies of a field, and from its sides
_ASPECT = 1.15  # height of a method's field divided by its width
_ABREAST = 2  # categories beside each other


class ComparedFrame(NamedTuple):
    """A frame in `comparison_figure` or `categories_figure`."""

    title: str
    """Label of the frame's row."""
    images: UInt8[np.ndarray, "v 3 h w"] | None
    """RGB images of both views, or None if there are none."""
    truth_cm: Float[np.ndarray, "j 3"]
    """True pose: estimated joints, in the left camera's axes."""
    estimates_cm: Mapping[str, Float[np.ndarray, "j 3"]]
    """Pose of each method by the method's name; the same names in all frames of a figure."""

    def error_mm(self, method: str) -> float:
        """A method's MPJPE of this frame."""
        estimate, truth = (torch.from_numpy(pose)[None] for pose in (self.estimates_cm[method], self.truth_cm))
        return float(mpjpe_mm(estimate, truth))


def comparison_figure(frames: Sequence[ComparedFrame], skeleton: Skeleton) -> Figure:
    """A row per frame: both views, and every method's pose from the front and from the side.

    Args:
        frames: frames with the same methods, all with images or all without.
        skeleton: the skeleton of the poses.

    Raises:
        ValueError: if there are no frames, or their methods differ.
    """
    methods = _methods(frames)
    images = 2 if frames[0].images is not None else 0
    figure = page(0.5 + 1.75 * len(frames))
    axes = figure.subplots(len(frames), images + 1, squeeze=False, width_ratios=[1.0] * images + [1.25 * len(methods)])
    for number, (row, frame) in enumerate(zip(axes, frames, strict=True)):
        for k in range(images):
            assert frame.images is not None
            show_image(row[k], np.moveaxis(frame.images[k], 0, -1), ("left view", "right view")[k] * (number == 0))
        _draw_methods(row[-1], frame, methods, skeleton, with_names=number == 0)
        row[0].set_ylabel(frame.title, fontsize=TEXT)
    _legend(figure)
    return figure


def categories_figure(frames: Sequence[ComparedFrame], skeleton: Skeleton) -> Figure:
    """Two frames per row, each with its left view and every method's pose from the front and from the side.

    Args:
        frames: frames with the same methods, all with images or all without.
        skeleton: the skeleton of the poses.

    Raises:
        ValueError: if there are no frames, or their methods differ.
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
            show_image(cells[0], np.moveaxis(frame.images[0], 0, -1))
        _draw_methods(cells[-1], frame, methods, skeleton, with_names=k < _ABREAST)
        cells[0].set_ylabel(frame.title, fontsize=SMALL)
    _legend(figure)
    return figure


def _methods(frames: Sequence[ComparedFrame]) -> list[str]:
    if not frames:
        raise ValueError("no frames to draw")
    methods = list(frames[0].estimates_cm)
    for frame in frames:
        if list(frame.estimates_cm) != methods:
            names = ", ".join(frame.estimates_cm)
            raise ValueError(f"all frames must have poses of the same methods: {', '.join(methods)}, but also {names}")
    return methods


def _draw_methods(
    axis: Axes, frame: ComparedFrame, methods: Sequence[str], skeleton: Skeleton, with_names: bool
) -> None:
    """Draw a field per method, truth in broad and estimate in narrow lines, from the front and from the side."""
    left = sign_of_left(frame.truth_cm, skeleton)
    truth = upright(frame.truth_cm, left)
    estimates = [upright(frame.estimates_cm[method], left) for method in methods]
    points = np.concatenate([truth, *estimates])
    low = np.nanmin(points, 0)  # estimates are never NaN
    size = np.nanmax(points, 0) - low
    width = max(size[0] + size[2] + 2 * _GAP_CM, (size[1] + _GAP_CM) / _ASPECT)  # of a field, in cm
    height = _ASPECT * width
    spare = (width - size[0] - size[2]) / 3
    starts = {0: spare - low[0], 2: 2 * spare + size[0] - low[2]}  # by the axis that is drawn across
    limbs = np.array(skeleton.estimated_limbs, int).reshape(-1, 2)
    for number, (method, estimate) in enumerate(zip(methods, estimates, strict=True)):
        for across, start in starts.items():
            for body, colour, breadth in ((truth, TRUTH_COLOUR, 2.6), (estimate, ESTIMATE_COLOUR, 1.2)):
                x = _strokes(body[limbs][..., across]) + start + number * width
                y = _strokes(body[limbs][..., 1]) - low[1] + (height - size[1]) / 2
                axis.plot(x, y, color=colour, linewidth=breadth, solid_capstyle="round")
        heading = f"{method}\n" * with_names + f"{frame.error_mm(method):.0f} mm"
        axis.text((number + 0.5) * width, 1.02 * height, heading, fontsize=SMALL, ha="center", va="bottom")
        if number:
            axis.axvline(number * width, color="0.8", linewidth=0.8)
    axis.set_xlim(0, len(methods) * width)
    axis.set_ylim(0, height)
    axis.set_box_aspect(_ASPECT / len(methods))
    hide_ticks(axis)
    axis.spines[:].set_color("0.8")


def _strokes(ends: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "m"]:
    """Coordinates of one line with a break after every pair of ends: much faster to draw than many lines."""
    return np.pad(ends, ((0, 0), (0, 1)), constant_values=np.nan).ravel()


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=TRUTH_COLOUR, linewidth=2.6, label="truth"),
        Line2D([], [], color=ESTIMATE_COLOUR, linewidth=1.2, label="estimate"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=TEXT)
