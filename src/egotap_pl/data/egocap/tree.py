"""EgoCap's folder: the files of every frame, and the cameras."""

from __future__ import annotations

import math
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.digest import sha256_of
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration.ocamcalib import read_ocamcalib
from egotap_pl.data.egocap.files import (
    CALIBRATED_PX,
    IMAGE_PX,
    NUM_JOINTS,
    Annotations,
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
ALL_BUT_IMAGES = (*CALIBRATIONS, TRAINING, POSES, POINTS)
DELAY = 85
"""Number of frames by which the second camera's count is behind the first camera's in the held-out sequence."""


class LabelledFrame(NamedTuple):
    """The labels of a frame, as in `egotap_pl.data.source.Frame`, with its image files."""

    subject: str
    """Name of the person."""

    motion: str
    """Name of the motion."""

    frame_number: int
    """Number within the motion, in the first camera's count."""

    files: tuple[str, str]
    """Image file of each view, relative to the root."""

    mirrored: tuple[bool, bool]
    """Whether each view's file shows the mirror image."""

    points2d_px: Float32[np.ndarray, "v j 2"]
    """(u, v) of every joint in each view, px of the 1024 x 1024 frame."""

    pose_cm: Float32[np.ndarray, "j 3"]
    """Every joint in the left camera's axes."""


class EgoCapTree:
    """The files of EgoCap. The split ``train`` is subjects 1 to 6; all other splits are the sequence of subject 7.

    Args:
        root: the folder.
        circle_radius_px: radius of the image circle in the 1280 x 1024 frame; None: as far as the calibration's
            polynomials agree.
        image_delay: number of frames by which the second camera's images in the held-out sequence are behind.
        label_delay: the same for the frame numbers in ``dataset.txt``.

    Raises:
        EgotapError: if the folder is missing, or a calibration is missing or damaged or for another frame size.
    """

    def __init__(
        self, root: Path, circle_radius_px: float | int | None, image_delay: int = DELAY, label_delay: int = DELAY
    ) -> None:
        self.root, self.image_delay, self.label_delay = root, image_delay, label_delay
        if not root.is_dir():
            raise EgotapError(f"{root}: no such folder; set data.root to the folder that contains training_v000")
        first, second = (self._calibrated(file, circle_radius_px) for file in CALIBRATIONS)
        self.crop_left_px = (crop_left_px(first.centre_px[0]), crop_left_px(second.centre_px[0]))
        self.cameras = (_crop(first), _crop(second))

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in vars(self).items() if k not in ("train", "held_out")}

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of every file that is not an image."""
        return {file: sha256_of(self.root / file) for file in ALL_BUT_IMAGES}

    @cached_property
    def train(self) -> Annotations:
        """Annotations of the training frames, in the file's order, with points in the cropped frame, px of 1024."""
        return self._cropped(read_training(self.root / TRAINING))

    @cached_property
    def held_out(self) -> Annotations:
        """Annotations of the held-out sequence, with points in the cropped frame, px of 1024."""
        numbers, pose_cm = read_poses(self.root / POSES)
        by_image = read_points(self.root / POINTS)
        nothing, delays = np.full((NUM_JOINTS, 2), np.nan), (0, self.label_delay)
        points = [[by_image.get((view, n - delays[view]), nothing) for view in range(2)] for n in numbers.tolist()]
        return self._cropped(
            Annotations(
                subject=np.full(len(numbers), HELD_OUT_SUBJECT, np.int64),
                frame=np.stack((numbers, numbers - self.image_delay), -1),
                points_px=np.array(points, np.float64),
                pose_cm=pose_cm,
            )
        )

    def frames(self, split: str, projected_px: Float64[np.ndarray, "n v j 2"]) -> list[LabelledFrame]:
        """The frames of a split with their files.

        Args:
            split: name of the split.
            projected_px: projections of the poses, which replace the points that are not annotated.
        """
        train = split == "train"
        annotations = self.train if train else self.held_out
        points = np.where(np.isnan(annotations.points_px), projected_px, annotations.points_px).astype(np.float32)
        poses, frames = annotations.pose_cm.astype(np.float32), []
        subjects_and_numbers = zip(annotations.subject.tolist(), annotations.frame.tolist(), strict=True)
        for row, (subject, numbers) in enumerate(subjects_and_numbers):
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
        """The file of an image, whose number may or may not be padded."""
        names = [held_out_image(camera, number), held_out_image(camera, number, digits=4)]
        return next((name for name in names if (self.root / name).is_file()), names[0])

    def _calibrated(self, file: str, circle_radius_px: float | int | None) -> PolynomialCamera:
        camera = read_ocamcalib(self.root / file, circle_radius_px)
        if camera.size_px != CALIBRATED_PX:
            raise EgotapError(f"{self.root / file}: a calibration for {camera.size_px} px, not {CALIBRATED_PX}")
        return camera

    def _cropped(self, annotations: Annotations) -> Annotations:
        left = np.array([[left, 0.0] for left in self.crop_left_px])
        return annotations._replace(points_px=annotations.points_px - left[:, None])


def training_image(subject: int, camera: int, number: int) -> str:
    """File of a training image, relative to the root.

    Args:
        subject: number of the person, 1 to 6.
        camera: 0 or 1.
        number: number of the frame in this camera's count.
    """
    return f"{TRAINING_IMAGES}/S{subject}_v000_cam{camera}_frame-{number:04d}.jpg"


def held_out_image(camera: int, number: int, digits: int = 1) -> str:
    """File of an image of the held-out sequence, relative to the root.

    Args:
        camera: 0 or 1.
        number: number of the frame in this camera's count.
        digits: the number is padded with zeros to this many digits.
    """
    return f"{HELD_OUT_IMAGES}/franzi_01-cam{camera}/frame-{number:0{digits}d}.jpg"


def crop_left_px(centre_u_px: float) -> int:
    """Left edge of the square around a calibrated centre, px of the 1280 px wide frame, at a whole stored pixel."""
    scale = CALIBRATED_PX[0] // IMAGE_PX[0]
    return scale * math.floor((centre_u_px - CALIBRATED_PX[1] / 2) / scale + 0.5)


def _crop(camera: PolynomialCamera) -> PolynomialCamera:
    return camera.cropped(crop_left_px(camera.centre_px[0]), 0, CALIBRATED_PX[1], FRAME_PX)
