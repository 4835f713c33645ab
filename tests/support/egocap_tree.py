"""An EgoCap tree with known numbers, written without the package's writer, cameras or calibration code."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

FOCAL_PX = 400.0  # of an equidistant lens: its image distance is FOCAL_PX times the angle from the axis
CENTRES_PX = ((650.4, 505.0), (632.2, 515.0))
CROPS_PX = (138, 120)  # 650.4 - 512 and 632.2 - 512 rounded to even numbers: a pixel of 640 is two pixels of 1280
ROTATION = Rotation.from_euler("zyx", (8.0, -6.0, 4.0), degrees=True).as_matrix()
TRANSLATION_CM = np.array((-17.0, 1.5, -2.0))
SWAPPED = [0, 1, *range(6, 10), *range(2, 6), *range(14, 18), *range(10, 14)]  # left and right limbs

TRAINING = "Ego_pose_stereo_cleaned.hdf5"
POSES = "validation_v003_3D/dataset3D.mddd"
POINTS = "validation_v003_2D/dataset.txt"
CALIBRATIONS = ("cameraCalibration/stereo_c00_f_calibration.txt", "cameraCalibration/stereo_c01_f_calibration.txt")


def project(points_cm: np.ndarray, view: int) -> np.ndarray:
    """Points in the first camera's frame to px of 1280 x 1024."""
    if view:
        points_cm = points_cm @ ROTATION.T + TRANSLATION_CM
    across = np.linalg.norm(points_cm[..., :2], axis=-1, keepdims=True)
    angle = np.arctan2(across, points_cm[..., 2:])
    return FOCAL_PX * angle * points_cm[..., :2] / np.maximum(across, 1e-12) + CENTRES_PX[view]


def calibration(view: int, size: str = "1024 1280") -> str:
    """The calibration file of a view."""
    r = np.linspace(1e-6, 600, 500)
    z = np.polynomial.Polynomial.fit(r, -r / np.tan(r / FOCAL_PX), 12).convert().coef
    lines = [""] * 20
    lines[2] = f"{len(z)} {' '.join(map(str, z))}"
    lines[6] = f"2 {FOCAL_PX * math.pi / 2} {FOCAL_PX}"
    lines[10], lines[14], lines[18] = "{1} {0}".format(*CENTRES_PX[view]), "1 0 0", size
    return "\n".join(lines)


def picture(blue: int) -> np.ndarray:
    """An image of 640 x 512 px in which red grows to the right and green downwards."""
    x, y = np.meshgrid(np.arange(640), np.arange(512))
    return np.stack((x * 0.25 + 40, y * 0.25 + 40, np.full_like(x, blue)), -1).round().astype(np.uint8)


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=98, subsampling=0)
    return file.getvalue()


def cropped(blue: int, view: int) -> np.ndarray:
    """What a reader should return for a picture, at 256 px."""
    left = CROPS_PX[view] // 2
    square = picture(blue)[:, left : left + 512].astype(float)
    return square.reshape(256, 2, 256, 2, 3).mean((1, 3)).transpose(2, 0, 1)


@dataclass
class HandMadeTree:
    """An EgoCap tree with two training frames of each subject and four held-out frames."""

    root: Path
    train_cm: np.ndarray = field(init=False)
    held_out_cm: np.ndarray = field(init=False)
    subject: np.ndarray = field(init=False)
    frame: np.ndarray = field(init=False)
    numbers: tuple[int, ...] = (185, 186, 190, 1000)

    def __post_init__(self) -> None:
        random = np.random.default_rng(5)
        self.train_cm, self.held_out_cm = (
            random.uniform((-60, -40, 30), (60, 60, 130), (n, 18, 3)) for n in (12, len(self.numbers))
        )
        self.train_cm[:, 0] = self.held_out_cm[:, 0] = 0.0
        self.subject = np.repeat(np.arange(1, 7), 2)
        self.frame = np.stack((10 + np.arange(12), 7 + np.arange(12)), -1)
        for view, file in enumerate(CALIBRATIONS):
            self.write(file, calibration(view))
        self.write_training()
        self.write_poses()
        self.write_points()
        self.write_images()

    def write(self, file: str, content: str | bytes) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def fractions(self) -> np.ndarray:
        """Points of the training frames as fractions of the frame."""
        return np.stack([project(self.train_cm, view) for view in range(2)], 1) / (1280, 1024)

    def write_training(self, **changes: np.ndarray) -> None:
        content = {
            "pose_2d": self.fractions(),
            "pose_3d": self.train_cm * (10, 10, -10),
            "subject_index": self.subject,
            "frame_index": self.frame,
        }
        self.root.mkdir(parents=True, exist_ok=True)
        with h5py.File(self.root / TRAINING, "w") as file:
            for name, value in (content | changes).items():
                file[name] = value

    def write_poses(self) -> None:
        rows = [
            " ".join(map(str, (n, *(10 * pose).ravel())))
            for n, pose in zip(self.numbers, self.held_out_cm, strict=True)
        ]
        self.write(POSES, "\n".join(("Skeletool MDDD", "18 joints", *rows, "")))

    def write_points(self, delay: int = 85, omitted: tuple[tuple[int, int], ...] = ()) -> None:
        """Writes the points of all frames but the omitted ones, each a view and a frame number."""
        lines: list[str] = []
        for n, pose in zip(self.numbers, self.held_out_cm, strict=True):
            for view in range(2):
                if (view, n) in omitted:
                    continue
                xy = project(pose, view) / 2
                if view:
                    xy = np.stack((640 - xy[:, 0], xy[:, 1]), -1)[SWAPPED]
                lines += [f"# {len(lines)}", f"./images/S7_v003_cam{view}_frame-{n - delay * view}.jpg"]
                lines += ["3", "512", "640", "18", *(f"{j} {x} {y}" for j, (x, y) in enumerate(xy))]
        self.write(POINTS, "\n".join(lines) + "\n")

    def write_images(self) -> None:
        for row, (subject, frame) in enumerate(zip(self.subject, self.frame, strict=True)):
            for view in range(2):
                pixels = picture(100 + 5 * row + view)
                name = f"training_v000/images/S{subject}_v000_cam{view}_frame-{frame[view]:04d}.jpg"
                self.write(name, jpeg(pixels[:, ::-1] if view else pixels))
        for row, n in enumerate(self.numbers):
            for view in range(2):
                name = f"validation_v003_3D/images/franzi_01-cam{view}/frame-{n - 85 * view}.jpg"
                self.write(name, jpeg(picture(100 + 5 * row + view)))
