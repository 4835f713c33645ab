"""Figure of estimates without a true pose: both views with the heatmaps' peaks as a skeleton, and the pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.drawing import sign_of_left, upright
from egotap_pl.figures.projection import ProjectedPose, draw_projection
from egotap_pl.figures.style import ESTIMATE_COLOUR, ORANGE, TEXT, hide_ticks, page, style_axis

FAINTEST = 0.15
"""Opacity of a joint with an empty heatmap."""


@dataclass(frozen=True)
class EstimatedFrame:
    """A frame in `estimates_figure`."""

    title: str
    """Label of the frame's row."""
    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images of both views."""
    joint_heatmaps: Float[np.ndarray, "v m h2 w2"] | None
    """Joint heatmaps of both views, peak 1; None: there are none."""
    pose_cm: Float[np.ndarray, "j 3"]
    """Estimated joints in the left camera's axes, cm."""
    projected: ProjectedPose | None = None
    """The pose in both views; None: unknown."""


def estimates_figure(frames: Sequence[EstimatedFrame], skeleton: Skeleton) -> Figure:
    """A row per frame: both views with the peaks of their joint heatmaps, and the pose from the front and the side.

    A joint is as opaque as its heatmap's peak is high. The root has no heatmap, so its limbs are not drawn over images.
    The projected pose, where there is one, is drawn in blue.

    Args:
        frames: one or more frames.
        skeleton: the skeleton of heatmaps and poses.
    """
    figure = page(1.9 * len(frames) + 0.2)
    axes = figure.subplots(len(frames), 4, squeeze=False)
    for row, (frame, (*views, front, side)) in enumerate(zip(frames, axes, strict=True)):
        for view, (axis, image) in enumerate(zip(views, frame.images, strict=True)):
            draw_peaks(axis, image, None if frame.joint_heatmaps is None else frame.joint_heatmaps[view], skeleton)
        if frame.projected is not None:
            for view, axis in enumerate(views):
                draw_projection(axis, frame.projected, view, frame.images.shape[-1], skeleton)
        views[0].set_ylabel(frame.title, fontsize=TEXT)
        body = upright(frame.pose_cm, sign_of_left(frame.pose_cm, skeleton))
        for axis, across in ((front, 0), (side, 2)):
            for child, parent in skeleton.estimated_limbs:
                axis.plot(*body[[child, parent]][:, [across, 1]].T, color=ESTIMATE_COLOUR, linewidth=1.5)
            axis.scatter(body[:, across], body[:, 1], color=ESTIMATE_COLOUR, s=6, zorder=3)
            style_axis(axis, "cm" if row == len(frames) - 1 else "")
            axis.set_aspect("equal", adjustable="datalim")
    for axis, title in zip(axes[0], ("left view", "right view", "from the front", "from the side"), strict=True):
        axis.set_title(title, fontsize=TEXT)
    return figure


def draw_peaks(
    axis: Axes, image: UInt8[np.ndarray, "3 h w"], heatmaps: Float[np.ndarray, "m h2 w2"] | None, skeleton: Skeleton
) -> None:
    """Draw a view and, over it, the joints and limbs at the peaks of its heatmaps.

    Args:
        axis: where to draw.
        image: RGB, as wide as high.
        heatmaps: one per joint 1, 2, ... of the skeleton, peak 1; None: only the view is drawn.
        skeleton: the skeleton of these joints.
    """
    side = image.shape[-1]
    axis.imshow(image.transpose(1, 2, 0), extent=(0, side, side, 0), interpolation="nearest")
    axis.set(xlim=(0, side), ylim=(side, 0))
    hide_ticks(axis)
    if heatmaps is None:
        return
    places, heights = heatmap_peaks(heatmaps)
    places, opacity = places * side, heights.clip(FAINTEST, 1)
    for child, parent in skeleton.limbs:
        if parent != 0:
            ends = places[[child - 1, parent - 1]].T
            axis.plot(*ends, color=ORANGE, linewidth=1.2, alpha=min(opacity[child - 1], opacity[parent - 1]))
    axis.scatter(places[:, 0], places[:, 1], color=ORANGE, s=5, alpha=opacity, zorder=3)  # type: ignore[arg-type]


def heatmap_peaks(
    heatmaps: Float[np.ndarray, "m h w"],
) -> tuple[Float[np.ndarray, "m 2"], Float[np.ndarray, "m"]]:
    """Where heatmaps are highest, (u, v) as shares of the view's side, and how high they are there."""
    flat = heatmaps.reshape(len(heatmaps), -1)
    rows, columns = np.divmod(flat.argmax(1), heatmaps.shape[-1])
    return (np.stack((columns, rows), 1) + 0.5) / heatmaps.shape[-1], flat.max(1)
