"""Pictures of test frames: the stereo pair, its heatmaps, and the pose beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egotap_pl.analysis.figures.style import ESTIMATE_COLOUR, TRUTH_COLOUR
from egotap_pl.core.skeleton import Skeleton


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
        draw_pose(axes[4], frame, skeleton, across=0)
        draw_pose(axes[5], frame, skeleton, across=2)
    handles, labels = figure.axes[4].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False, fontsize=10)
    return figure


def draw_pose(axis: Axes, frame: Shown, skeleton: Skeleton, across: int) -> None:
    """Draw truth and estimate as sticks, flattened: camera axis ``across`` (0 right, 2 forward) against up."""
    poses = ((frame.truth_cm, TRUTH_COLOUR, "truth"), (frame.estimate_cm, ESTIMATE_COLOUR, "estimate"))
    for pose, colour, label in poses:
        body = upright(pose)
        for k, (child, parent) in enumerate(skeleton.estimated_bones):
            ends = body[[child, parent]]
            axis.plot(ends[:, across], ends[:, 1], color=colour, linewidth=1.8, label=label if k == 0 else None)
        axis.scatter(body[:, across], body[:, 1], color=colour, s=7, zorder=3)
    axis.set_aspect("equal", adjustable="datalim")
    axis.tick_params(labelsize=7)
    axis.set_xlabel("cm", fontsize=8)


def upright(pose_cm: Float[np.ndarray, "j 3"]) -> Float[np.ndarray, "j 3"]:
    """Camera axes to a view that a reader knows: the cameras look down, so forward is mostly down and down is back."""
    right, down, forward = pose_cm.T
    return np.stack((-right, -forward, -down), -1)


def _maps(frame: Shown, left: UInt8[np.ndarray, "h w 3"]) -> tuple[np.ndarray, np.ndarray]:
    """The left view's joint and limb heatmaps, coloured, over its darkened image."""
    colours = _colours(frame.joint_heatmaps.shape[1])
    joints = np.clip(frame.joint_heatmaps[0], 0, 1)
    limbs = np.clip(np.linalg.norm(frame.limb_heatmaps[0], axis=1), 0, 1)
    return _over(left, joints, colours), _over(left, limbs, colours)


def _over(image: np.ndarray, maps: Float[np.ndarray, "j h w"], colours: np.ndarray) -> np.ndarray:
    scale = image.shape[0] // maps.shape[-1]
    painted = np.einsum("jhw,jc->hwc", maps, colours).repeat(scale, 0).repeat(scale, 1)
    return np.clip(0.35 * image / 255.0 + painted, 0, 1)


def _colours(number: int) -> np.ndarray:
    return colormaps["hsv"](np.linspace(0, 1, number, endpoint=False))[:, :3]
