"""Reads EgoCap's annotation files and removes their oddities.

The results are alike for training and validation: poses in cm in the left camera's axes, and points in px of the
calibrated 1280 x 1024 frame as each camera really sees it, not mirrored, with left joints on the wearer's left.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.limits import EGOCAP_FRAMES, EGOCAP_HDF5_BYTES, EGOCAP_TEXT_BYTES
from egotap_pl.core.skeleton import egocap
from egotap_pl.data.untrusted.readers import read_text

CALIBRATED_PX = (1280, 1024)
"""Width and height of the frame that the cameras are calibrated for. Points are in pixels of this frame."""
IMAGE_PX = (640, 512)
"""Width and height of the stored images."""
NUM_JOINTS = egocap().num_joints

_MM_PER_CM = 10.0
_NUMBER_BYTES = 8  # at most
_LARGEST = 10_000_000  # for any number in these files, whatever it counts or measures
_MAX_HEADER_LINES = 100
_LABELLED_IMAGE = re.compile(r"S\d{1,3}_v\d{1,3}_cam([01])_frame-(\d{1,7})\.jpg")


class Annotations(NamedTuple):
    """The annotations of n frames."""

    subject: Int64[np.ndarray, "n"]
    """Number of the person in each frame."""

    frame: Int64[np.ndarray, "n v"]
    """Number of each frame in each camera's own count."""

    points_px: Float64[np.ndarray, "n v j 2"]
    """(u, v) of every joint in each view, px of the 1280 x 1024 frame; NaN where a joint is not annotated."""

    pose_cm: Float64[np.ndarray, "n j 3"]
    """Every joint in the left camera's axes."""


def read_training(path: Path) -> Annotations:
    """Reads the annotations of the training subjects from ``Ego_pose_stereo_cleaned.hdf5``.

    The file's points are fractions of the frame. Those of the second camera are not mirrored, although its training
    images are. The file's poses are in mm, with the z axis pointing backwards.

    Raises:
        EgotapError: if the file is missing or damaged, or a dataset is missing or not as expected.
    """
    rows = {"pose_2d": (2, NUM_JOINTS, 2), "pose_3d": (NUM_JOINTS, 3), "subject_index": (), "frame_index": (2,)}
    points, pose, subject, frame = _read_hdf5(path, rows)
    _refuse(path, "pose_3d", "that are not finite or absurdly large", ~(np.abs(pose) <= _LARGEST))
    _refuse(path, "pose_2d", "that are infinite or absurdly large", np.abs(points) > _LARGEST)
    for name, numbers in (("subject_index", subject), ("frame_index", frame)):
        whole = (numbers >= 0) & (numbers <= _LARGEST) & (numbers == np.floor(numbers))
        _refuse(path, name, f"that are not whole numbers from 0 to {_LARGEST}", ~whole)
    points[np.isnan(points).any(-1)] = np.nan
    return Annotations(
        subject=subject.astype(np.int64),
        frame=frame.astype(np.int64),
        points_px=points * CALIBRATED_PX,
        pose_cm=pose / _MM_PER_CM * (1.0, 1.0, -1.0),
    )


def read_poses(path: Path) -> tuple[Int64[np.ndarray, "n"], Float64[np.ndarray, "n j 3"]]:
    """Reads the poses of the validation sequence from ``dataset3D.mddd``.

    The file has header lines, and then lines with a frame number and the coordinates of every joint in mm.

    Returns:
        The frame numbers and the poses in cm.

    Raises:
        EgotapError: if the file is missing or in another format; the message names the line.
    """
    width = 1 + 3 * NUM_JOINTS
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path, EGOCAP_TEXT_BYTES).splitlines(), 1):
        row = _numbers(line)
        if row is not None and len(row) == width and _is_frame_number(row[0]):
            rows.append(row)
        elif rows and line.strip():
            raise EgotapError(
                f"{path}, line {number}: expected a frame number and {width - 1} coordinates, found {line[:60]!r}"
            )
        elif not rows and number > _MAX_HEADER_LINES:
            break
    if not rows:
        raise EgotapError(f"{path}: no line of {width} numbers after a header: this is not EgoCap's dataset3D.mddd")
    values = np.array(rows, np.float64)
    numbers = values[:, 0].astype(np.int64)
    if len(set(numbers.tolist())) != len(numbers):
        raise EgotapError(f"{path}: a frame number occurs twice; download the file again")
    return numbers, values[:, 1:].reshape(-1, NUM_JOINTS, 3) / _MM_PER_CM


def read_points(path: Path) -> dict[tuple[int, int], Float64[np.ndarray, "j 2"]]:
    """Reads the points of the validation sequence from ``dataset.txt``.

    The file consists of blocks: a line that begins with ``#``, the path of an image, lines of integers (the image's
    size and the number of joints), and a line per joint, whose columns 1 and 2 are x and y at 640 x 512. The points of
    camera 1 belong to its mirror image, in which left joints are named right.

    Returns:
        The points, by camera (0 or 1) and frame number.

    Raises:
        EgotapError: if the file is missing or in another format; the message names the line.
    """
    points: dict[tuple[int, int], Float64[np.ndarray, "j 2"]] = {}
    for first, lines in _blocks(path):
        camera, number = _labelled_image(path, first, lines[0])
        if (camera, number) in points:
            raise EgotapError(f"{path}, block of line {first}: {lines[0][:60]!r} occurs twice; download the file again")
        joints = np.array(_joint_lines(path, first, lines[1:])) * 2.0
        if camera == 1:
            joints = np.stack((CALIBRATED_PX[0] - joints[:, 0], joints[:, 1]), -1)[list(egocap().mirror)]
        points[camera, number] = joints
    if not points:
        raise EgotapError(f"{path}: no block that begins with '#': this is not EgoCap's dataset.txt")
    return points


def _read_hdf5(path: Path, rows: dict[str, tuple[int, ...]]) -> list[Float64[np.ndarray, "..."]]:
    """Reads datasets as float64, given the shape of their rows. Sizes are checked before memory is allocated."""
    if not path.is_file():
        raise EgotapError(
            f"{path}: no such file. EgoCap's authors provide these annotations on request; put them into data.root"
        )
    with Hdf5File(path, "download it again", EGOCAP_HDF5_BYTES) as file:
        arrays = [_array(file, name, row) for name, row in rows.items()]
        if len({len(array) for array in arrays}) != 1:
            counts = ", ".join(f"{name}: {len(array)}" for name, array in zip(rows, arrays, strict=True))
            raise file.bad(f"the datasets have different numbers of frames ({counts})")
    return [array.astype(np.float64) for array in arrays]


def _array(file: Hdf5File, name: str, row: tuple[int, ...]) -> np.ndarray:
    array = file.array(name, EGOCAP_FRAMES * math.prod(row) * _NUMBER_BYTES, deflated=True)
    if array.dtype.kind not in "fiu" or not array.shape or array.shape[1:] != row:
        expected = ", ".join(map(str, ("N", *row)))
        raise file.bad(
            f"dataset {name!r} is {array.dtype} of shape {array.shape}; expected numbers of shape ({expected})"
        )
    if not 1 <= len(array) <= EGOCAP_FRAMES:
        raise file.bad(f"dataset {name!r} has {len(array)} rows; expected 1 to {EGOCAP_FRAMES}")
    return array


def _refuse(path: Path, name: str, what: str, wrong: np.ndarray) -> None:
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise EgotapError(f"{path}: dataset {name!r} has values {what}, first in row {row}; download the file again")


def _blocks(path: Path) -> list[tuple[int, list[str]]]:
    """The number of each block's first line, from 1, and the lines after it that are not blank."""
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(read_text(path, EGOCAP_TEXT_BYTES).splitlines(), 1):
        if line.startswith("#"):
            _check_length(path, blocks)
            blocks.append((number, []))
        elif line.strip():
            if not blocks:
                raise EgotapError(f"{path}, line {number}: expected a line that begins with '#', found {line[:60]!r}")
            blocks[-1][1].append(line.strip())
    _check_length(path, blocks)
    return blocks


def _check_length(path: Path, blocks: list[tuple[int, list[str]]]) -> None:
    """Checks the last block. Blocks are checked one by one, so that millions of short ones take no memory."""
    for number, lines in blocks[-1:]:
        if len(lines) < 1 + NUM_JOINTS:
            raise EgotapError(
                f"{path}, line {number}: a block of {len(lines)} lines; expected an image's path, integers, and a line "
                f"for each of the {NUM_JOINTS} joints"
            )


def _labelled_image(path: Path, number: int, line: str) -> tuple[int, int]:
    match = _LABELLED_IMAGE.search(line)
    if match is None:
        raise EgotapError(
            f"{path}, block of line {number}: expected an image such as ./images/S7_v003_cam0_frame-100.jpg, "
            f"found {line[:60]!r}"
        )
    return int(match[1]), int(match[2])


def _joint_lines(path: Path, number: int, lines: Sequence[str]) -> list[tuple[float, float]]:
    """Reads x and y of every joint from the last lines of a block. The lines before them must be integers."""
    points = []
    for line in lines[-NUM_JOINTS:]:
        row = _numbers(line)
        if row is None or len(row) < 3:
            raise EgotapError(
                f"{path}, block of line {number}: expected a joint's number, x and y, found {line[:60]!r}"
            )
        points.append((row[1], row[2]))
    for line in lines[:-NUM_JOINTS]:
        row = _numbers(line)
        if row is None or not all(map(float.is_integer, row)):
            raise EgotapError(f"{path}, block of line {number}: expected integers, found {line[:60]!r}")
    return points


def _numbers(line: str) -> list[float] | None:
    """The numbers in a line; None if it has anything else, or a number that is not finite or absurdly large."""
    try:
        row = [float(word) for word in line.split()]
    except ValueError:
        return None
    return row if row and all(abs(value) <= _LARGEST for value in row) else None


def _is_frame_number(value: float) -> bool:
    return value.is_integer() and value >= 0
