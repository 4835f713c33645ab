"""Figure of frames with their labels: what a data set says, drawn so that a wrong view, side, unit or rig is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from egotap_pl.core.batch import FRAME_PX, Visibility
from egotap_pl.core.sides import side_of
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.drawing import label_row, overlaid, sign_of_left, upright
from egotap_pl.figures.style import GREEN, GREY, SKY, VERMILION, show_image

_VIEWS = ("left", "right")
_COLUMNS = (
    *(f"{view} view" for view in _VIEWS),
    *(f"joint heatmaps ({view})" for view in _VIEWS),
    *(f"limb heatmaps ({view})" for view in _VIEWS),
    "from the front (cm)",
    "from the side (cm)",
)
_COLOURS = {"left": SKY, "right": VERMILION, "": GREEN}
_TEXT, _TICKS = 9, 6  # font sizes, pt: this figure is wider than a page
_ROW_IN = 2.6


@dataclass(frozen=True)
class LabelledFrame:
    """A frame in `labels_figure`. Labels that are not known are NaN and not drawn."""

    title: str
    """Label of the frame's row."""
    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images of both views."""
    points2d_px: Float[np.ndarray, "v j 2"]
    """The labels of all joints, px of the 1024 x 1024 frame."""
    projected_px: Float[np.ndarray, "v j 2"]
    """Where the rig projects the pose, likewise."""
    visibility: UInt8[np.ndarray, "v j"]
    """An `egotap_pl.core.batch.Visibility` of each."""
    joint_heatmaps: Float[np.ndarray, "v m h2 w2"]
    """Target heatmaps of joints."""
    limb_heatmaps: Float[np.ndarray, "v m 2 h2 w2"]
    """Target heatmaps of limbs, cosine and sine channel."""
    pose_cm: Float[np.ndarray, "j 3"]
    """All joints in the left camera's axes, cm."""


def labels_figure(frames: Sequence[LabelledFrame], skeleton: Skeleton) -> Figure:
    """A row per frame: both views with points and limbs, their target heatmaps, and the pose from two sides.

    Args:
        frames: one or more frames.
        skeleton: the skeleton of all joints.

    Raises:
        ValueError: if there are no frames.
    """
    if not frames:
        raise ValueError("no frames to draw")
    figure = Figure(figsize=(2.5 * len(_COLUMNS), _ROW_IN * len(frames) + 0.6), layout="constrained")
    axes = figure.subplots(len(frames), len(_COLUMNS), squeeze=False)
    for row, frame in zip(axes, frames, strict=True):
        images = np.moveaxis(frame.images, 1, -1)
        for view in range(2):
            show_image(row[view], images[view])
            _draw_points(row[view], frame, view, skeleton)
            show_image(row[2 + view], overlaid(images[view], frame.joint_heatmaps[view]))
            strength = np.linalg.norm(frame.limb_heatmaps[view], axis=1)
            show_image(row[4 + view], overlaid(images[view], strength))
        _draw_pose(row[6], frame, skeleton, across=0)
        _draw_pose(row[7], frame, skeleton, across=2)
        label_row(row[0], frame.title, _TEXT, _ROW_IN)
    for axis, title in zip(axes[0], _COLUMNS, strict=True):
        axis.set_title(title, fontsize=_TEXT)
    figure.legend(handles=_handles(), loc="outside lower center", ncols=6, frameon=False, fontsize=_TEXT)
    return figure


def _draw_points(axis: Axes, frame: LabelledFrame, view: int, skeleton: Skeleton) -> None:
    """Draw the labels of a view as dots and limbs, and the projected pose as crosses. Keeps the image's frame."""
    side = frame.images.shape[-1]
    points, projected = (px[view] * (side / FRAME_PX) - 0.5 for px in (frame.points2d_px, frame.projected_px))
    for child, parent in skeleton.limbs:
        colour = _COLOURS[side_of(skeleton.joints[child])]
        axis.plot(*points[[child, parent]].T, color=colour, linewidth=1.2, zorder=2)
    for joint, (name, point) in enumerate(zip(skeleton.joints, points, strict=True)):
        colour = _COLOURS[side_of(name)]
        is_hidden = frame.visibility[view, joint] in (Visibility.OCCLUDED, Visibility.OUT_OF_VIEW)
        axis.scatter(point[0], point[1], s=22, zorder=3, edgecolors=colour, facecolors="none" if is_hidden else colour)
    axis.scatter(projected[:, 0], projected[:, 1], s=40, color="white", marker="+", linewidths=0.7, zorder=4)
    axis.set_xlim(-0.5, side - 0.5)
    axis.set_ylim(side - 0.5, -0.5)


def _draw_pose(axis: Axes, frame: LabelledFrame, skeleton: Skeleton, across: int) -> None:
    body = upright(frame.pose_cm, sign_of_left(frame.pose_cm[list(skeleton.estimated)], skeleton))
    for child, parent in skeleton.limbs:
        colour = _COLOURS[side_of(skeleton.joints[child])]
        axis.plot(*body[[child, parent]][:, (across, 1)].T, color=colour, linewidth=1.8)
    axis.scatter(body[:, across], body[:, 1], color=GREY, s=7, zorder=3)
    axis.set_aspect("equal", adjustable="datalim")
    axis.tick_params(labelsize=_TICKS)


def _handles() -> list[Line2D]:
    sides = {"left": "the wearer's left", "right": "the wearer's right", "": "middle"}
    dot: dict[str, Any] = {"linestyle": "none", "markersize": 5}
    return [
        *(Line2D([], [], color=_COLOURS[side], linewidth=1.8, label=label) for side, label in sides.items()),
        Line2D([], [], color=GREY, marker="o", label="point (filled: visible or not said)", **dot),
        Line2D([], [], color=GREY, marker="o", markerfacecolor="none", label="point of a hidden joint", **dot),
        Line2D([], [], color=GREY, marker="+", label="pose, projected by the rig", **dot),
    ]
