"""Heatmaps that another estimator made, to be lifted as they are."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy_format

from egotap_pl.core.batch import NUM_VIEWS, Heatmaps
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.messages import say
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.recordings.frames import StereoBatch, unlabelled
from egotap_pl.data.recordings.gaps import Gaps

JOINT, LIMB = "joint_heatmaps", "limb_heatmaps"
"""Names of the arrays."""
HEATMAP_SUFFIXES = (".npz", ".h5", ".hdf5")
_REMEDY = f"write {JOINT} and {LIMB} as docs/predict.md says, uncompressed"
_LARGEST = 10.0
"""Largest absolute value. Joint heatmaps are 0 to 1 and limb heatmaps -1 to 1, and estimators overshoot."""
_FAINT = 0.1
"""If no joint heatmap of the first batch has a higher peak, they were probably scaled otherwise."""
_MAX_HEADER_BYTES = 10_000


class HeatmapFrames:
    """Joint and limb heatmaps in an .npz or HDF5 file, read in order.

    Args:
        path: a file with ``joint_heatmaps`` (n, view, m, h, w) and ``limb_heatmaps`` (n, view, m, 2, h, w) in floating
            point, m the number of joints with heatmaps.
        skeleton: the lifter's skeleton.
        heatmap_px: side of the heatmaps that the lifter reads.
        limit: number of frames to read, from the beginning; None: all.

    Raises:
        EgotapError: if an array is missing, or of another shape or type.
    """

    def __init__(self, path: Path, skeleton: Skeleton, heatmap_px: int, limit: int | None = None) -> None:
        self.path, self.skeleton, self.heatmap_px = path, skeleton, heatmap_px
        self.gaps = Gaps()
        self.rig: StereoRig | None = None
        self.rate: float | None = None
        with ExitStack() as stack:
            frames = self._opened(stack)[0].frames
        self.frames: int | None = frames if limit is None else min(frames, limit)

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; see `egotap_pl.data.recordings.frames.StereoInput`.

        Raises:
            EgotapError: if a value is not finite, or outside of the range of heatmaps.
        """
        with ExitStack() as stack:
            arrays = self._opened(stack)
            for start in range(0, self.frames or 0, size):
                count = min(size, (self.frames or 0) - start)
                joint, limb = (self._checked(rows, rows.read(count), start) for rows in arrays)
                if start == 0 and float(joint.max()) < _FAINT:
                    say(
                        f"{self.path}: the highest peak of the first {count} frames' joint heatmaps is "
                        f"{float(joint.max()):.2g}; lifters expect peaks of 1"
                    )
                images = torch.empty(count, NUM_VIEWS, 3, 0, 0, dtype=torch.uint8)
                batch = unlabelled(images, self.skeleton.num_joints, start)
                yield StereoBatch.untimed(batch._replace(heatmaps=Heatmaps(joint, limb)), ("",) * count)

    def _opened(self, stack: ExitStack) -> list[_Rows]:
        frame_shape = (NUM_VIEWS, self.skeleton.num_heatmap_joints, self.heatmap_px, self.heatmap_px)
        shapes = {JOINT: frame_shape, LIMB: (*frame_shape[:2], 2, *frame_shape[2:])}
        arrays: list[_Rows] = []
        if self.path.suffix.lower() == ".npz":
            archive = stack.enter_context(_zip(self.path))
            arrays += [_NpyRows(self.path, archive, name, stack) for name in shapes]
        else:
            file = stack.enter_context(Hdf5File(self.path, _REMEDY))
            arrays += [_Hdf5Rows(self.path, file, name) for name in shapes]
        for rows, (name, shape) in zip(arrays, shapes.items(), strict=True):
            if rows.shape[1:] != shape or not rows.shape[0]:
                expected = ", ".join(map(str, ("frames", *shape)))
                raise EgotapError(
                    f"{self.path}: {name} are of shape {rows.shape}: must be ({expected}), as the checkpoint's lifter "
                    f"reads {self.skeleton.num_heatmap_joints} heatmaps of {self.heatmap_px} x {self.heatmap_px} for "
                    f"{self.skeleton.name}, in the order {', '.join(self.skeleton.joints[1:])}"
                )
            if rows.dtype.kind != "f":
                raise EgotapError(
                    f"{self.path}: {name} are of type {rows.dtype}: must be floating point, with peaks of 1"
                )
        if arrays[0].frames != arrays[1].frames:
            raise EgotapError(f"{self.path}: {arrays[0].frames} frames of {JOINT}, but {arrays[1].frames} of {LIMB}")
        return arrays

    def _checked(self, rows: _Rows, values: np.ndarray, start: int) -> torch.Tensor:
        array = np.array(values, np.float32)
        is_wrong = ~(np.abs(array) <= _LARGEST)
        if is_wrong.any():
            at = int(is_wrong.reshape(len(array), -1).any(1).argmax())
            value = array[at][is_wrong[at]][0]
            raise EgotapError(
                f"{self.path}: {rows.name} of frame {start + at} have the value {value:.4g}: must be at most "
                f"{_LARGEST:g}. Joint heatmaps have peaks of 1; limb heatmaps are a cosine and a sine"
            )
        return torch.from_numpy(array)


class _Rows:
    """An array on disk, read from the first row to the last."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def frames(self) -> int:
        return self.shape[0]

    def read(self, count: int) -> np.ndarray:
        """The next rows."""
        raise NotImplementedError


class _Hdf5Rows(_Rows):
    def __init__(self, path: Path, file: Hdf5File, name: str) -> None:
        self.name, self._data, self._at = name, file.dataset(name), 0
        self.shape, self.dtype = self._data.shape, self._data.dtype
        if not self.shape:
            raise EgotapError(f"{path}: {name} is a single value; {_REMEDY}")

    def read(self, count: int) -> np.ndarray:
        self._at += count
        return self._data[self._at - count : self._at]


class _NpyRows(_Rows):
    """A member of an .npz file, unpacked row by row, so that its size does not matter."""

    def __init__(self, path: Path, file: zipfile.ZipFile, name: str, stack: ExitStack) -> None:
        self.name, self._path = name, path
        try:
            self._stream: IO[bytes] = stack.enter_context(file.open(f"{name}.npy"))
            version = npy_format.read_magic(self._stream)
            reader = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
            self.shape, is_fortran, self.dtype = reader(self._stream, max_header_size=_MAX_HEADER_BYTES)
        except KeyError as error:
            raise EgotapError(f"{path} has no array {name}; {_REMEDY}") from error
        except Exception as error:  # NumPy lets errors of Python's tokenizer and parser through
            raise EgotapError(f"{path}: {name} is damaged: {error}") from error
        if is_fortran or not self.shape:
            raise EgotapError(f"{path}: {name} must be stored row by row: save np.ascontiguousarray({name})")

    def read(self, count: int) -> np.ndarray:
        size = count * math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            content = self._stream.read(size)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
            raise EgotapError(f"{self._path}: {self.name} is damaged: {error}") from error
        if len(content) != size:
            raise EgotapError(f"{self._path}: {self.name} ends before its last frame: the file is truncated")
        return np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])


def has_heatmaps(path: Path) -> bool:
    """Whether a file is one of heatmaps: an .npz file, or an HDF5 file with `JOINT` or `LIMB`."""
    if path.suffix.lower() not in HEATMAP_SUFFIXES or not path.is_file():
        return False
    if path.suffix.lower() == ".npz":
        return True
    try:
        with Hdf5File(path, _REMEDY) as file:
            return JOINT in file or LIMB in file
    except EgotapError:  # whoever reads it says what is wrong
        return False


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise EgotapError(f"{path} cannot be read as an .npz file: {error}") from error
