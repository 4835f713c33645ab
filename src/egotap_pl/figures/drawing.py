"""What several figures draw: bodies as sticks, and heatmaps over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath

from egotap_pl.core.sides import side_of
from egotap_pl.core.skeleton import Skeleton


def sign_of_left(poses_cm: Float[np.ndarray, "*n j 3"], skeleton: Skeleton) -> int:
    """On which side of the image the wearer's left is: 1 on the right (UnrealEgo), -1 on the left (EgoCap).

    Cameras on a head may be mounted either way round. A head does not turn so far that the shoulders change sides.

    Args:
        poses_cm: estimated joints in the left camera's axes, cm.
        skeleton: the skeleton of the poses.
    """
    row = {joint: row for row, joint in enumerate(skeleton.estimated)}
    pairs = [
        (row[joint], row[twin])
        for joint, twin in enumerate(skeleton.mirror)
        if joint != twin and {joint, twin} <= row.keys() and side_of(skeleton.joints[joint]) == "left"
    ]
    left, right = (poses_cm[..., [pair[side] for pair in pairs], 0] for side in range(2))
    return -1 if np.nansum(left - right) < 0 else 1


def upright(pose_cm: Float[np.ndarray, "j 3"], left: int = 1) -> Float[np.ndarray, "j 3"]:
    """A pose turned so that it stands upright and faces the reader: axes to the right of the page, up, and towards us.

    The cameras look down along the body: their forward axis points mostly to the feet.

    Args:
        pose_cm: joints in the left camera's axes (right, down, forward), cm.
        left: `sign_of_left` of the pose.

    Examples:
        >>> upright(np.array([[0.0, 0.0, 50.0]])).tolist()  # far in front of the cameras is low in the picture
        [[0.0, -50.0, 0.0]]
    """
    right, down, forward = pose_cm.T
    return np.stack((left * right, -forward, left * down), -1)


def draw_sticks(
    axis: Axes,
    poses_cm: Mapping[str, Float[np.ndarray, "j 3"]],
    colours: Mapping[str, str],
    limbs: Sequence[tuple[int, int]],
    across: int,
    width: float,
    left: int = 1,
) -> None:
    """Draw poses as sticks, from the front or from the side.

    Args:
        axis: where to draw.
        poses_cm: by name, the estimated joints in the left camera's axes, cm.
        colours: colour of each name.
        limbs: (child, parent) rows of a pose.
        across: axis of `upright` that is drawn from left to right: 0 from the front, 2 from the side.
        width: width of a stick, pt.
        left: `sign_of_left` of the poses.
    """
    for name, pose_cm in poses_cm.items():
        ends = upright(pose_cm, left)[np.asarray(limbs)][..., (across, 1)]
        sticks = np.pad(ends, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)  # one line with gaps draws sooner
        axis.plot(*sticks.reshape(-1, 2).T, color=colours[name], linewidth=width, label=name)
    axis.set_aspect("equal", adjustable="datalim")


def hues(number: int) -> Float[np.ndarray, "n 3"]:
    """A colour (RGB, 0 to 1) for each of ``number`` heatmaps."""
    return colormaps["hsv"](np.linspace(0, 1, number, endpoint=False))[:, :3]


def overlaid(image: UInt8[np.ndarray, "h w 3"], heatmaps: Float[np.ndarray, "m h2 w2"]) -> Float[np.ndarray, "h w 3"]:
    """Heatmaps, each in a colour of its own, over the darkened image.

    Args:
        image: RGB.
        heatmaps: values of 0 to 1; of any size, which is stretched to the image's.

    Returns:
        RGB, 0 to 1.
    """
    small = np.einsum("mhw,mc->hwc", np.clip(heatmaps, 0, 1), hues(len(heatmaps)))
    rows, columns = (np.arange(size) * of // size for size, of in zip(image.shape, small.shape[:2], strict=False))
    return np.clip(0.35 * image / 255.0 + small[rows][:, columns], 0, 1)


def label_row(axis: Axes, text: str, size: float | int, height_in: float) -> None:
    """Write the label of a row of a figure beside its first axes, upright, and small enough to stay within the row.

    Args:
        axis: the row's first axes.
        text: one or more lines.
        size: largest font size, pt.
        height_in: height of the row, inches.
    """
    widths_pt = [TextPath((0, 0), line, size).get_extents().width for line in text.splitlines() if line.strip()]
    fitting = 0.92 * 72 * height_in / max([*widths_pt, 1.0])
    axis.set_ylabel(text, fontsize=size * min(1.0, fitting))
