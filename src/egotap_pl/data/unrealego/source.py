"""UnrealEgo (and UnrealEgo2), read from whichever part of it the user has."""

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
from egotap_pl.data.unrealego.variants import Part, Sample, WhatIsThere

VERSION = 1
"""Goes up whenever the same files would give other frames."""

_BASELINE_MOTIONS = 5


class Relative(NamedTuple):
    """Fields:
    pose_cm: every joint relative to an origin, in the cameras' axes.
    origin_cm: that origin in each camera's frame.
    """

    pose_cm: Float64[np.ndarray, "j 3"]
    origin_cm: Float64[np.ndarray, "v 3"]


@runtime_checkable
class Origin(Protocol):
    """What poses are relative to."""

    def identity(self) -> str:
        """Its name."""
        ...

    def __call__(self, pose_cm: Float64[np.ndarray, "j 3"], pelvis_cm: Float64[np.ndarray, "v 3"]) -> Relative:
        """From poses relative to the pelvis."""
        ...


@dataclass(frozen=True)
class Pelvis:
    """Poses relative to the pelvis: UnrealEgo."""

    def identity(self) -> str:
        """Its name."""
        return "pelvis"

    def __call__(self, pose_cm: Float64[np.ndarray, "j 3"], pelvis_cm: Float64[np.ndarray, "v 3"]) -> Relative:
        """As they are."""
        return Relative(pose_cm, pelvis_cm)


@dataclass(frozen=True)
class Device:
    """Poses relative to the midpoint of the two cameras: UnrealEgo2's device-relative poses."""

    def identity(self) -> str:
        """Its name."""
        return "device"

    def __call__(self, pose_cm: Float64[np.ndarray, "j 3"], pelvis_cm: Float64[np.ndarray, "v 3"]) -> Relative:
        """The mean of the joints in the two cameras' frames."""
        middle = pelvis_cm.mean(0)
        return Relative(pose_cm + middle, pelvis_cm - middle)


@dataclass(frozen=True)
class MotionPiece:
    """Some frames of a motion."""

    motion: Motion
    numbers: tuple[int, ...]

    @property
    def key(self) -> str:
        """Names the piece within its split."""
        return f"{self.motion.name}/{self.numbers[0]}"

    @property
    def frames(self) -> int:
        """How many they are."""
        return len(self.numbers)


class UnrealEgoSource:
    """UnrealEgo's frames, in the lists' order of motions and the frames' natural order.

    Visibility is unknown, but for joints that lie beyond the calibrated image circle: those are out of view.
    The rig's baseline is the median of the first motions' json files; without json, 12 cm is assumed. It is nominal:
    `Frames.origin_cm` has each frame's own.

    Args:
        root: the folder of the environments, or the one that holds it as ``UnrealEgoData``; also of the lists.
        lists: file of each split's list, relative to ``root`` or not.
        part: how to read it (`unrealego_parts`); by default, what most of the motions have.
        image_px: height and width of the images.
        origin: what poses are relative to.
        frames_per_piece: frames that a worker reads at once.

    Raises:
        EgotapError: if the root or a list is missing or damaged, or nothing of the lists is there.
    """

    def __init__(
        self,
        root: str | Path,
        lists: Mapping[str, str],
        part: Part | WhatIsThere | None = None,
        image_px: int = 256,
        origin: Origin | None = None,
        frames_per_piece: int = 32,
    ) -> None:
        if image_px < 8 or frames_per_piece < 1:
            raise EgotapError(f"UnrealEgo: image_px {image_px} or frames_per_piece {frames_per_piece} is too small")
        self.root = find_root(Path(root).expanduser())
        self.image_px, self.frames_per_piece = image_px, frames_per_piece
        self.lists = {split: read_list(self._list_path(Path(root).expanduser(), file)) for split, file in lists.items()}
        self.origin = origin or Pelvis()
        if part is None or isinstance(part, WhatIsThere):
            part = (part or WhatIsThere()).choose(self.root, itertools.chain.from_iterable(self.lists.values()))
        self.part = part

    @property
    def skeleton(self) -> Skeleton:
        """UnrealEgo's."""
        return unrealego()

    @cached_property
    def rig(self) -> StereoRig:
        """UnrealEgo's calibration, with the baseline that the files tell."""
        motions = [(self.root / name, frames[0]) for split in self.lists for name, frames in self._found[split]]
        found: list[Float64[np.ndarray, "3"]] = []
        for folder, number in motions[:_BASELINE_MOTIONS]:
            try:
                baseline = self.part.baseline_cm(folder, number)
            except EgotapError:  # it will be told when the frame is read
                continue
            if baseline is not None:
                found.append(baseline)
        if not found:
            return StereoRig.unrealego()
        x, y, z = np.median(found, axis=0).round(3).tolist()
        return replace(StereoRig.unrealego(), translation_cm=(x, y, z))

    @property
    def categories(self) -> Sequence[str]:
        """UnrealEgo's thirty."""
        return CATEGORIES

    def identity(self) -> dict[str, Any]:
        """How it is read, and a digest of the motions and frames that are there."""
        digest = hashlib.sha256()
        for split, found in self._found.items():
            for name, frames in found:
                digest.update(f"{split} {name} {frames}\n".encode())
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
        """Those that have a list."""
        return tuple(self.lists)

    def plan(self, split: str) -> Sequence[MotionPiece]:
        """The frames that are there, a few dozen of a motion at a time."""
        motions, size = {motion.name: motion for motion in self.lists[split]}, self.frames_per_piece
        return [
            MotionPiece(motions[name], frames[start : start + size])
            for name, frames in self._found[split]
            for start in range(0, len(frames), size)
        ]

    def missing(self, split: str) -> Sequence[str]:
        """Motions of the list that this part of the data does not have."""
        found = {name for name, _ in self._found[split]}
        return [motion.name for motion in self.lists[split] if motion.name not in found]

    def read(self, piece: MotionPiece) -> Frames:
        """Reads a piece; damaged frames, and those that the part leaves out, are named in it."""
        samples, skipped = self.part.read(self.root, piece.motion, piece.numbers, self.image_px, self.rig)
        frames = stack(self, [self._frame(piece.motion, sample) for sample in samples], skipped)
        residuals = [sample.fit_residual_px for sample in samples if sample.fit_residual_px is not None]
        return frames._replace(fit_residual_px=np.array(residuals, np.float32)) if residuals else frames

    def _frame(self, motion: Motion, sample: Sample) -> Frame:
        relative = self.origin(sample.pose_cm, sample.pelvis_cm)
        return Frame(
            images=sample.images,
            points2d_px=sample.points2d_px.astype(np.float32),
            pose_cm=relative.pose_cm.astype(np.float32),
            origin_cm=relative.origin_cm.astype(np.float32),
            visibility=self._visibility(relative),
            category=motion.category,
            subject=motion.subject,
            motion=motion.name,
            frame_number=sample.number,
        )

    def _visibility(self, relative: Relative) -> UInt8[np.ndarray, "v j"]:
        points = torch.from_numpy(relative.pose_cm + relative.origin_cm[:, None])
        seen = torch.stack([camera.project(points[view])[1] for view, camera in enumerate(self.rig.cameras)])
        return np.where(seen.numpy(), Visibility.UNKNOWN, Visibility.OUT_OF_VIEW).astype(np.uint8)

    def _list_path(self, root: Path, file: str) -> Path:
        """Lists lie beside the environments or beside their folder."""
        return next((path for folder in (root, self.root) if (path := folder / file).is_file()), root / file)

    @cached_property
    def _found(self) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
        """Name and frame numbers of every motion that is there, by split."""
        found: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
        for split, motions in self.lists.items():
            numbers = ((motion.name, tuple(sorted(self.part.numbers(self.root / motion.name)))) for motion in motions)
            found[split] = [(name, frames) for name, frames in numbers if frames]
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Without the lists of frames, which pieces carry; with the rig, which is measured once."""
        return {name: value for name, value in (vars(self) | {"rig": self.rig}).items() if name != "_found"}
