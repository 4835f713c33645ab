"""Figure of a stereo rig: what each view sees, and where the cameras are."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from egotap_pl.core.camera import Camera, StereoRig
from egotap_pl.figures.style import BLUE, GREEN, SMALL, TEXT, TITLE, VERMILION, page

_AXES = (("X", VERMILION), ("Y", GREEN), ("Z", BLUE))
_RING_DEG = 30


def rig_figure(rig: StereoRig) -> Figure:
    """Both frames with rings of equal angle off the axis, and both cameras' axes, seen along Y and along Z.

    Args:
        rig: the rig.
    """
    figure = page(1.9)
    axes = figure.subplots(1, 4, width_ratios=(1.15, 1.15, 1, 1))
    for axis, camera, side in zip(axes, rig.cameras, ("left", "right"), strict=False):
        _draw_view(axis, camera, f"{side} view (px)")
    rotation = np.array(rig.rotation)
    places = np.zeros(3), -rotation.T @ np.array(rig.translation_cm)
    for axis, across, title in ((axes[2], 2, "along Y (cm)"), (axes[3], 1, "along Z (cm)")):
        _draw_cameras(axis, places, (np.eye(3), rotation.T), across, title)
    axes[2].invert_yaxis()  # Z up, as on a map
    return figure


def _draw_view(axis: Axes, camera: Camera, title: str) -> None:
    width, height = camera.size_px
    axis.add_patch(Rectangle((0, 0), width, height, fill=False, color="0.3", linewidth=1.0))
    widest = math.degrees(camera.max_angle_rad)
    for degrees in (*range(_RING_DEG, int(widest), _RING_DEG), widest):
        ring = _ring(camera, degrees)
        is_rim = degrees == widest
        axis.plot(*ring.T, color="0.3" if is_rim else "0.75", linewidth=1.0 if is_rim else 0.7)
        axis.annotate(f"{degrees:.0f}°", ring[0], fontsize=SMALL, color="0.35", ha="center", va="center")
    length = 0.22 * min(camera.size_px)
    for (u, v), name, ha, va in (((length, 0), "u, X", "left", "center"), ((0, length), "v, Y", "center", "top")):
        colour = _AXES[name == "v, Y"][1]
        u0, v0 = camera.centre_px
        axis.annotate("", (u0 + u, v0 + v), camera.centre_px, arrowprops={"arrowstyle": "->", "color": colour})
        axis.annotate(f" {name}", (u0 + u, v0 + v), fontsize=SMALL, color=colour, ha=ha, va=va)
    axis.plot(*camera.centre_px, "o", color=BLUE, markersize=3)  # Z leads into the picture
    axis.set_title(title, fontsize=TITLE)
    axis.tick_params(labelsize=SMALL)
    axis.set_aspect("equal")
    axis.set_xticks([0, width])
    axis.set_yticks([0, height])
    axis.set_ylim(axis.get_ylim()[::-1])
    axis.spines[:].set_visible(False)


def _ring(camera: Camera, degrees: float | int) -> Float[np.ndarray, "n 2"]:
    """Pixels of directions at an angle off the axis, the first one at the upper right."""
    turn = torch.linspace(-math.pi / 4, 2 * math.pi - math.pi / 4, 181, dtype=torch.float64)
    polar = torch.full_like(turn, math.radians(degrees) * (1 - 1e-9))
    directions = torch.stack((polar.sin() * turn.cos(), polar.sin() * turn.sin(), polar.cos()), -1)
    return camera.project(directions)[0].numpy()


def _draw_cameras(
    axis: Axes,
    places_cm: tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]],
    axes_left: tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3 3"]],
    across: int,
    title: str,
) -> None:
    """Both cameras in the left one's X axis and another one.

    Args:
        axis: where to draw.
        places_cm: centre of each camera in the left camera's frame.
        axes_left: axes of each camera in the left camera's frame, as columns.
        across: the other axis: 1 is Y, 2 is Z.
        title: title above.
    """
    length = max(2.0, 0.4 * float(np.linalg.norm(places_cm[1])))
    for place, columns, side in zip(places_cm, axes_left, ("left", "right"), strict=True):
        start = (float(place[0]), float(place[across]))
        for (name, colour), column in zip(_AXES, columns.T, strict=True):
            x, y = length * float(column[0]), length * float(column[across])
            if math.hypot(x, y) < 0.25 * length:
                continue  # it leads towards the reader or away
            end, beyond = (start[0] + x, start[1] + y), (start[0] + 1.2 * x, start[1] + 1.2 * y)
            axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "shrinkA": 0, "shrinkB": 0})
            axis.annotate(name, beyond, fontsize=SMALL, color=colour, ha="center", va="center")
        axis.plot(*start, "o", color="0.2", markersize=3)
        axis.annotate(
            side, start, (0, 6 if across == 1 else -9), textcoords="offset points", fontsize=TEXT, ha="center"
        )
    points = np.stack([place[[0, across]] for place in places_cm])
    low, high = points.min(0) - 1.5 * length, points.max(0) + 1.5 * length
    axis.set_xlim(low[0], high[0])
    axis.set_ylim(high[1], low[1])
    axis.set_title(title, fontsize=TITLE)
    axis.tick_params(labelsize=SMALL)
    axis.set_aspect("equal")
    axis.spines[["top", "right"]].set_visible(False)
