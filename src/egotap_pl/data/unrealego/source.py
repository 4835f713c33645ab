"""UnrealEgo and UnrealEgo2, read from whichever files the user has."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.data.source import Frame, Frames, stack
from egotap_pl.data.unrealego.tree import Motion, find_root, read_list
from egotap_pl.data.unrealego.variants import FileVariant, UnrealEgoFrame, WhatIsThere

VERSION = 1
"""Raised whenever the same files would give other frames."""

_BASELINE_MOTIONS = 5


class RelativePose(NamedTuple):
    """A pose and the origin that it is relative to."""

    pose_cm: Float64[np.ndarray, "j 3"]
    """Every joint relative to the origin, in the cameras' axes."""

    origin_cm: Float64[np.ndarray, "v 3"]
    """The origin in each camera's frame."""


@runtime_checkable
class Origin(Protocol):
    """The origin of poses."""

    def identity(self) -> str:
        """Name of the origin, which becomes part of the source's identity."""
        ...

    def __call__(self, pose_cm: Float64[np.ndarray, "j 3"], pelvis_cm: Float64[np.ndarray, "v 3"]) -> RelativePose:
        """Moves a pose to this origin.

        Args:
            pose_cm: every joint relative to the pelvis, in the cameras' axes.
            pelvis_cm: the pelvis in each camera's frame.
        """
        ...


@dataclass(frozen=True)
class Pelvis:
    """Poses relative to the pelvis, as in UnrealEgo."""

    def identity(self) -> str:
        """Name of the origin."""
        return "pelvis"

    def __call__(self, pose_cm: Float64[np.ndarray, "j 3"], pelvis_cm: Float64[np.ndarray, "v 3"]) -> RelativePose:
        """Returns the pose unchanged."""
        return RelativePose(pose_cm, pelvis_cm)


@dataclass(frozen=True)
class Device:
    """Poses relative to the midpoint of the two cameras: UnrealEgo2's device-relative poses."""

    def identity(self) -> str:
        """Name of the origin."""
        return "device"

    def __call__(self, pose_cm: Float64[np.ndarray, "j 3"], pelvis_cm: Float64[np.ndarray, "v 3"]) -> RelativePose:
        """Returns the mean of the joints' positions in the two cameras' frames."""
        middle = pelvis_cm.mean(0)
        return RelativePose(pose_cm + middle, pelvis_cm - middle)


@dataclass(frozen=True)
class MotionPiece:
    """Some frames of a motion."""

    motion: Motion
    """The motion."""

    numbers: tuple[int, ...]
    """Numbers of the frames within the motion."""

    @property
    def key(self) -> str:
        """Name of the piece, unique within its split."""
        return f"{self.motion.name}/{self.numbers[0]}"

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.numbers)


class UnrealEgoSource:
    """Reads UnrealEgo. Motions are in the order of the lists, frames in the order of their numbers.

    Visibility is unknown, except for joints beyond the calibrated image circle, which are out of view. The rig's
    baseline is the median over the first motions' json files; without json it is 12 cm, with the right
    camera at -X of the left one. It is nominal: `Frames.origin_cm` has the origin of each frame in both cameras.

    Args:
        root: the folder of the environments, or the folder that contains it as ``UnrealEgoData``.
        lists: file of each split's list, relative to either of these folders, or an absolute path.
        part: the variant of the files to read (`egotap_pl.data.unrealego.variants`); by default, the variant that most
            motions have.
        image_px: height and width of the images.
        origin: the origin of poses; the pelvis by default.
        frames_per_piece: number of frames that a worker reads at once.

    Raises:
        EgotapError: if a setting is out of range, the root or a list is missing or damaged, or none of the lists'
            motions is on disk.
    """

    def __init__(
        self,
        root: str | Path,
        lists: Mapping[str, str],
        part: FileVariant | WhatIsThere | None = None,
        image_px: int = 256,
        origin: Origin | None = None,
        frames_per_piece: int = 32,
    ) -> None:
        if image_px < 8 or frames_per_piece < 1:
            raise EgotapError(
                f"UnrealEgo: image_px must be at least 8 and frames_per_piece at least 1, not {image_px} and "
                f"{frames_per_piece}"
            )
        self.root = find_root(Path(root).expanduser())
        self.image_px, self.frames_per_piece = image_px, frames_per_piece
        self.lists = {split: read_list(self._list_path(Path(root).expanduser(), file)) for split, file in lists.items()}
        self.origin = origin or Pelvis()
        if part is None or isinstance(part, WhatIsThere):
            part = (part or WhatIsThere()).choose(self.root, itertools.chain.from_iterable(self.lists.values()))
        self.part = part

    @property
    def skeleton(self) -> Skeleton:
        """UnrealEgo's skeleton."""
        return unrealego()

    @cached_property
    def rig(self) -> StereoRig:
        """UnrealEgo's calibration, with the baseline of the json files."""
        motions = [(self.root / name, numbers[0]) for split in self.lists for name, numbers in self._motions[split]]
        baselines: list[Float64[np.ndarray, "3"]] = []
        for folder, number in motions[:_BASELINE_MOTIONS]:
            try:
                baseline = self.part.baseline_cm(folder, number)
            except EgotapError:  # reported when the frame is read
                continue
            if baseline is not None:
                baselines.append(baseline)
        if not baselines:
            return StereoRig.unrealego()
        x, y, z = np.median(baselines, axis=0).round(3).tolist()
        return replace(StereoRig.unrealego(), translation_cm=(x, y, z))

    @property
    def categories(self) -> Sequence[str]:
        """UnrealEgo's thirty categories."""
        return CATEGORIES

    def identity(self) -> dict[str, Any]:
        """The settings, and a digest of the motions and frames on disk."""
        digest = hashlib.sha256()
        for split, motions in self._motions.items():
            for name, numbers in motions:
                digest.update(f"{split} {name} {numbers}\n".encode())
        return {
            "source": "unrealego",
            "version": VERSION,
            **self.part.identity(),
            "origin": self.origin.identity(),
            "image_px": self.image_px,
            "rig": self.rig.to_dict(),
            "frames_per_piece": self.frames_per_piece,
            "frames": digest.hexdigest(),
        }

    def splits(self) -> Sequence[str]:
        """Names of the splits that have a list."""
        return tuple(self.lists)

    def plan(self, split: str) -> Sequence[MotionPiece]:
        """The frames on disk, a few dozen of a motion at a time."""
        motions, size = {motion.name: motion for motion in self.lists[split]}, self.frames_per_piece
        return [
            MotionPiece(motions[name], numbers[start : start + size])
            for name, numbers in self._motions[split]
            for start in range(0, len(numbers), size)
        ]

    def missing(self, split: str) -> Sequence[str]:
        """Motions in the list of which no frame is on disk in this variant."""
        present = {name for name, _ in self._motions[split]}
        return [motion.name for motion in self.lists[split] if motion.name not in present]

    def read(self, piece: MotionPiece) -> Frames:
        """Reads a piece. Frames that are damaged, or that the variant's rules exclude, are skipped and named."""
        readable, skipped = self.part.read(self.root, piece.motion, piece.numbers, self.image_px, self.rig)
        frames = stack(self, [self._frame(piece.motion, frame) for frame in readable], skipped)
        residuals = [frame.fit_residual_px for frame in readable if frame.fit_residual_px is not None]
        return frames._replace(fit_residual_px=np.array(residuals, np.float32)) if residuals else frames

    def _frame(self, motion: Motion, frame: UnrealEgoFrame) -> Frame:
        relative = self.origin(frame.pose_cm, frame.pelvis_cm)
        return Frame(
            images=frame.images,
            points2d_px=frame.points2d_px.astype(np.float32),
            pose_cm=relative.pose_cm.astype(np.float32),
            origin_cm=relative.origin_cm.astype(np.float32),
            visibility=self._visibility(relative),
            category=motion.category,
            subject=motion.subject,
            motion=motion.name,
            frame_number=frame.number,
        )

    def _visibility(self, relative: RelativePose) -> UInt8[np.ndarray, "v j"]:
        points = torch.from_numpy(relative.pose_cm + relative.origin_cm[:, None])
        _, inside = self.rig.project_views(points)
        return np.where(inside.numpy(), Visibility.UNKNOWN, Visibility.OUT_OF_VIEW).astype(np.uint8)

    def _list_path(self, root: Path, file: str) -> Path:
        """Path of a list, which is beside the environments or beside their folder."""
        return next((path for folder in (root, self.root) if (path := folder / file).is_file()), root / file)

    @cached_property
    def _motions(self) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
        """Name and frame numbers of every motion on disk, by split."""
        by_split: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
        for split, motions in self.lists.items():
            frames = ((motion.name, tuple(sorted(self.part.numbers(self.root / motion.name)))) for motion in motions)
            by_split[split] = [(name, numbers) for name, numbers in frames if numbers]
        return by_split

    def __getstate__(self) -> dict[str, Any]:
        """The state with the rig, which is measured once, and without the frame numbers, which pieces carry."""
        return {name: value for name, value in (vars(self) | {"rig": self.rig}).items() if name != "_motions"}
