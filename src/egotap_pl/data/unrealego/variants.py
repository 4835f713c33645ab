"""What of UnrealEgo a user may have, each read in its own way: the raw release, the impl files, or both."""

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
MAX_DISTANCE_PX = 20.0
"""Half the joints' 2D points must be this near to where the calibration projects them: else it is not theirs."""


class Sample(NamedTuple):
    """A frame as it was found.

    Fields:
        number: of the frame within its motion.
        images: RGB.
        points2d_px: of every joint in each view.
        pose_cm: every joint relative to the pelvis, in the cameras' axes.
        pelvis_cm: in each camera's frame.
        fit_residual_px: of the fit, if 2D points and pelvis come from one.
    """

    number: int
    images: UInt8[np.ndarray, "v 3 h w"]
    points2d_px: Float64[np.ndarray, "v j 2"]
    pose_cm: Float64[np.ndarray, "j 3"]
    pelvis_cm: Float64[np.ndarray, "v 3"]
    fit_residual_px: float | None = None


Samples = tuple[list[Sample], tuple[SkippedFrame, ...]]


@runtime_checkable
class Part(Protocol):
    """A way to read UnrealEgo. Picklable."""

    def identity(self) -> dict[str, Any]:
        """Its name and what else determines what it reads, as JSON."""
        ...

    def there(self, folder: Path) -> bool:
        """Whether a motion's folder has this part."""
        ...

    def numbers(self, folder: Path) -> set[int]:
        """Numbers of the frames of a motion's folder; none if this part of it is not there."""
        ...

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """From a point in the left camera's frame to the same in the right one's, if a frame's files tell."""
        ...

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> Samples:
        """The frames that can be read, and those that cannot."""
        ...


@dataclass(frozen=True)
class RawRelease:
    """json and png, as the raw release has them: true 2D points; images are made smaller here.

    Args:
        max_distance_px: frames whose points lie farther from their projection (median) are refused; None for any.
    """

    max_distance_px: float | None = MAX_DISTANCE_PX

    def identity(self) -> dict[str, Any]:
        """Its name and limit."""
        return {"part": "raw", "max_distance_px": self.max_distance_px}

    def there(self, folder: Path) -> bool:
        """Whether its folders are there."""
        return all((folder / part).is_dir() for part in (JSON_FOLDER, *IMAGE_FOLDERS))

    def numbers(self, folder: Path) -> set[int]:
        """Frames that have any of the three files: those that lack another are damaged."""
        found = frame_numbers(folder / JSON_FOLDER, "frame_", ".json")
        images = [frame_numbers(folder / images, "final_", ".png") for images in IMAGE_FOLDERS]
        return found.union(*images) if self.there(folder) else set()

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """As the frame's json has it."""
        return _baseline(read_points(json_path(folder, number)))

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> Samples:
        """Reads each frame."""
        folder = root / motion.name

        def read(number: int) -> Sample:
            points = _checked_points(json_path(folder, number), rig, self.max_distance_px)
            return _sample(number, read_pngs(png_paths(folder, number), image_px), points)

        return read_each(_named(root, motion, numbers, json_path, read))


@dataclass(frozen=True)
class ImplWithJson:
    """The impl files for images, the raw release's json files for everything else.

    Args:
        max_distance_px: frames whose points lie farther from their projection (median) are refused; None for any.
    """

    max_distance_px: float | None = MAX_DISTANCE_PX

    def identity(self) -> dict[str, Any]:
        """Its name and limit."""
        return {"part": "impl+json", "max_distance_px": self.max_distance_px}

    def there(self, folder: Path) -> bool:
        """Whether its folders are there."""
        return all((folder / part).is_dir() for part in (JSON_FOLDER, IMPL_FOLDER))

    def numbers(self, folder: Path) -> set[int]:
        """Frames that have an impl file: the json of any is expected."""
        return frame_numbers(folder / IMPL_FOLDER, "frame_", ".npy") if self.there(folder) else set()

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """As the frame's json has it."""
        return _baseline(read_points(json_path(folder, number)))

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> Samples:
        """Reads each frame; the two files must have the same pose."""
        folder = root / motion.name

        def read(number: int) -> Sample:
            impl = read_impl(npy_path(folder, number), image_px)
            points = _checked_points(json_path(folder, number), rig, self.max_distance_px)
            sample = _sample(number, impl.images, points)
            apart = float(np.abs(sample.pose_cm - impl.pose_cm).max())
            if apart > POSES_AGREE_CM:
                raise EgotapError(
                    f"{npy_path(folder, number)} and {json_path(folder, number)} are not of the same frame: their "
                    f"poses are up to {apart:.3g} cm apart"
                )
            return sample

        return read_each(_named(root, motion, numbers, npy_path, read))


@dataclass(frozen=True)
class ImplAlone:
    """The impl files alone: 2D points and pelvis are recovered from pose and heatmaps (`unrealego_fit`).

    Args:
        max_residual_px: frames whose fit is worse, root mean square per coordinate, are left out. Truncation to a
            heatmap's pixels alone makes 4.6.
        min_peaks: frames that show fewer joints, in both views together, are left out.
    """

    max_residual_px: float = 6.0
    min_peaks: int = 8

    def identity(self) -> dict[str, Any]:
        """Its name and limits."""
        return {"part": "impl", "max_residual_px": float(self.max_residual_px), "min_peaks": self.min_peaks}

    def there(self, folder: Path) -> bool:
        """Whether its folders are there."""
        return (folder / IMPL_FOLDER).is_dir()

    def numbers(self, folder: Path) -> set[int]:
        """Frames that have an impl file."""
        return frame_numbers(folder / IMPL_FOLDER, "frame_", ".npy")

    def baseline_cm(self, folder: Path, number: int) -> Float64[np.ndarray, "3"] | None:
        """The files do not tell."""
        return None

    def read(self, root: Path, motion: Motion, numbers: Sequence[int], image_px: int, rig: StereoRig) -> Samples:
        """Reads each frame, then fits all together."""
        folder = root / motion.name

        def read(number: int) -> tuple[int, Impl]:
            return number, read_impl(npy_path(folder, number), image_px)

        found, damaged = read_each(_named(root, motion, numbers, npy_path, read))
        if not found:
            return [], damaged
        heatmaps = torch.from_numpy(np.stack([impl.heatmaps for _, impl in found]))
        poses = torch.from_numpy(np.stack([impl.pose_cm for _, impl in found]))
        fit = fit_pelvis(find_peaks(heatmaps), poses, rig, self.min_peaks)
        points = poses[:, None] + fit.pelvis_cm[:, :, None]
        points2d = torch.stack([camera.project(points[:, v])[0] for v, camera in enumerate(rig.cameras)], 1)
        good, bad = [], []
        for row, (number, impl) in enumerate(found):
            residual = float(fit.residual_px[row])
            if residual <= self.max_residual_px:
                pelvis = fit.pelvis_cm[row].numpy()
                good.append(Sample(number, impl.images, points2d[row].numpy(), impl.pose_cm, pelvis, residual))
            else:
                bad.append(SkippedFrame(*_name(root, motion, number, npy_path), self._why(residual), damaged=False))
        return good, (*damaged, *bad)

    def _why(self, residual_px: float) -> str:
        if residual_px == float("inf"):
            return f"fewer than {self.min_peaks} joints have a peak in the heatmaps: the pelvis cannot be recovered"
        return f"pose and heatmaps do not fit: {residual_px:.1f} px apart, more than {self.max_residual_px:g}"


@dataclass(frozen=True)
class WhatIsThere:
    """The part that most of the motions have; of equals, the one whose frames need least work and lose least."""

    def choose(self, root: Path, motions: Iterable[Motion]) -> Part:
        """Look at the motions' folders.

        Raises:
            EgotapError: if no motion is there in any part.
        """
        parts: tuple[Part, ...] = (ImplWithJson(), RawRelease(), ImplAlone())
        folders = [root / motion.name for motion in motions]
        counts = [sum(part.there(folder) for folder in folders) for part in parts]
        if not any(counts):
            raise EgotapError(
                f"{root}: none of the lists' {len(folders)} motions is there, neither with {JSON_FOLDER} and "
                f"{IMAGE_FOLDERS[0]} nor with {IMPL_FOLDER}; the first is expected at {folders[0]}"
            )
        return parts[counts.index(max(counts))]


def _named(
    root: Path, motion: Motion, numbers: Sequence[int], file: Callable[[Path, int], Path], read: Callable[[int], Any]
) -> list[tuple[FrameName, Callable[[], Any]]]:
    return [(_name(root, motion, number, file), partial(read, number)) for number in numbers]


def _name(root: Path, motion: Motion, number: int, file: Callable[[Path, int], Path]) -> FrameName:
    return FrameName(motion.name, number, file(Path(motion.name), number).as_posix())


def _sample(number: int, images: UInt8[np.ndarray, "v 3 h w"], points: Points) -> Sample:
    pelvis = points.points_cm[:, -1]
    pose = points.points_cm[0, :-1] - pelvis[0]
    return Sample(number, images, points.points2d_px[:, :-1], pose, pelvis)


def _checked_points(path: Path, rig: StereoRig, max_distance_px: float | None) -> Points:
    """Points that are where the calibration projects them.

    Raises:
        EgotapError: as `read_points`, or if they are not.
    """
    points = read_points(path)
    if max_distance_px is not None:
        views = zip(rig.cameras, torch.from_numpy(points.points_cm), strict=True)
        px, seen = (torch.stack(x).numpy() for x in zip(*(camera.project(p) for camera, p in views), strict=True))
        apart = np.linalg.norm(px - points.points2d_px, axis=-1)[seen]
        if len(apart) and np.median(apart) > max_distance_px:
            raise EgotapError(
                f"{path}: the joints' 2D points are {np.median(apart):.0f} px (median) from where UnrealEgo's "
                "calibration projects their 3D points: the file is of other cameras, axes or units"
            )
    return points


def _baseline(points: Points) -> Float64[np.ndarray, "3"]:
    return np.median(points.points_cm[1] - points.points_cm[0], axis=0)
