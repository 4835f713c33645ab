"""A folder that holds EgoCap: which files, for which frames, seen by which cameras."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import FisheyeCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.egocap.files import (
    CALIBRATED_PX,
    IMAGE_PX,
    NUM_JOINTS,
    Labels,
    read_points,
    read_poses,
    read_training,
)

CALIBRATIONS = ("cameraCalibration/stereo_c00_f_calibration.txt", "cameraCalibration/stereo_c01_f_calibration.txt")
TRAINING = "Ego_pose_stereo_cleaned.hdf5"
TRAINING_IMAGES = "training_v000/images"
POSES = "validation_v003_3D/dataset3D.mddd"
POINTS = "validation_v003_2D/dataset.txt"
HELD_OUT_IMAGES = "validation_v003_3D/images"
HELD_OUT_SUBJECT = 7
ANNOTATIONS = (*CALIBRATIONS, TRAINING, POSES, POINTS)
DELAY = 85
"""Frames that the second camera's counting runs behind the first's in the held-out sequence."""


class LabelledFrame(NamedTuple):
    """A frame as annotated: the names and values of `egotap_pl.data.source.Frame`, and its image files by view.

    ``files`` are relative to the root; ``mirrored`` says which of them show the mirror image.
    """

    subject: str
    motion: str
    frame_number: int
    files: tuple[str, str]
    mirrored: tuple[bool, bool]
    points2d_px: Float32[np.ndarray, "v j 2"]
    pose_cm: Float32[np.ndarray, "j 3"]


class EgoCapTree:
    """The files of EgoCap. ``train`` are subjects 1 to 6; everything else is the sequence of subject 7.

    Args:
        root: the folder.
        circle_radius_px: radius of the image circle in the 1280 x 1024 frame, or None.
        image_delay: frames that the second camera's images run behind the first's in the held-out sequence.
        label_delay: the same of the frame numbers in ``dataset.txt``.

    Raises:
        EgotapError: if the folder or a calibration is missing or is not what is expected.
    """

    def __init__(
        self, root: Path, circle_radius_px: float | int | None, image_delay: int = DELAY, label_delay: int = DELAY
    ) -> None:
        self.root, self.image_delay, self.label_delay = root, image_delay, label_delay
        if not root.is_dir():
            raise EgotapError(f"{root}: no such folder; set data.root to the one that holds EgoCap's training_v000")
        first, second = (self._calibrated(file, circle_radius_px) for file in CALIBRATIONS)
        self.crop_left_px = (crop_left_px(first.centre_px[0]), crop_left_px(second.centre_px[0]))
        self.cameras = (_cropped(first), _cropped(second))

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in vars(self).items() if k not in ("train", "held_out")}

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of every file but the images."""
        return {file: _digest(self.root / file) for file in ANNOTATIONS}

    @cached_property
    def train(self) -> Labels:
        """Labels of the training frames, in the file's order; points moved with the crop, px of 1024."""
        return self._moved(read_training(self.root / TRAINING))

    @cached_property
    def held_out(self) -> Labels:
        """The same of the held-out sequence."""
        numbers, pose_cm = read_poses(self.root / POSES)
        points = read_points(self.root / POINTS)
        nothing, delays = np.full((NUM_JOINTS, 2), np.nan), (0, self.label_delay)
        seen = [[points.get((view, n - delays[view]), nothing) for view in range(2)] for n in numbers.tolist()]
        return self._moved(
            Labels(
                subject=np.full(len(numbers), HELD_OUT_SUBJECT, np.int64),
                frame=np.stack((numbers, numbers - self.image_delay), -1),
                points_px=np.array(seen, np.float64),
                pose_cm=pose_cm,
            )
        )

    def frames(self, split: str, projected_px: Float64[np.ndarray, "n v j 2"]) -> list[LabelledFrame]:
        """Frames of a split with their files; ``projected_px`` stands in where a joint is not annotated."""
        train = split == "train"
        labels = self.train if train else self.held_out
        points = np.where(np.isnan(labels.points_px), projected_px, labels.points_px).astype(np.float32)
        poses, frames = labels.pose_cm.astype(np.float32), []
        for row, (subject, numbers) in enumerate(zip(labels.subject.tolist(), labels.frame.tolist(), strict=True)):
            image = partial(training_image, subject) if train else self._held_out_image
            frames.append(
                LabelledFrame(
                    subject=f"S{subject}",
                    motion=f"S{subject}_{'v000' if train else 'v003'}",
                    frame_number=numbers[0],
                    files=(image(0, numbers[0]), image(1, numbers[1])),
                    mirrored=(False, train),
                    points2d_px=points[row],
                    pose_cm=poses[row],
                )
            )
        return frames

    def _held_out_image(self, camera: int, number: int) -> str:
        """The file that is there: its number may be padded."""
        names = [held_out_image(camera, number), held_out_image(camera, number, digits=4)]
        return next((name for name in names if (self.root / name).is_file()), names[0])

    def _calibrated(self, file: str, circle_radius_px: float | int | None) -> FisheyeCamera:
        camera = FisheyeCamera.from_ocamcalib(self.root / file, circle_radius_px)
        if camera.size_px != CALIBRATED_PX:
            raise EgotapError(f"{self.root / file}: a calibration for {camera.size_px} px, not {CALIBRATED_PX}")
        return camera

    def _moved(self, labels: Labels) -> Labels:
        left = np.array([[left, 0.0] for left in self.crop_left_px])
        return labels._replace(points_px=labels.points_px - left[:, None])


def training_image(subject: int, camera: int, number: int) -> str:
    """File of a training image."""
    return f"{TRAINING_IMAGES}/S{subject}_v000_cam{camera}_frame-{number:04d}.jpg"


def held_out_image(camera: int, number: int, digits: int = 1) -> str:
    """File of an image of the held-out sequence."""
    return f"{HELD_OUT_IMAGES}/franzi_01-cam{camera}/frame-{number:0{digits}d}.jpg"


def crop_left_px(centre_u_px: float) -> int:
    """Left edge, in the 1280 px wide frame, of the square around a calibrated centre: whole pixels of stored images."""
    scale = CALIBRATED_PX[0] // IMAGE_PX[0]
    return scale * math.floor((centre_u_px - CALIBRATED_PX[1] / 2) / scale + 0.5)


def _cropped(camera: FisheyeCamera) -> FisheyeCamera:
    return camera.cropped(crop_left_px(camera.centre_px[0]), 0, CALIBRATED_PX[1], FRAME_PX)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        for block in iter(partial(file.read, 2**20), b""):
            digest.update(block)
    return digest.hexdigest()
