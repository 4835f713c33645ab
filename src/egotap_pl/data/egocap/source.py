"""EgoCap as published, with the annotations that its authors give on request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, egocap
from egotap_pl.data.egocap.files import CALIBRATED_PX, IMAGE_PX, Labels
from egotap_pl.data.egocap.rig import RigFit, fit_rig, median_distance_px
from egotap_pl.data.egocap.tree import DELAY, POINTS, TRAINING, EgoCapTree, LabelledFrame
from egotap_pl.data.source import Frame, FrameName, Frames, read_each, stack
from egotap_pl.data.untrusted.readers import read_image

VERSION = 1
"""Goes up whenever the same files would give other frames."""

CATEGORY = "uncategorised"
"""EgoCap has no motion categories."""

_FRAMES_PER_PIECE = 64
_FRAMES_FITTED = 1000


@dataclass(frozen=True, eq=False)
class EgoCapPiece:
    """Consecutive annotated frames of a split."""

    key: str
    labels: tuple[LabelledFrame, ...]

    @property
    def frames(self) -> int:
        """How many."""
        return len(self.labels)


class EgoCapSource:
    """Reads EgoCap: subjects 1 to 6 for training, and the sequence of subject 7 for validation and for testing.

    Images are cropped to the square of the frame's height around the calibrated centre and resized; points move with
    the crop. The second camera's pose is fitted to the training annotations (`egotap_pl.data.egocap.rig`), and how far
    projected poses lie from annotated points becomes part of the identity. A joint without an annotated point gets its
    pose's projection.

    Args:
        root: folder that holds ``training_v000``, ``validation_v003_2D``, ``validation_v003_3D``,
            ``cameraCalibration`` and ``Ego_pose_stereo_cleaned.hdf5``.
        image_px: height and width of the images to give.
        circle_radius_px: radius of the image circle in the 1280 x 1024 frame; the files do not know it. None: as far as
            the calibration's polynomials agree.
        image_delay: frames that the second camera's images of the held-out sequence run behind the first's.
        label_delay: the same of the frame numbers in ``dataset.txt``.
        max_distance_px: greatest median distance of projected poses to annotated points, px of 1024, in any view of
            training and validation; beyond it, axes, mirror or delay are not what this reader expects. None: any.

    Raises:
        EgotapError: if a file is missing or is not what is expected. Images are looked at in `read` only.
    """

    def __init__(
        self,
        root: Path | str,
        image_px: int = 256,
        circle_radius_px: float | int | None = None,
        image_delay: int = DELAY,
        label_delay: int = DELAY,
        max_distance_px: float | int | None = 40.0,
    ) -> None:
        if not 1 <= image_px <= IMAGE_PX[1]:
            raise EgotapError(f"EgoCap's images give 1 to {IMAGE_PX[1]} px, not image_px={image_px}")
        self.root, self.image_px, self.circle_radius_px = Path(root), image_px, circle_radius_px
        self.max_distance_px = max_distance_px
        self.tree = EgoCapTree(self.root, circle_radius_px, image_delay, label_delay)

    @property
    def skeleton(self) -> Skeleton:
        """EgoCap's 18 joints."""
        return egocap()

    @property
    def categories(self) -> Sequence[str]:
        """There is but one."""
        return (CATEGORY,)

    @property
    def rig(self) -> StereoRig:
        """The cameras of the cropped, 1024 x 1024 frame; the second one's pose is fitted."""
        return self.fit.rig

    @cached_property
    def fit(self) -> RigFit:
        """The rig, and how well it explains the training annotations."""
        labels = self.tree.train
        rows = np.unique(np.linspace(0, len(labels.pose_cm) - 1, _FRAMES_FITTED).astype(np.int64))
        # without joint 0: it is the first camera itself
        fit = fit_rig(self.tree.cameras, labels.pose_cm[rows, 1:], labels.points_px[rows][:, :, 1:])
        self._check(TRAINING, fit.median_px)
        return fit

    @cached_property
    def held_out_distance_px(self) -> tuple[float, float]:
        """Median distance of projected poses to annotated points in each view of the held-out sequence."""
        labels = self.tree.held_out
        distance = median_distance_px(self.rig, labels.pose_cm[:, 1:], labels.points_px[:, :, 1:])
        self._check(POINTS, distance)
        return distance

    def identity(self) -> dict[str, Any]:
        """Settings, digests of the annotation files, motions that are there, and how well the rig fits."""
        distances = {"train": self.fit.median_px, "validation": self.held_out_distance_px}
        return {
            "source": "egocap",
            "version": VERSION,
            "image_px": self.image_px,
            "circle_radius_px": self.circle_radius_px,
            "image_delay": self.tree.image_delay,
            "label_delay": self.tree.label_delay,
            "files": self.tree.digests,
            "motions": {split: self._motions(split)[0] for split in ("train", "validation")},
            # rounded, so that the last digits of a machine's arithmetic do not matter
            "median_distance_px": {split: [round(px, 1) for px in views] for split, views in distances.items()},
        }

    def splits(self) -> Sequence[str]:
        """``train``, ``validation`` and ``test``; the last two are the same sequence."""
        return ("train", "validation", "test")

    def plan(self, split: str) -> Sequence[EgoCapPiece]:
        """Annotated frames in the files' order, of the motions that are there."""
        there = set(self._motions(split)[0])
        frames = [frame for frame in self._frames(split) if frame.motion in there]
        starts = range(0, len(frames), _FRAMES_PER_PIECE)
        return [EgoCapPiece(f"{start:07d}", tuple(frames[start : start + _FRAMES_PER_PIECE])) for start in starts]

    def missing(self, split: str) -> Sequence[str]:
        """Annotated motions of which there is not a single image."""
        return self._motions(split)[1]

    def read(self, piece: EgoCapPiece) -> Frames:
        """Read a piece's images. Frames with a missing or damaged image are left out and named."""
        frames, skipped = read_each(
            (FrameName(label.motion, label.frame_number, label.files[0]), partial(self._read, label))
            for label in piece.labels
        )
        return stack(self, frames, skipped)

    def __getstate__(self) -> dict[str, Any]:
        """Without annotations: pieces carry theirs."""
        return {k: v for k, v in vars(self).items() if k not in ("_train_frames", "_held_out_frames")}

    def _read(self, label: LabelledFrame) -> Frame:
        return Frame(
            images=np.stack([self._image(label, view) for view in range(2)]),
            points2d_px=label.points2d_px,
            pose_cm=label.pose_cm,
            origin_cm=np.zeros((2, 3), np.float32),
            visibility=np.full((2, self.skeleton.num_joints), Visibility.UNKNOWN, np.uint8),
            category=CATEGORY,
            subject=label.subject,
            motion=label.motion,
            frame_number=label.frame_number,
        )

    def _image(self, label: LabelledFrame, view: int) -> UInt8[np.ndarray, "3 h w"]:
        image = read_image(self.root / label.files[view], IMAGE_PX)
        if label.mirrored[view]:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        side, left = IMAGE_PX[1], self.tree.crop_left_px[view] * IMAGE_PX[0] // CALIBRATED_PX[0]
        square = image.crop((left, 0, left + side, side))
        square = square.resize((self.image_px, self.image_px), Image.Resampling.BOX)  # at 256: the mean of 2 x 2
        return np.asarray(square).transpose(2, 0, 1)

    def _motions(self, split: str) -> tuple[list[str], list[str]]:
        """Motions of a split that are there and that are missing, in order of appearance."""
        there: dict[str, bool] = {}
        for frame in self._frames(split):
            if not there.get(frame.motion):
                there[frame.motion] = any((self.root / file).is_file() for file in frame.files)
        return [name for name, found in there.items() if found], [name for name, found in there.items() if not found]

    def _frames(self, split: str) -> list[LabelledFrame]:
        if split not in self.splits():
            raise EgotapError(f"EgoCap has no split {split!r}; choose one of {', '.join(self.splits())}")
        return self._train_frames if split == "train" else self._held_out_frames

    @cached_property
    def _train_frames(self) -> list[LabelledFrame]:
        return self.tree.frames("train", self._projected(self.tree.train))

    @cached_property
    def _held_out_frames(self) -> list[LabelledFrame]:
        return self.tree.frames("validation", self._projected(self.tree.held_out))

    def _projected(self, labels: Labels) -> np.ndarray:
        return self.rig.project(torch.from_numpy(labels.pose_cm))[0].numpy()

    def _check(self, file: str, distance_px: tuple[float, float]) -> None:
        for camera, px in enumerate(distance_px):
            if math.isnan(px):
                raise EgotapError(
                    f"{self.root / file}: no frame of camera {camera} has both points and a pose; the frame numbers "
                    "do not meet. Try data.source.label_delay=0"
                )
            if self.max_distance_px is not None and px > self.max_distance_px:
                raise EgotapError(
                    f"{self.root / file}: camera {camera}'s points lie {px:.0f} px (median) from where the poses are "
                    f"projected, more than {self.max_distance_px:g} px: axes, mirror or delay are not as this reader "
                    "expects. Check the files; data.source.label_delay=0 may be it for dataset.txt; "
                    "data.source.max_distance_px=null accepts them as they are"
                )
