"""Figure of test frames: the stereo pair, its heatmaps, and the estimated pose over the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.drawing import draw_sticks, label_row, overlaid, sign_of_left, upright
from egotap_pl.figures.style import POSE_COLOURS, show_image

_COLUMNS = (
    "left view",
    "right view",
    "joint heatmaps (left)",
    "limb heatmaps (left)",
    "from the front",
    "from the side",
)
_TEXT, _SMALL, _TICKS = 10, 8, 7  # font sizes, pt: this figure is wider than a page
_ROW_IN = 2.9


@dataclass(frozen=True)
class PosedFrame:
    """A frame in `poses_figure`."""

    title: str
    """Label of the frame's row."""
    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images of both views."""
    joint_heatmaps: Float[np.ndarray, "v m h2 w2"]
    """Joint heatmaps of both views, estimated or true, peak 1."""
    limb_heatmaps: Float[np.ndarray, "v m 2 h2 w2"]
    """Limb heatmaps of both views, cosine and sine channel."""
    truth_cm: Float[np.ndarray, "j 3"]
    """True pose: estimated joints, in the left camera's axes, cm."""
    estimate_cm: Float[np.ndarray, "j 3"]
    """Estimated pose likewise."""


def poses_figure(frames: Sequence[PosedFrame], skeleton: Skeleton) -> Figure:
    """A row per frame: both views, joint and limb heatmaps of the left view, and the pose from the front and the side.

    Args:
        frames: one or more frames.
        skeleton: the skeleton of the poses.
    """
    figure = Figure(figsize=(2.6 * len(_COLUMNS), _ROW_IN * len(frames)), layout="constrained")
    axes = figure.subplots(len(frames), len(_COLUMNS), squeeze=False)
    for row, frame in zip(axes, frames, strict=True):
        left, right = (np.moveaxis(view, 0, -1) for view in frame.images)
        joints = overlaid(left, frame.joint_heatmaps[0])
        limbs = overlaid(left, np.linalg.norm(frame.limb_heatmaps[0], axis=1))
        for axis, image in zip(row[:4], (left, right, joints, limbs), strict=True):
            show_image(axis, image)
        label_row(row[0], frame.title, _TEXT, _ROW_IN)
        _draw_pose(row[4], frame, skeleton, across=0)
        _draw_pose(row[5], frame, skeleton, across=2)
    for axis, title in zip(axes[0], _COLUMNS, strict=True):
        axis.set_title(title, fontsize=_TEXT)
    handles, labels = axes[0, 4].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False, fontsize=_TEXT)
    return figure


def _draw_pose(axis: Axes, frame: PosedFrame, skeleton: Skeleton, across: int) -> None:
    """Draw truth and estimate as sticks with dots at the joints."""
    poses = {"truth": frame.truth_cm, "estimate": frame.estimate_cm}
    left = sign_of_left(frame.truth_cm, skeleton)
    draw_sticks(axis, poses, POSE_COLOURS, skeleton.estimated_limbs, across, width=1.8, left=left)
    for name, pose_cm in poses.items():
        body = upright(pose_cm, left)
        axis.scatter(body[:, across], body[:, 1], color=POSE_COLOURS[name], s=7, zorder=3)
    axis.tick_params(labelsize=_TICKS)
    axis.set_xlabel("cm", fontsize=_SMALL)
