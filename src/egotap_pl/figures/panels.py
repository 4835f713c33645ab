"""Figure of a few validation frames while a network learns: input, heatmaps, pose; and poses as point clouds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from egotap_pl.figures.drawing import draw_sticks, overlaid, upright
from egotap_pl.figures.style import POSE_COLOURS, show_image

_POINTS_PER_LIMB = 24
_TEXT, _TICKS = 9, 6  # font sizes, pt: this figure is wider than a page


@dataclass(frozen=True)
class FramePanel:
    """A frame in `panel_figure`."""

    title: str
    """Label of the frame's row."""
    image: UInt8[np.ndarray, "3 h w"]
    """RGB image of the left view."""
    heatmaps: Mapping[str, Float[np.ndarray, "_ _ _"]]
    """Heatmaps of the left view by name, one column each: (joint or limb, height, width), values of 0 to 1."""
    poses_cm: Mapping[str, Float[np.ndarray, "_ 3"]] = field(default_factory=dict)
    """Estimated joints in the left camera's axes, cm, by a name of `POSE_COLOURS`; empty where no pose is estimated."""
    left: int = 1
    """`drawing.sign_of_left` of the poses."""


def panel_figure(panels: Sequence[FramePanel], limbs: Sequence[tuple[int, int]] = ()) -> Figure:
    """A row per frame: the left view, the heatmaps of each name over it, and the pose from the front and the side.

    Args:
        panels: frames with the same names of heatmaps.
        limbs: (child, parent) rows of a pose; empty where there are no poses.

    Raises:
        ValueError: if there are no frames, their names of heatmaps differ, or some have poses and some do not.
    """
    _check(panels, bool(limbs))
    columns = ["left view", *panels[0].heatmaps, *(("from the front (cm)", "from the side (cm)") if limbs else ())]
    figure = Figure(figsize=(2.3 * len(columns), 2.4 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), len(columns), squeeze=False)
    for row, panel in zip(axes, panels, strict=True):
        image = np.moveaxis(panel.image, 0, -1)
        images = [image, *(overlaid(image, heatmaps) for heatmaps in panel.heatmaps.values())]
        for axis, pixels in zip(row, images, strict=False):
            show_image(axis, pixels)
        row[0].set_ylabel(panel.title, fontsize=_TEXT)
        if limbs:
            for axis, across in ((row[-2], 0), (row[-1], 2)):
                draw_sticks(axis, panel.poses_cm, POSE_COLOURS, limbs, across, width=1.6, left=panel.left)
                axis.tick_params(labelsize=_TICKS)
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(title, fontsize=_TEXT)
    if limbs:
        handles, labels = axes[0, -1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False, fontsize=_TEXT)
    return figure


def _check(panels: Sequence[FramePanel], has_limbs: bool) -> None:
    if not panels:
        raise ValueError("no frames to draw")
    names = list(panels[0].heatmaps)
    for panel in panels:
        if list(panel.heatmaps) != names:
            raise ValueError(f"all frames must have heatmaps of the same names: {names}, but also {[*panel.heatmaps]}")
        if bool(panel.poses_cm) != has_limbs:
            raise ValueError(f"{panel.title}: limbs are given for frames with poses, and for no others")


def pose_cloud(panel: FramePanel, limbs: Sequence[tuple[int, int]]) -> Float[np.ndarray, "p 6"]:
    """A frame's poses as coloured points along their limbs, for viewers of point clouds.

    Args:
        panel: a frame with poses.
        limbs: (child, parent) rows of a pose.

    Returns:
        x, y, z (cm, z up) and red, green, blue (0 to 255) of each point.
    """
    steps = np.linspace(0, 1, _POINTS_PER_LIMB)[:, None]
    clouds = []
    for name, pose_cm in panel.poses_cm.items():
        across, up, towards = upright(pose_cm, panel.left).T
        body = np.stack((-across, towards, up), -1)
        points = np.concatenate([body[child] * steps + body[parent] * (1 - steps) for child, parent in limbs])
        colours = np.broadcast_to(255 * np.array(to_rgb(POSE_COLOURS[name])), points.shape)
        clouds.append(np.concatenate((points, colours), -1))
    return np.concatenate(clouds)
