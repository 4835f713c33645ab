"""EgoCap as published, with the annotations that its authors provide on request."""

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
from egotap_pl.data.egocap.files import CALIBRATED_PX, IMAGE_PX, Annotations
from egotap_pl.data.egocap.rig import RigFit, fit_rig, median_distance_px
from egotap_pl.data.egocap.tree import DELAY, POINTS, TRAINING, EgoCapTree, LabelledFrame
from egotap_pl.data.source import SPLITS, Frame, FrameName, Frames, read_each, stack
from egotap_pl.data.untrusted.readers import read_image

VERSION = 1
"""Raised whenever the same files would give other frames."""

CATEGORY = "uncategorised"
"""The only motion category, because EgoCap does not categorise motions."""

_FRAMES_PER_PIECE = 64
_FRAMES_FITTED = 1000


@dataclass(frozen=True, eq=False)
class EgoCapPiece:
    """Consecutive annotated frames of a split."""

    key: str
    """Name of the piece, unique within its split."""

    labels: tuple[LabelledFrame, ...]
    """Labels and files of the frames."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.labels)


class EgoCapSource:
    """Reads EgoCap. Subjects 1 to 6 are the training split; the sequence of subject 7 is both validation and test.

    Images are cropped to a square of the frame's height around the calibrated centre, and resized; points move with the
    crop. The second camera's pose is fitted to the training annotations (`egotap_pl.data.egocap.rig`), and the distance
    of projected poses from annotated points becomes part of the identity. A joint without an annotated point gets the
    projection of its pose.

    Args:
        root: folder that contains ``training_v000``, ``validation_v003_2D``, ``validation_v003_3D``,
            ``cameraCalibration`` and ``Ego_pose_stereo_cleaned.hdf5``.
        image_px: height and width of the images.
        circle_radius_px: radius of the image circle in the 1280 x 1024 frame, which the files do not say. None: as far
            as the calibration's polynomials agree.
        image_delay: number of frames by which the second camera's images of the held-out sequence are behind.
        label_delay: the same for the frame numbers in ``dataset.txt``.
        max_distance_px: largest accepted median distance of projected poses from annotated points, px of 1024, in each
            view of training and validation. Beyond it, axes, mirroring or delay are not as this reader expects. None
            accepts any distance.

    Raises:
        EgotapError: if a setting is out of range, the folder is missing, or a calibration is missing or damaged. The
            annotations are read when they are needed, and images in `read`.
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
            raise EgotapError(f"image_px={image_px} is not within 1 to {IMAGE_PX[1]}, the height of EgoCap's images")
        self.root, self.image_px, self.circle_radius_px = Path(root), image_px, circle_radius_px
        self.max_distance_px = max_distance_px
        self.tree = EgoCapTree(self.root, circle_radius_px, image_delay, label_delay)

    @property
    def skeleton(self) -> Skeleton:
        """EgoCap's 18 joints."""
        return egocap()

    @property
    def categories(self) -> Sequence[str]:
        """A single category, `CATEGORY`."""
        return (CATEGORY,)

    @property
    def rig(self) -> StereoRig:
        """The two cameras of the cropped, 1024 x 1024 frame; the pose of the second is fitted."""
        return self.fit.rig

    @cached_property
    def fit(self) -> RigFit:
        """The rig, and how well it fits the training annotations.

        Raises:
            EgotapError: if the annotations are missing or damaged, or farther from the poses than accepted.
        """
        annotations = self.tree.train
        rows = np.unique(np.linspace(0, len(annotations.pose_cm) - 1, _FRAMES_FITTED).astype(np.int64))
        # Joint 0 is not used, because it is the first camera itself.
        fit = fit_rig(self.tree.cameras, annotations.pose_cm[rows, 1:], annotations.points_px[rows][:, :, 1:])
        self._check(TRAINING, fit.median_px)
        return fit

    @cached_property
    def held_out_distance_px(self) -> tuple[float, float]:
        """Median distance of projected poses from annotated points in each view of the held-out sequence.

        Raises:
            EgotapError: if the annotations are missing or damaged, or farther from the poses than accepted.
        """
        annotations = self.tree.held_out
        distance = median_distance_px(self.rig, annotations.pose_cm[:, 1:], annotations.points_px[:, :, 1:])
        self._check(POINTS, distance)
        return distance

    def identity(self) -> dict[str, Any]:
        """The settings, digests of the annotation files, the motions on disk, and how well the rig fits."""
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
            # Rounded, so that the identity does not depend on the last digits of a machine's arithmetic.
            "median_distance_px": {split: [round(px, 1) for px in views] for split, views in distances.items()},
        }

    def splits(self) -> Sequence[str]:
        """``train``, ``validation`` and ``test``; the last two are the same sequence."""
        return SPLITS

    def plan(self, split: str) -> Sequence[EgoCapPiece]:
        """Annotated frames of the motions on disk, in the files' order."""
        present = set(self._motions(split)[0])
        frames = [frame for frame in self._frames(split) if frame.motion in present]
        starts = range(0, len(frames), _FRAMES_PER_PIECE)
        return [EgoCapPiece(f"{start:07d}", tuple(frames[start : start + _FRAMES_PER_PIECE])) for start in starts]

    def missing(self, split: str) -> Sequence[str]:
        """Annotated motions without a single image on disk."""
        return self._motions(split)[1]

    def read(self, piece: EgoCapPiece) -> Frames:
        """Reads the images of a piece. Frames with a missing or damaged image are skipped and named."""
        frames, skipped = read_each(
            (FrameName(label.motion, label.frame_number, label.files[0]), partial(self._read, label))
            for label in piece.labels
        )
        return stack(self, frames, skipped)

    def __getstate__(self) -> dict[str, Any]:
        """The state without annotations, which pieces carry."""
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
        """Motions of a split that have images on disk, and motions that have none, in order of appearance."""
        has_image: dict[str, bool] = {}
        for frame in self._frames(split):
            if not has_image.get(frame.motion):
                has_image[frame.motion] = any((self.root / file).is_file() for file in frame.files)
        present = [name for name, has_any in has_image.items() if has_any]
        return present, [name for name, has_any in has_image.items() if not has_any]

    def _frames(self, split: str) -> list[LabelledFrame]:
        if split not in self.splits():
            raise EgotapError(f"EgoCap has no split {split!r}: must be one of {', '.join(self.splits())}")
        return self._train_frames if split == "train" else self._held_out_frames

    @cached_property
    def _train_frames(self) -> list[LabelledFrame]:
        return self.tree.frames("train", self._projected(self.tree.train))

    @cached_property
    def _held_out_frames(self) -> list[LabelledFrame]:
        return self.tree.frames("validation", self._projected(self.tree.held_out))

    def _projected(self, annotations: Annotations) -> np.ndarray:
        return self.rig.project(torch.from_numpy(annotations.pose_cm))[0].numpy()

    def _check(self, file: str, distance_px: tuple[float, float]) -> None:
        for camera, px in enumerate(distance_px):
            if math.isnan(px):
                raise EgotapError(
                    f"{self.root / file}: no frame of camera {camera} has both points and a pose, because the frame "
                    "numbers do not match. Try data.source.label_delay=0"
                )
            if self.max_distance_px is not None and px > self.max_distance_px:
                raise EgotapError(
                    f"{self.root / file}: camera {camera}'s points lie {px:.0f} px (median) from where the poses are "
                    f"projected, more than {self.max_distance_px:g} px: axes, mirroring or delay are not as this "
                    "reader expects. Check the files; for dataset.txt, data.source.label_delay=0 may help; "
                    "data.source.max_distance_px=null accepts the files as they are"
                )
