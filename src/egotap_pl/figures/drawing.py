"""What several figures draw: bodies as sticks, and heatmaps over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes


def upright(pose_cm: Float[np.ndarray, "j 3"]) -> Float[np.ndarray, "j 3"]:
    """Camera axes to a view that a reader knows: the cameras look down, so forward is mostly down and down is back."""
    right, down, forward = pose_cm.T
    return np.stack((-right, -forward, -down), -1)


def draw_sticks(
    axis: Axes,
    poses_cm: Mapping[str, Float[np.ndarray, "j 3"]],
    colours: Mapping[str, str],
    bones: Sequence[tuple[int, int]],
    across: int,
    width: float,
) -> None:
    """Draw poses as sticks, flattened: camera axis ``across`` (0 right, 2 forward) against up.

    Args:
        axis: where.
        poses_cm: estimated joints, camera axes, by name.
        colours: of each name.
        bones: (child, parent) rows of a pose.
        across: see above.
        width: of a stick, pt.
    """
    for name, pose_cm in poses_cm.items():
        body = upright(pose_cm)
        for k, bone in enumerate(bones):
            ends = body[list(bone)]
            label = name if k == 0 else None
            axis.plot(ends[:, across], ends[:, 1], color=colours[name], linewidth=width, label=label)
    axis.set_aspect("equal", adjustable="datalim")


def hues(number: int) -> Float[np.ndarray, "n 3"]:
    """A colour for each of a number of heatmaps."""
    return colormaps["hsv"](np.linspace(0, 1, number, endpoint=False))[:, :3]


def painted(image: UInt8[np.ndarray, "h w 3"], maps: Float[np.ndarray, "m h2 w2"]) -> Float[np.ndarray, "h w 3"]:
    """Heatmaps, a colour each, over the darkened image."""
    small = np.einsum("mhw,mc->hwc", np.clip(maps, 0, 1), hues(len(maps)))
    rows, columns = (np.arange(size) * of // size for size, of in zip(image.shape, small.shape[:2], strict=False))
    return np.clip(0.35 * image / 255.0 + small[rows][:, columns], 0, 1)
