"""Files of estimated poses: HDF5, CSV, NumPy's npz, BVH, or a zip of json files. docs/predict.md describes them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from egotap_pl.analysis.poses import FORMAT
from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5_writing import hold, new_file
from egotap_pl.engine.prediction.bvh_writer import BvhWriter
from egotap_pl.engine.prediction.device_form import DeviceForm, ZipWriter
from egotap_pl.engine.prediction.pose_writer import DEFAULT_FPS, PoseOrigin, PoseRows, PoseWriter

__all__ = ["WRITERS", "PoseOrigin", "PoseWriter", "check_output", "pose_writer"]

_ROWS_PER_CHUNK = 256


class Hdf5Writer(PoseWriter):
    """Writes HDF5 datasets that grow, so that a long video takes no memory."""

    def open(self) -> None:
        """See `PoseWriter`."""
        self._writing = new_file(self.path)
        self._file = self._writing.__enter__()
        self._file.attrs.update(self.header)
        joints = len(self.origin.skeleton.estimated)
        columns = {
            "pose_cm": ((joints, 3), np.float32),
            "confidence": ((joints,), np.float32),
            "frame": ((), np.int64),
            "name": ((), h5py.string_dtype()),
            "time_s": ((), np.float64),
        }
        for column, (shape, dtype) in columns.items():
            self._create(column, shape, dtype)

    def _create(self, column: str, shape: tuple[int, ...], dtype: Any) -> None:
        chunks = (_ROWS_PER_CHUNK, *shape)
        hold(self._file.create_dataset(column, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunks))

    def close(self, is_complete: bool) -> None:
        """See `PoseWriter`."""
        given_up = None if is_complete else EgotapError(f"{self.path}: given up")
        self._writing.__exit__(None if is_complete else EgotapError, given_up, None)

    def add(self, rows: PoseRows) -> None:
        """See `PoseWriter`."""
        count = len(rows.pose_cm)
        for column, values in rows._asdict().items():
            if values is None:
                continue
            if column not in self._file:
                self._create(column, values.shape[1:], values.dtype)
            dataset = self._file[column]
            dataset.resize(len(dataset) + count, axis=0)
            dataset[-count:] = values if isinstance(values, np.ndarray) else list(values)


class CsvWriter(PoseWriter):
    """Writes a line per frame and a column per coordinate."""

    def open(self) -> None:
        """See `PoseWriter`."""
        self._file = self.path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._has_header = False

    def close(self, is_complete: bool) -> None:
        """See `PoseWriter`."""
        self._file.close()

    def add(self, rows: PoseRows) -> None:
        """See `PoseWriter`."""
        if not self._has_header:
            self._write_header(rows.expected_error_cm is not None)
        none = np.empty((len(rows.pose_cm), 0), np.float32)
        errors_cm = none if rows.expected_error_cm is None else rows.expected_error_cm
        for pose, number, title, seconds, peaks, errors in zip(*rows[:5], errors_cm, strict=True):
            time = "" if np.isnan(seconds) else f"{seconds:.6f}"
            values = [f"{value:.4f}" for value in pose.reshape(-1)]
            values += ["" if np.isnan(peak) else f"{peak:.4f}" for peak in peaks]
            self._rows.writerow([number, title, time, *values, *(f"{error:.4f}" for error in errors)])

    def _write_header(self, with_errors: bool) -> None:
        joints = self.origin.skeleton.estimated_names
        names = [f"{joint}_{axis}_cm" for joint in joints for axis in "xyz"] + [f"{name}_confidence" for name in joints]
        names += [f"{joint}_expected_error_cm" for joint in joints if with_errors]
        self._rows.writerow(["frame", "name", "time_s", *names])
        self._has_header = True


class NpzWriter(PoseWriter):
    """Writes the arrays of the HDF5 file, and its attributes as JSON. They stay in memory until the end."""

    def open(self) -> None:
        """See `PoseWriter`."""
        self._parts: list[dict[str, np.ndarray]] = []

    def close(self, is_complete: bool) -> None:
        """See `PoseWriter`."""
        if not is_complete:
            return
        arrays = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        arrays["attributes"] = np.array(json.dumps(self.header))
        with self.path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def add(self, rows: PoseRows) -> None:
        """See `PoseWriter`."""
        columns = {"frame": np.array(rows.frame), "name": np.array(rows.name, np.str_), "time_s": np.array(rows.time_s)}
        if rows.expected_error_cm is not None:
            columns["expected_error_cm"] = rows.expected_error_cm
        self._parts.append({"pose_cm": rows.pose_cm, "confidence": rows.confidence, **columns})


WRITERS: dict[str, type[PoseWriter]] = {
    ".h5": Hdf5Writer,
    ".hdf5": Hdf5Writer,
    ".csv": CsvWriter,
    ".npz": NpzWriter,
    ".bvh": BvhWriter,
    ".zip": ZipWriter,
}
"""Writers by the suffix of the file."""


def check_output(path: Path) -> None:
    """Check that poses can be written to a path.

    Raises:
        EgotapError: if it is a folder, does not end in the suffix of a format, or is an HDF5 file of something other
            than poses, such as a frame store.
    """
    if path.suffix.lower() not in WRITERS or path.is_dir():
        raise EgotapError(f"output={path}: must be a file that ends in one of: {', '.join(WRITERS)}")
    if WRITERS[path.suffix.lower()] is Hdf5Writer and _is_of_something_else(path):
        raise EgotapError(f"output={path}: is an HDF5 file of something else, which would be lost; give another name")


def _is_of_something_else(path: Path) -> bool:
    """Whether a path is a readable HDF5 file that does not contain poses of this program."""
    try:
        with h5py.File(path) as file:
            return bool(file.attrs.get("format") != FORMAT)
    except OSError:  # there is none, or it cannot be read
        return False


@contextmanager
def pose_writer(
    path: Path, origin: PoseOrigin, input_names: str, fps: float = DEFAULT_FPS, form: DeviceForm | None = None
) -> Iterator[PoseWriter]:
    """A writer for a file that appears under its name only if the block succeeds.

    Args:
        path: the file.
        origin: the joints of the poses, and their checkpoint.
        input_names: paths of the input, for the header.
        fps: frames per second of the input, for formats without a time for every frame.
        form: names of joints and axes in a zip of json files; None: the skeleton's names, the left camera's axes.

    Raises:
        EgotapError: see `check_output`.
    """
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        writer = WRITERS[path.suffix.lower()](temporary, origin, input_names, fps)
        if isinstance(writer, ZipWriter):
            writer.folder, writer.form = path.stem, form
        with writer:
            yield writer
