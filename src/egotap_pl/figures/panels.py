"""Pictures of a few frames while a network learns: input, heatmaps, pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from egotap_pl.figures.drawing import draw_sticks, painted
from egotap_pl.figures.style import POSE_COLOURS

CLOUD_POINTS = 24  # drawn along a bone


@dataclass(frozen=True)
class Panel:
    """What is shown of a frame.

    Fields:
        title: what stands beside it.
        image: the left view.
        maps: heatmaps of the left view, one channel each, by name, in the order of the columns.
        poses_cm: estimated joints, camera axes, by a name of `POSE_COLOURS`; none for what estimates no pose.
    """

    title: str
    image: UInt8[np.ndarray, "3 h w"]
    maps: Mapping[str, Float[np.ndarray, "_ _ _"]]
    poses_cm: Mapping[str, Float[np.ndarray, "_ 3"]] = field(default_factory=dict)


def panel_figure(panels: Sequence[Panel], bones: Sequence[tuple[int, int]] = ()) -> Figure:
    """A row per frame: the left view, each kind of heatmaps over it, and the pose from the front and from the side.

    Args:
        panels: frames with the same kinds of maps and poses.
        bones: (child, parent) rows of a pose.

    Raises:
        ValueError: if there is no frame, or the frames differ in what is shown.
    """
    if not panels or any(list(p.maps) != list(panels[0].maps) or bool(p.poses_cm) != bool(bones) for p in panels):
        raise ValueError("frames must be there, with the same kinds of maps, and with poses where there are bones")
    columns = ["left view", *panels[0].maps, *(("from the front (cm)", "from the side (cm)") if bones else ())]
    figure = Figure(figsize=(2.3 * len(columns), 2.4 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), len(columns), squeeze=False)
    for axis, title in zip(grid[0], columns, strict=True):
        axis.set_title(title, fontsize=9)
    for row, panel in zip(grid, panels, strict=True):
        image = np.moveaxis(panel.image, 0, -1)
        pictures = [image, *(painted(image, maps) for maps in panel.maps.values())]
        for axis, picture in zip(row, pictures, strict=False):
            axis.imshow(picture, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(panel.title, fontsize=9)
        if bones:
            for axis, across in ((row[-2], 0), (row[-1], 2)):
                draw_sticks(axis, panel.poses_cm, POSE_COLOURS, bones, across, width=1.6)
                axis.tick_params(labelsize=6)
    if bones:
        handles, labels = grid[0, -1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    return figure


def pose_cloud(panel: Panel, bones: Sequence[tuple[int, int]]) -> Float[np.ndarray, "p 6"]:
    """Truth and estimate as coloured points along their bones, for viewers of point clouds.

    Returns:
        x, y, z (cm, z up) and red, green, blue (0 to 255).
    """
    steps = np.linspace(0, 1, CLOUD_POINTS)[:, None]
    clouds = []
    for name, pose_cm in panel.poses_cm.items():
        right, down, forward = pose_cm.T
        # The cameras look down: forward is mostly down, and down is back.
        body = np.stack((right, -down, -forward), -1)
        points = np.concatenate([body[child] * steps + body[parent] * (1 - steps) for child, parent in bones])
        colours = np.broadcast_to(255 * np.array(to_rgb(POSE_COLOURS[name])), points.shape)
        clouds.append(np.concatenate((points, colours), -1))
    return np.concatenate(clouds)
