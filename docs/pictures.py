"""Draws the pictures of docs/concepts.md into docs/images/concepts: `make pictures`. They are kept in the repository.

Frames are EgoSynth's, heatmaps are true ones, and everything is computed by the package that the page is about. The
background is white, so that pictures can be read on a dark page, too.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diagrams import SIDES, arrow, box, canvas, inset, sizes, stages_figure, tree_figure
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.sides import side_of
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.egosynth import EgoSynthSource
from egotap_pl.figures.drawing import overlaid
from egotap_pl.figures.style import BLUE, GREEN, ORANGE, PURPLE, VERMILION
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import glasses

SKELETON = unrealego()
HEATMAP_PX, IMAGE_PX = 64, 256
PITCHER, DANCER = (8, 1), (16, 0)
"""(take, frame) with both arms in view, and with an elbow outside the left view."""


_AXES = (("X", VERMILION), ("Y", GREEN), ("Z", BLUE))


class Example(NamedTuple):
    """A frame of EgoSynth with its true heatmaps."""

    images: np.ndarray
    """(view, height, width, 3), RGB bytes."""
    points2d_px: np.ndarray
    """(view, joint, 2), px of the 1024 x 1024 frame."""
    pose_cm: np.ndarray
    """(joint, 3), in the left camera's axes, relative to the pelvis."""
    origin_cm: np.ndarray
    """(view, 3), the pelvis in each camera's frame."""
    joint: np.ndarray
    """(view, joint, height, width), joint heatmaps."""
    limb: np.ndarray
    """(view, limb, 2, height, width), limb heatmaps."""


@cache
def example(take: int, row: int) -> Example:
    """A frame of a training take of a small EgoSynth.

    Args:
        take: number of the take.
        row: number of its frame.
    """
    frames, people = {"train": 90, "validation": 30, "test": 30}, {"train": 8, "validation": 2, "test": 2}
    source = EgoSynthSource(SKELETON, glasses(), [ProceduralMotions(3)], frames, people, IMAGE_PX, frames_per_take=3)
    read = source.read(source.plan("train")[take])
    points, pose = (torch.from_numpy(x[row : row + 1]) for x in (read.points2d_px, read.pose_cm))
    return Example(
        read.images[row].transpose(0, 2, 3, 1),
        read.points2d_px[row],
        read.pose_cm[row],
        read.origin_cm[row],
        joint_heatmaps(points, SKELETON, HEATMAP_PX)[0].numpy(),
        limb_heatmaps(points, pose, SKELETON, HEATMAP_PX)[0].numpy(),
    )


def pipeline_figure() -> Figure:
    """From two images to a pose, with sizes at scale=paper and scale=tiny."""
    frame = example(*PITCHER)
    figure, axis = canvas(11.4, 4.8)
    for view, y in ((0, 27), (1, 11)):
        inset(figure, (1, y, 12, 12), frame.images[view], f"{('left', 'right')[view]} view")
        limbs = np.linalg.norm(frame.limb[view], axis=1)
        for y2, heatmaps in ((30, frame.joint[view]), (11, limbs)):
            inset(figure, (30 + 8.6 * view, y2, 8, 8), overlaid(frame.images[view], heatmaps))
    box(axis, (17, 30, 9.5, 8), "joint\nestimator", ORANGE)
    box(axis, (17, 11, 9.5, 8), "limb\nestimator", ORANGE)
    box(axis, (51, 30, 9.5, 8), "encoder\n(Grid ViT)", BLUE)
    box(axis, (51, 11, 9.5, 8), "limb\nencoder", BLUE)
    box(axis, (67.5, 19.5, 11.5, 10), "propagation\nalong the tree\n(PU)", GREEN)
    box(axis, (83, 28, 8, 8), "head\n(per joint)", PURPLE)
    for y in (34, 15):
        for start in (33, 17):
            arrow(axis, (13.2, start), (16.8, y))
        arrow(axis, (26.6, y), (29.6, y))
        arrow(axis, (47, y), (50.8, y))
    arrow(axis, (60.6, 33), (67.3, 26.5))
    arrow(axis, (60.6, 15), (67.3, 22.5))
    arrow(axis, (60.6, 35), (82.8, 34))
    arrow(axis, (79.1, 25.5), (82.8, 30))
    arrow(axis, (91.1, 32), (95, 32))
    pose = figure.add_axes((0.835, 0.25, 0.155, 0.62))
    _sticks(pose, frame.pose_cm, (0, 2), 2.2)
    pose.invert_yaxis()
    pose.axis("off")
    for x, y, title, paper, tiny in (
        (7, 7.6, "images", "2 × 3 × 256 × 256", "2 × 3 × 128 × 128"),
        (38.3, 26.4, "", "2 × 15 × 64 × 64", "2 × 15 × 32 × 32"),
        (38.3, 7.6, "", "2 × 15 × 2 × 64 × 64", "2 × 15 × 2 × 32 × 32"),
        (69, 40, "joint features", "15 × 256", "15 × 64"),
        (69, 11.5, "relational features", "15 × 256", "15 × 64"),
        (88.5, 24, "propagated features", "15 × 256", "15 × 64"),
        (104, 8.5, "pose, cm", "16 × 3", "16 × 3"),
    ):
        sizes(axis, (x, y), title, paper, tiny)
    axis.text(38.3, 39.5, "joint heatmaps", ha="center", fontsize=9.5, weight="bold")
    axis.text(38.3, 20.5, "limb heatmaps", ha="center", fontsize=9.5, weight="bold")
    axis.text(21.7, 44, "frozen while the lifter trains", ha="center", fontsize=9, color=ORANGE)
    axis.text(75, 44, "the lifter", ha="center", fontsize=9, color=BLUE)
    axis.plot((50, 92), (43, 43), color=BLUE, linewidth=1)
    axis.plot((16, 27.5), (43, 43), color=ORANGE, linewidth=1)
    axis.text(
        1, 1, "Sizes of one frame of UnrealEgo's skeleton: scale=paper in black, scale=tiny in grey.", fontsize=8.5
    )
    return figure


def _sticks(axis: Axes, points: np.ndarray, columns: tuple[int, int], width: float) -> None:
    """Limbs between points, in the colour of their side."""
    for joint, parent in SKELETON.limbs:
        ends = points[[joint, parent]][:, columns]
        axis.plot(*ends.T, color=SIDES[side_of(SKELETON.joints[joint])], linewidth=width, solid_capstyle="round")
    axis.set_aspect("equal")


def limbs_figure() -> Figure:
    """A limb that is in view, and one that leaves it: the view, both ends' joint heatmaps, and both channels."""
    figure, axis = canvas(11, 5.1)
    name = "lowerarm_l"
    rows = ((PITCHER, "a limb in view"), (DANCER, "a limb that leaves it"))
    for (which, title), y in zip(rows, (28, 3.5), strict=True):
        frame, joint = example(*which), SKELETON.joints.index(name)
        parent = SKELETON.parents[joint]
        axis.text(0.8, y + 9, title, rotation=90, va="center", fontsize=10, weight="bold")
        view = inset(figure, (4, y, 18, 18), frame.images[0])
        ends = frame.points2d_px[0][[joint, parent]] * IMAGE_PX / FRAME_PX - 0.5
        view.plot(*ends.T, color="white", linewidth=3.2)
        view.plot(*ends.T, color=VERMILION, linewidth=1.8, marker="o", markersize=5, clip_on=False)
        view.set_xlim(-0.5, IMAGE_PX - 0.5)
        view.set_ylim(IMAGE_PX - 0.5, -0.5)
        view.set_title(f"{name} → {SKELETON.joints[parent]}", fontsize=9, pad=3)
        along = frame.pose_cm[parent] - frame.pose_cm[joint]
        theta = math.degrees(math.atan2(along[2], math.hypot(along[0], along[1])))
        heatmaps = (
            (frame.joint[0, joint - 1], f"joint: {name}"),
            (frame.joint[0, parent - 1], f"joint: {SKELETON.joints[parent]}"),
            (frame.limb[0, joint - 1, 0], f"limb: line × cos {theta:.0f}°"),
            (frame.limb[0, joint - 1, 1], f"limb: line × sin {theta:.0f}°"),
        )
        for number, (heatmap, label) in enumerate(heatmaps):
            part = inset(figure, (26 + 21 * number, y, 18, 18), heatmap, label)
            if number > 1:
                part.images[0].set(cmap="RdBu_r", clim=(-0.8, 0.8))
            if abs(heatmap).max() < 0.1:
                part.text(
                    HEATMAP_PX / 2,
                    HEATMAP_PX / 2,
                    "empty: the joint\nis outside",
                    color="white",
                    ha="center",
                    va="center",
                )
    return figure


def axes_figure() -> Figure:
    """The left camera's axes on the wearer, from the side and from the front, and in the image."""
    frame = example(*PITCHER)
    figure = Figure(figsize=(11, 4.6), facecolor="white", layout="constrained")
    side, front, image = figure.subplots(1, 3, width_ratios=(1, 1, 1.3))
    right_cm = -np.array(StereoRig.unrealego().translation_cm)
    for axis, columns, title in (
        (side, (1, 2), "seen from the wearer's right"),
        (front, (0, 2), "seen from the front"),
    ):
        _sticks(axis, frame.pose_cm + frame.origin_cm[0], columns, 2.2)
        axis.plot(*np.stack((np.zeros(3), right_cm))[:, columns].T, "s", color="black", markersize=6)
        _arrows(axis, np.zeros(2), 24 * np.eye(2), [_AXES[column] for column in columns])
        pelvis = frame.origin_cm[0][list(columns)]
        axis.plot(*pelvis, "*", color="black", markersize=13, zorder=5)
        axis.annotate("pelvis", pelvis, (8, -4), textcoords="offset points", fontsize=9)
        axis.set(xlabel=f"{_AXES[columns[0]][0]} (cm)", ylabel="Z (cm)", xlim=(-58, 42), ylim=(142, -22))
        axis.set_title(title, fontsize=10)
    front.annotate("left\ncamera", (2, -4), fontsize=9, ha="left")
    front.annotate("right\ncamera", (right_cm[0] - 2, -4), fontsize=9, ha="right")
    side.annotate("cameras", (0, -5), fontsize=9, ha="center")
    image.imshow(frame.images[0], extent=(0, FRAME_PX, FRAME_PX, 0))
    _sticks(image, frame.points2d_px[0], (0, 1), 1.5)
    _arrows(image, np.array(PolynomialCamera.unrealego().centre_px), 170 * np.eye(2), _AXES[:2])
    image.set(xlim=(0, FRAME_PX), ylim=(FRAME_PX, 0), xlabel="u (px of 1024) →", ylabel="← v (px of 1024)")
    image.set(xticks=(0, 512, 1024), yticks=(0, 512, 1024))
    image.annotate("(0, 0)", (12, 12), color="white", fontsize=9, va="top")
    image.set_title("left view: Z leads into the picture", fontsize=10)
    return figure


def _arrows(axis: Axes, start: np.ndarray, along: np.ndarray, names: Sequence[tuple[str, str]]) -> None:
    """Arrows from a place, with a name and a colour each."""
    for way, (name, colour) in zip(along, names, strict=True):
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0}
        axis.annotate("", start + way, start, arrowprops=arrow)
        place = start + 1.25 * way
        axis.annotate(name, place, color=colour, weight="bold", fontsize=11, ha="center", va="center")


def fisheye_figure() -> Figure:
    """A frame with rings of equal angle, and how far from the centre an angle is."""
    camera, frame = PolynomialCamera.unrealego(), example(*PITCHER)
    figure = Figure(figsize=(9, 4), facecolor="white", layout="constrained")
    image, curve = figure.subplots(1, 2, width_ratios=(1, 1.25))
    image.imshow(frame.images[0], extent=(0, FRAME_PX, FRAME_PX, 0))
    widest = math.degrees(camera.max_angle_rad)
    for degrees in (30, 60, widest - 1e-3):
        radius = _radius_px(camera, degrees)
        image.add_patch(Circle(camera.centre_px, radius, fill=False, color="white", linewidth=1.2))
        u, v = (centre + radius * 0.707 for centre in camera.centre_px)
        paper = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
        image.text(u, v, f"{degrees:.0f}°", fontsize=9, ha="center", va="center", bbox=paper)
    image.axis("off")
    angles = np.linspace(0, widest * 0.9999, 200)
    curve.plot(angles, [_radius_px(camera, float(a)) for a in angles], color=BLUE, linewidth=2.2, label="this lens")
    slope = _radius_px(camera, 0.5) / math.radians(0.5)
    flat = angles[angles < 68]
    pinhole = slope * np.tan(np.radians(flat))
    curve.plot(flat, pinhole, "--", color="0.45", linewidth=1.5, label="a pinhole of the same focal length")
    curve.set(xlabel="angle off the optical axis (degrees)", ylabel="distance from the centre (px of 1024)")
    curve.set(ylim=(0, 640), xlim=(0, 90), xticks=(0, 30, 60, 90))
    curve.grid(color="0.9")
    curve.legend(frameon=False, loc="lower right")
    return figure


def _radius_px(camera: PolynomialCamera, degrees: float) -> float:
    """Distance from the centre of the image of a direction."""
    angle = math.radians(degrees)
    px, _ = camera.project(torch.tensor([[math.sin(angle), 0.0, math.cos(angle)]], dtype=torch.float64))
    return float(px[0, 0]) - camera.centre_px[0]


FIGURES: dict[str, Callable[[], Figure]] = {
    "pipeline": pipeline_figure,
    "tree": partial(tree_figure, SKELETON),
    "limbs": limbs_figure,
    "axes": axes_figure,
    "fisheye": fisheye_figure,
    "stages": stages_figure,
}
"""The pictures, by the stem of their file."""


def write(folder: Path) -> None:
    """Write all pictures as PNG files of few colours.

    Args:
        folder: made if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        path = folder / f"{name}.png"
        draw().savefig(path, dpi=110, metadata={"Software": None})
        with Image.open(path) as image:
            image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "images" / "concepts")
    write(parser.parse_args().output)
