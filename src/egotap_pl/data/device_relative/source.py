"""Reads the data sets whose poses are relative to the headset."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.data.device_relative.cameras import (
    Calibration,
    load_cameras,
    load_own_rig,
    measured_transform,
    nominal_transform,
)
from egotap_pl.data.device_relative.dataset import Dataset
from egotap_pl.data.device_relative.device import DeviceToViews, device_to_views, left_to_right
from egotap_pl.data.device_relative.labels import Labels, read_full_labels, read_labels
from egotap_pl.data.device_relative.origin import Device, Origin
from egotap_pl.data.device_relative.roots import MotionFolders, NamedFrame, Roots
from egotap_pl.data.source import Frame, FrameName, Frames, read_each, stack
from egotap_pl.data.unrealego.files import resized
from egotap_pl.data.unrealego.tree import Motion
from egotap_pl.data.untrusted.readers import read_image

VERSION = 1
"""Raised whenever the same files would give other frames."""

_MEASURED_MOTIONS = 5
_DIGITS = 6


@dataclass(frozen=True)
class MotionPiece:
    """Some frames of a motion."""

    motion: Motion
    """The motion."""

    named: tuple[NamedFrame, ...]
    """Numbers and names of the frames."""

    @property
    def key(self) -> str:
        """Name of the piece, unique within its split."""
        return f"{self.motion.name}/{self.named[0].number}"

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.named)


class DeviceRelativeSource:
    """Reads UnrealEgo2, UnrealEgo-RW or Ego4View. Motions are in the order of the lists, frames in that of numbers.

    Poses are in the left camera's axes. `Frames.origin_cm` has their origin in each camera's frame, frame by frame; the
    rig is that of the first motions' frames. Visibility is unknown, except for joints beyond the image circle, which
    are out of view.

    Args:
        dataset: which data set it is.
        root: folder of the motions, or the folder that contains the data set's downloaded folders.
        lists: file of each split's list, in any of these folders, or an absolute path.
        pose_root: folder of the motions with the json files, if that is another; None: ``root``.
        calibration: the cameras' calibration (`cameras.load_cameras`); None: the published camera.
        rig: rig file to use in place of the calibration and of what the frames say; None: these.
        image_px: height and width of the images.
        origin: the origin of poses; the headset by default.
        max_distance_px: largest accepted median distance of 2D points from projected 3D points, px of 1024; None: any.
        frames_per_piece: number of frames that a worker reads at once.

    Raises:
        EgotapError: if a setting is out of range, a folder, a list or a calibration is missing or damaged, or none of
            the lists' motions is on disk.
    """

    def __init__(
        self,
        dataset: Dataset,
        root: str | Path,
        lists: Mapping[str, str],
        pose_root: str | Path | None = None,
        calibration: Calibration | None = None,
        rig: str | Path | None = None,
        image_px: int = 256,
        origin: Origin | None = None,
        max_distance_px: float | int | None = 20.0,
        frames_per_piece: int = 32,
    ) -> None:
        if image_px < 8 or frames_per_piece < 1:
            raise EgotapError(
                f"{dataset.title}: image_px must be at least 8 and frames_per_piece at least 1, not {image_px} and "
                f"{frames_per_piece}"
            )
        self.dataset, self.image_px, self.frames_per_piece = dataset, image_px, frames_per_piece
        self.max_distance_px, self.origin = max_distance_px, origin or Device()
        self.roots = Roots(
            dataset, Path(root).expanduser(), None if pose_root is None else Path(pose_root).expanduser()
        )
        self.own_rig = None if rig is None else load_own_rig(dataset, rig)
        self.cameras = load_cameras(dataset, calibration) if self.own_rig is None else self.own_rig.cameras
        self.lists = {split: self.roots.motions(file) for split, file in lists.items()}
        if not any(self._motions.values()):
            self._refuse_empty()

    @property
    def skeleton(self) -> Skeleton:
        """UnrealEgo's skeleton, which all of these data sets have."""
        return unrealego()

    @property
    def categories(self) -> Sequence[str]:
        """The data set's motion categories."""
        return self.dataset.categories

    @cached_property
    def rig(self) -> StereoRig:
        """The cameras, and their place to each other in the first motions' frames. Each frame has its own."""
        if self.own_rig is not None:
            return self.own_rig
        transform = measured_transform(self._first_labels) or nominal_transform(self.dataset)
        return StereoRig.of(self.dataset.name, self.cameras, *transform)

    @cached_property
    def device(self) -> DeviceToViews:
        """From the headset's frame to each camera's, as the first labels say, or else in the middle of the rig."""
        first = next(iter(self._first_labels), None) if self.own_rig is None else None
        return device_to_views(left_to_right(self.rig)) if first is None else first.device

    def identity(self) -> dict[str, Any]:
        """The settings, the rig, and a digest of the motions and frames on disk."""
        digest = hashlib.sha256()
        for split, motions in self._motions.items():
            for motion, frames in motions:
                digest.update(f"{split} {motion.name} {[frame.name for frame in frames]}\n".encode())
        return {
            "source": self.dataset.name,
            "version": VERSION,
            "origin": self.origin.identity(),
            "image_px": self.image_px,
            "max_distance_px": None if self.max_distance_px is None else float(self.max_distance_px),
            "rig": self.rig.to_dict(),
            "left_axes_from_device": (self.device[0].rotation.round(_DIGITS) + 0.0).tolist(),
            "frames_per_piece": self.frames_per_piece,
            "frames": digest.hexdigest(),
        }

    def splits(self) -> Sequence[str]:
        """Names of the splits that have a list."""
        return tuple(self.lists)

    def plan(self, split: str) -> Sequence[MotionPiece]:
        """The frames on disk, a few dozen of a motion at a time."""
        size = self.frames_per_piece
        return [
            MotionPiece(motion, frames[start : start + size])
            for motion, frames in self._motions[split]
            for start in range(0, len(frames), size)
        ]

    def missing(self, split: str) -> Sequence[str]:
        """Motions in the list of which no frame is on disk."""
        present = {motion.name for motion, _ in self._motions[split]}
        return [motion.name for motion in self.lists[split] if motion.name not in present]

    def read(self, piece: MotionPiece) -> Frames:
        """Reads a piece. Damaged frames are skipped and named."""
        folders, place = self.roots.folders(piece.motion.name), f"{piece.motion.name}/{self.dataset.json_folder}"
        readers = [
            (
                FrameName(piece.motion.name, named.number, f"{place}/{named.name}.json"),
                partial(self._frame, piece.motion, folders, named),
            )
            for named in piece.named
        ]
        frames, skipped = read_each(readers)
        return stack(self, frames, skipped)

    def _frame(self, motion: Motion, folders: MotionFolders, named: NamedFrame) -> Frame:
        path = folders.json_path(named.name)
        labels = read_labels(path, self.dataset, self.rig, self.device)
        visibility = self._checked(path, labels)
        try:
            origin_cm = self.origin(labels)
        except EgotapError as error:
            raise EgotapError(f"{path}: {error}") from error
        size, images = (self.dataset.frame_px, self.dataset.frame_px), folders.image_paths(named.name)
        return Frame(
            images=np.stack([resized(read_image(path, size), self.image_px) for path in images]),
            points2d_px=labels.points2d_px.astype(np.float32),
            pose_cm=(labels.points_cm[0] - origin_cm[0]).astype(np.float32),
            origin_cm=origin_cm.astype(np.float32),
            visibility=visibility,
            category=motion.category,
            subject=motion.subject,
            motion=motion.name,
            frame_number=named.number,
        )

    def _checked(self, path: Path, labels: Labels) -> UInt8[np.ndarray, "v j"]:
        """The visibility of the joints, after a check that the 2D points are where the calibration projects them."""
        px, inside = (values.numpy() for values in self.rig.project_views(torch.from_numpy(labels.points_cm)))
        distances = np.linalg.norm(px - labels.points2d_px, axis=-1)[inside]
        limit = self.max_distance_px
        if limit is not None and len(distances) and not np.median(distances) <= limit:
            raise EgotapError(
                f"{path}: the joints' 2D points are {np.median(distances):.0f} px of 1024 (median) from where the "
                "calibration projects their 3D points: the file or the calibration is of other cameras, axes or units"
            )
        return np.where(inside, Visibility.UNKNOWN, Visibility.OUT_OF_VIEW).astype(np.uint8)

    @cached_property
    def _first_labels(self) -> list[Labels]:
        """Labels of the first frame of each of the first motions, as far as they are of the full form."""
        first = [(motion.name, frames[0].name) for motions in self._motions.values() for motion, frames in motions]
        labels = []
        for motion, name in first[:_MEASURED_MOTIONS]:
            try:
                full = read_full_labels(self.roots.folders(motion).json_path(name), self.dataset)
            except EgotapError:  # reported when the frame is read
                continue
            if full is not None:
                labels.append(full)
        return labels

    @cached_property
    def _motions(self) -> dict[str, list[tuple[Motion, tuple[NamedFrame, ...]]]]:
        """Every motion on disk with its frames, by split."""
        return {
            split: [(motion, frames) for motion in motions if (frames := self.roots.folders(motion.name).frames())]
            for split, motions in self.lists.items()
        }

    def _refuse_empty(self) -> None:
        motions = [motion for split in self.lists.values() for motion in split]
        folders = self.roots.folders(motions[0].name)
        raise EgotapError(
            f"none of the {len(motions)} motions in {self.dataset.title}'s lists is there; of the first, images are "
            f"expected in {folders.images[0]} and poses in {folders.json}: data.root "
            f"must be the folder of the motions, or the one that contains {self.dataset.root_prefix}...; give "
            "data.pose_root=DIR if the poses are elsewhere"
        )

    def __getstate__(self) -> dict[str, Any]:
        """The state with what is measured once, and without the frames, which pieces carry."""
        state = vars(self) | {"rig": self.rig, "device": self.device}
        return {name: value for name, value in state.items() if name not in ("_motions", "_first_labels")}
