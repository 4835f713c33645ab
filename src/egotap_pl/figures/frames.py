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
_COLUMN_IN, _ROW_IN = 2.6, 2.7
_LEFT_IN, _RIGHT_IN, _TOP_IN, _BOTTOM_IN = 0.45, 0.1, 0.3, 0.75
_GAP = 0.04
"""Space between two images, as a fraction of their width."""


@dataclass(frozen=True)
class PosedFrame:
    """A frame in `poses_figure`."""

    title: str
    """Label of the frame's row."""
    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images of both views."""
    joint_heatmaps: Float[np.ndarray, "v m h2 w2"] | None
    """Joint heatmaps of both views, estimated or true, peak 1; None: the lifter reads none."""
    limb_heatmaps: Float[np.ndarray, "v m 2 h2 w2"] | None
    """Limb heatmaps of both views, cosine and sine channel; None likewise."""
    truth_cm: Float[np.ndarray, "j 3"]
    """True pose: estimated joints, in the left camera's axes, cm."""
    estimate_cm: Float[np.ndarray, "j 3"]
    """Estimated pose likewise."""


def poses_figure(frames: Sequence[PosedFrame], skeleton: Skeleton) -> Figure:
    """A row per frame: both views, joint and limb heatmaps of the left view, and the pose from the front and the side.

    Without heatmaps there are no columns for them.

    Args:
        frames: one or more frames.
        skeleton: the skeleton of the poses.
    """
    has_heatmaps = all(frame.joint_heatmaps is not None for frame in frames)
    titles = _COLUMNS if has_heatmaps else (*_COLUMNS[:2], *_COLUMNS[4:])
    number = len(titles) - 2
    # Drawn at the end of every run: with fixed margins and a row's images in one axes it takes about half of the time.
    width, height = _COLUMN_IN * len(titles), _ROW_IN * len(frames) + _TOP_IN + _BOTTOM_IN
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(
        len(frames),
        3,
        squeeze=False,
        width_ratios=(number, 1, 1),
        gridspec_kw={
            "left": _LEFT_IN / width,
            "right": 1 - _RIGHT_IN / width,
            "top": 1 - _TOP_IN / height,
            "bottom": _BOTTOM_IN / height,
            "wspace": 0.14,
            "hspace": 0.16,
        },
    )
    for row, frame in zip(axes, frames, strict=True):
        left, right = (np.moveaxis(view, 0, -1) for view in frame.images)
        images = [left / 255, right / 255]
        if frame.joint_heatmaps is not None and frame.limb_heatmaps is not None:
            limbs = np.linalg.norm(frame.limb_heatmaps[0], axis=1)
            images += [overlaid(left, frame.joint_heatmaps[0]), overlaid(left, limbs)]
        _show_beside_each_other(row[0], images, titles if frame is frames[0] else ())
        label_row(row[0], frame.title, _TEXT, _ROW_IN)
        _draw_pose(row[1], frame, skeleton, across=0)
        _draw_pose(row[2], frame, skeleton, across=2)
    for axis, title in zip(axes[0, 1:], titles[-2:], strict=True):
        axis.set_title(title, fontsize=_TEXT)
    handles, labels = axes[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower right", ncols=2, frameon=False, fontsize=_TEXT)
    return figure


def _show_beside_each_other(axis: Axes, images: Sequence[Float[np.ndarray, "h w 3"]], titles: Sequence[str]) -> None:
    """Draw images of one size, with their titles above."""
    height, width = images[0].shape[:2]
    step = width + round(_GAP * width)
    wide = np.ones((height, step * len(images) - (step - width), 3))
    for k, image in enumerate(images):
        wide[:, k * step : k * step + width] = image
    show_image(axis, wide)
    axis.spines[:].set_visible(False)
    for k, title in enumerate(titles[: len(images)]):
        axis.annotate(title, (k * step + width / 2, 0), (0, 4), textcoords="offset points", ha="center", fontsize=_TEXT)


def _draw_pose(axis: Axes, frame: PosedFrame, skeleton: Skeleton, across: int) -> None:
    """Draw truth and estimate as sticks with dots at the joints."""
    poses = {"truth": frame.truth_cm, "estimate": frame.estimate_cm}
    left = sign_of_left(frame.truth_cm, skeleton)
    draw_sticks(axis, poses, POSE_COLOURS, skeleton.estimated_limbs, across, width=1.8, left=left)
    for name, pose_cm in poses.items():
        body = upright(pose_cm, left)
        axis.scatter(body[:, across], body[:, 1], color=POSE_COLOURS[name], s=7, zorder=3)
    axis.locator_params(nbins=4)
    axis.tick_params(labelsize=_TICKS)
    axis.set_xlabel("cm", fontsize=_SMALL)
