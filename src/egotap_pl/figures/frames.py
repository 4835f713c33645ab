"""Pictures of test frames: the stereo pair, its heatmaps, and the pose beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.drawing import draw_sticks, painted, upright
from egotap_pl.figures.style import POSE_COLOURS


@dataclass(frozen=True)
class Shown:
    """A frame to be drawn.

    Fields:
        title: what stands beside it.
        images: both views.
        joint_heatmaps: of both views, estimated or true.
        limb_heatmaps: of both views, cosine and sine.
        truth_cm: the true pose, estimated joints only, camera axes.
        estimate_cm: the estimated pose.
    """

    title: str
    images: UInt8[np.ndarray, "v 3 h w"]
    joint_heatmaps: Float[np.ndarray, "v m h2 w2"]
    limb_heatmaps: Float[np.ndarray, "v m 2 h2 w2"]
    truth_cm: Float[np.ndarray, "j 3"]
    estimate_cm: Float[np.ndarray, "j 3"]


def poses_figure(frames: Sequence[Shown], skeleton: Skeleton) -> Figure:
    """A row per frame: left and right view, joint and limb heatmaps of the left view, and the pose from two sides."""
    columns = (
        "left view",
        "right view",
        "joint heatmaps (left)",
        "limb heatmaps (left)",
        "from the front",
        "from the side",
    )
    figure = Figure(figsize=(2.6 * len(columns), 2.9 * len(frames)), layout="constrained")
    for row, frame in enumerate(frames):
        axes = [figure.add_subplot(len(frames), len(columns), row * len(columns) + k + 1) for k in range(len(columns))]
        for axis, title in zip(axes, columns, strict=True):
            if row == 0:
                axis.set_title(title, fontsize=10)
        left, right = (np.moveaxis(view, 0, -1) for view in frame.images)
        for axis, picture in zip(axes[:4], (left, right, *_maps(frame, left)), strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
        axes[0].set_ylabel(frame.title, fontsize=10)
        _draw_pose(axes[4], frame, skeleton, across=0)
        _draw_pose(axes[5], frame, skeleton, across=2)
    handles, labels = figure.axes[4].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False, fontsize=10)
    return figure


def _draw_pose(axis: Axes, frame: Shown, skeleton: Skeleton, across: int) -> None:
    """Truth and estimate as sticks with dots at the joints."""
    poses = {"truth": frame.truth_cm, "estimate": frame.estimate_cm}
    draw_sticks(axis, poses, POSE_COLOURS, skeleton.estimated_limbs, across, width=1.8)
    for name, pose_cm in poses.items():
        body = upright(pose_cm)
        axis.scatter(body[:, across], body[:, 1], color=POSE_COLOURS[name], s=7, zorder=3)
    axis.tick_params(labelsize=7)
    axis.set_xlabel("cm", fontsize=8)


def _maps(frame: Shown, left: UInt8[np.ndarray, "h w 3"]) -> tuple[np.ndarray, np.ndarray]:
    """The left view's joint and limb heatmaps, coloured, over its darkened image."""
    return painted(left, frame.joint_heatmaps[0]), painted(left, np.linalg.norm(frame.limb_heatmaps[0], axis=1))
