"""The variants of UnrealEgo's files that a user may have: the raw release, the impl files, or parts of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.source import FrameName, SkippedFrame, read_each
from egotap_pl.data.unrealego.files import (
    Impl,
    Points,
    json_path,
    npy_path,
    png_paths,
    read_impl,
    read_pngs,
    read_points,
)
from egotap_pl.data.unrealego.fit import find_peaks, fit_pelvis
from egotap_pl.data.unrealego.tree import IMAGE_FOLDERS, IMPL_FOLDER, JSON_FOLDER, Motion, frame_numbers

POSES_AGREE_CM = 0.1
"""Largest difference between two files' poses of the same frame."""

MAX_DISTANCE_PX = 20.0
"""Largest median distance of a view's 2D points from where the calibration projects the 3D points."""


class UnrealEgoFrame(NamedTuple):
    """A frame of UnrealEgo, before its pose is moved to the configured origin."""

    number: int
    """Number of the frame within its motion."""

    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images."""

    points2d_px: Float64[np.ndarray, "v j 2"]
    """(u, v) of every joint in each view, px of the 1024 x 1024 frame."""

    pose_cm: Float64[np.ndarray, "j 3"]
    """Every joint relative to the pelvis, in the cameras' axes."""

    pelvis_cm: Float64[np.ndarray, "v 3"]
    """The pelvis in each camera's frame."""

    fit_residual_px: float | None = None
    """Residual of the fit that recovered 2D points and pelvis; None if they were read."""


ReadFrames = tuple[list[UnrealEgoFrame], tuple[SkippedFrame, ...]]
"""The frames that could be read, and the skipped ones."""


@runtime_checkable
class FileVariant(Protocol):
    """A variant of UnrealEgo's files, and how it is read. Must be picklable."""

    def identity(self) -> dict[str, Any]:
        """Name of the variant and everything else that determines what is read, as JSON."""
        ...

    def has_folders(self, folder: Path) -> bool:
        """Whether a motion's folder contains the folders of this variant."""
        ...

    def numbers(self, folder: Path) -> set[int]:
        """Numbers of the frames in a motion's folder; none if it lacks a folder of this variant."""
        ...

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """What to add to a point in the left camera's frame to get it in the right camera's; None if no file says.

        Raises:
            EgotapError: if the frame's file is missing or damaged.
        """
        ...

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> ReadFrames:
        """Reads frames of a motion.

        Args:
            root: the folder of the environments.
            motion: the motion.
            numbers: numbers of the frames.
            image_px: height and width of the images to return.
            rig: the two cameras.

        Returns:
            The frames that could be read, and the skipped ones.
        """
        ...


@dataclass(frozen=True)
class RawRelease:
    """json and png files, as in the raw release. 2D points are exact; images are reduced to the size needed."""

    max_distance_px: float | None = MAX_DISTANCE_PX
    """Frames with a larger median distance of 2D points from projected 3D points are damaged; None accepts any."""

    def identity(self) -> dict[str, Any]:
        """Name and limit of the variant."""
        return {"part": "raw", "max_distance_px": self.max_distance_px}

    def has_folders(self, folder: Path) -> bool:
        """Whether the folders of json and of both views' images exist."""
        return all((folder / name).is_dir() for name in (JSON_FOLDER, *IMAGE_FOLDERS))

    def numbers(self, folder: Path) -> set[int]:
        """Numbers of the frames that have any of the three files. Frames that lack one of them are damaged."""
        labels = frame_numbers(folder / JSON_FOLDER, "frame_", ".json")
        images = [frame_numbers(folder / images, "final_", ".png") for images in IMAGE_FOLDERS]
        return labels.union(*images) if self.has_folders(folder) else set()

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """The baseline in a frame's json."""
        return _baseline(read_points(json_path(folder, number)))

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> ReadFrames:
        """Reads each frame; see `FileVariant`."""
        folder = root / motion.name

        def read(number: int) -> UnrealEgoFrame:
            points = _checked_points(json_path(folder, number), rig, self.max_distance_px)
            return _labelled(number, read_pngs(png_paths(folder, number), image_px), points)

        return read_each(_readers(motion, numbers, json_path, read))


@dataclass(frozen=True)
class ImplWithJson:
    """The images of the impl files, with the labels of the raw release's json files."""

    max_distance_px: float | None = MAX_DISTANCE_PX
    """Frames with a larger median distance of 2D points from projected 3D points are damaged; None accepts any."""

    def identity(self) -> dict[str, Any]:
        """Name and limit of the variant."""
        return {"part": "impl+json", "max_distance_px": self.max_distance_px}

    def has_folders(self, folder: Path) -> bool:
        """Whether the folders of json and of impl files exist."""
        return all((folder / name).is_dir() for name in (JSON_FOLDER, IMPL_FOLDER))

    def numbers(self, folder: Path) -> set[int]:
        """Numbers of the frames that have an impl file. Frames without a json file are damaged."""
        return frame_numbers(folder / IMPL_FOLDER, "frame_", ".npy") if self.has_folders(folder) else set()

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """The baseline in a frame's json."""
        return _baseline(read_points(json_path(folder, number)))

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> ReadFrames:
        """Reads each frame; see `FileVariant`. A frame whose two files have different poses is damaged."""
        folder = root / motion.name

        def read(number: int) -> UnrealEgoFrame:
            impl = read_impl(npy_path(folder, number), image_px)
            points = _checked_points(json_path(folder, number), rig, self.max_distance_px)
            frame = _labelled(number, impl.images, points)
            distance_cm = float(np.abs(frame.pose_cm - impl.pose_cm).max())
            if distance_cm > POSES_AGREE_CM:
                raise EgotapError(
                    f"{npy_path(folder, number)} and {json_path(folder, number)} are not of the same frame: their "
                    f"poses are up to {distance_cm:.3g} cm apart"
                )
            return frame

        return read_each(_readers(motion, numbers, npy_path, read))


@dataclass(frozen=True)
class ImplAlone:
    """The impl files alone. 2D points and pelvis are recovered from poses and heatmaps (`unrealego.fit`)."""

    max_residual_px: float = 6.0
    """Frames with a larger residual (root mean square per coordinate) are skipped. Truncation to the heatmaps' pixels
    alone makes it 4.6."""

    min_peaks: int = 8
    """Frames with fewer visible joints, counted over both views, are skipped."""

    def identity(self) -> dict[str, Any]:
        """Name and limits of the variant."""
        return {"part": "impl", "max_residual_px": float(self.max_residual_px), "min_peaks": self.min_peaks}

    def has_folders(self, folder: Path) -> bool:
        """Whether the folder of impl files exists."""
        return (folder / IMPL_FOLDER).is_dir()

    def numbers(self, folder: Path) -> set[int]:
        """Numbers of the frames that have an impl file."""
        return frame_numbers(folder / IMPL_FOLDER, "frame_", ".npy")

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """None, because impl files do not say."""
        return None

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> ReadFrames:
        """Reads each frame, then fits all of them together; see `FileVariant`."""
        folder = root / motion.name

        def read(number: int) -> tuple[int, Impl]:
            return number, read_impl(npy_path(folder, number), image_px)

        contents, damaged = read_each(_readers(motion, numbers, npy_path, read))
        if not contents:
            return [], damaged
        heatmaps = torch.from_numpy(np.stack([impl.heatmaps for _, impl in contents]))
        poses = torch.from_numpy(np.stack([impl.pose_cm for _, impl in contents]))
        fit = fit_pelvis(find_peaks(heatmaps), poses, rig, self.min_peaks)
        points = poses[:, None] + fit.pelvis_cm[:, :, None]
        points2d, _ = rig.project_views(points)
        frames, excluded = [], []
        for row, (number, impl) in enumerate(contents):
            residual = float(fit.residual_px[row])
            if residual <= self.max_residual_px:
                pelvis = fit.pelvis_cm[row].numpy()
                frames.append(
                    UnrealEgoFrame(number, impl.images, points2d[row].numpy(), impl.pose_cm, pelvis, residual)
                )
            else:
                name = _name(motion, number, npy_path)
                excluded.append(SkippedFrame(*name, self._reason(residual), damaged=False))
        return frames, (*damaged, *excluded)

    def _reason(self, residual_px: float) -> str:
        if residual_px == float("inf"):
            return f"fewer than {self.min_peaks} joints have a peak in the heatmaps: the pelvis cannot be recovered"
        return f"pose and heatmaps do not fit: {residual_px:.1f} px apart, more than {self.max_residual_px:g}"


@dataclass(frozen=True)
class WhatIsThere:
    """The variant that most motions have. Of equally frequent ones, the one that needs the least work is chosen."""

    def choose(self, root: Path, motions: Iterable[Motion]) -> FileVariant:
        """Looks into the motions' folders and chooses a variant.

        Raises:
            EgotapError: if no motion is on disk in any variant.
        """
        variants: tuple[FileVariant, ...] = (ImplWithJson(), RawRelease(), ImplAlone())
        folders = [root / motion.name for motion in motions]
        counts = [sum(variant.has_folders(folder) for folder in folders) for variant in variants]
        if not any(counts):
            raise EgotapError(
                f"{root}: none of the {len(folders)} motions in the lists is there, neither with {JSON_FOLDER} and "
                f"{IMAGE_FOLDERS[0]} nor with {IMPL_FOLDER}; the first is expected at {folders[0]}"
            )
        return variants[counts.index(max(counts))]


def _readers(
    motion: Motion, numbers: Sequence[int], file: Callable[[Path, int], Path], read: Callable[[int], Any]
) -> list[tuple[FrameName, Callable[[], Any]]]:
    return [(_name(motion, number, file), partial(read, number)) for number in numbers]


def _name(motion: Motion, number: int, file: Callable[[Path, int], Path]) -> FrameName:
    return FrameName(motion.name, number, file(Path(motion.name), number).as_posix())


def _labelled(number: int, images: UInt8[np.ndarray, "v 3 h w"], points: Points) -> UnrealEgoFrame:
    pelvis = points.points_cm[:, -1]
    pose = points.points_cm[0, :-1] - pelvis[0]
    return UnrealEgoFrame(number, images, points.points2d_px[:, :-1], pose, pelvis)


def _checked_points(path: Path, rig: StereoRig, max_distance_px: float | None) -> Points:
    """Reads a frame's points and checks them against the calibration.

    Raises:
        EgotapError: as `read_points`, or if the 2D points are far from the projected 3D points.
    """
    points = read_points(path)
    if max_distance_px is not None:
        px, inside = (values.numpy() for values in rig.project_views(torch.from_numpy(points.points_cm)))
        distances = np.linalg.norm(px - points.points2d_px, axis=-1)[inside]
        if len(distances) and np.median(distances) > max_distance_px:
            raise EgotapError(
                f"{path}: the joints' 2D points are {np.median(distances):.0f} px (median) from where UnrealEgo's "
                "calibration projects their 3D points: the file is of other cameras, axes or units"
            )
    return points


def _baseline(points: Points) -> Float64[np.ndarray, "3"]:
    return np.median(points.points_cm[1] - points.points_cm[0], axis=0)
