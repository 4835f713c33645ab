"""Files of estimated poses: HDF5, CSV or NumPy's npz. docs/predict.md describes the formats."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import h5py
import numpy as np
from jaxtyping import Float32

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton

FORMAT = "egotap-poses"
VERSION = 1
Header: TypeAlias = "dict[str, str | int | list[str]]"
"""Attributes of a pose file: what its poses are and where they come from."""
_ROWS_PER_CHUNK = 256


@dataclass(frozen=True)
class PoseOrigin:
    """The joints of estimated poses, and the checkpoint that estimated them."""

    skeleton: Skeleton
    """The skeleton whose estimated joints the poses have."""

    checkpoint: str
    """File name of the checkpoint."""

    checkpoint_sha256: str
    """SHA-256 of that file."""

    experiment: str
    """Preset that the checkpoint was trained with."""

    dataset: str
    """Data set that the checkpoint was trained on. Poses are relative to its origin."""

    egotap_version: str
    """Version of egotap that estimated the poses."""

    def attributes(self) -> dict[str, str | list[str]]:
        """The attributes of a pose file's header."""
        rest = {name: value for name, value in asdict(self).items() if name != "skeleton"}
        return {
            "unit": "cm",
            "joints": list(self.skeleton.estimated_names),
            "skeleton": json.dumps(asdict(self.skeleton)),
            **rest,
        }


class PoseWriter:
    """Writes poses batch by batch; a context manager.

    Args:
        path: the file to write.
        origin: the joints of the poses, and their checkpoint.
        input_names: paths of the input, for the header.
    """

    def __init__(self, path: Path, origin: PoseOrigin, input_names: str) -> None:
        self.path, self.origin = path, origin
        self.header: Header = {"format": FORMAT, "version": VERSION, **origin.attributes(), "input": input_names}

    def __enter__(self) -> PoseWriter:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        raise NotImplementedError

    def append(
        self, pose_cm: Float32[np.ndarray, "n j 3"], frame: Sequence[int], name: Sequence[str], time_s: Sequence[float]
    ) -> None:
        """Add the poses of the next frames.

        Args:
            pose_cm: estimated joints, in the left camera's axes.
            frame: numbers of the frames in the input.
            name: names of the frames in the input; empty if they have none.
            time_s: times of the frames in a video; NaN in other inputs.
        """
        raise NotImplementedError


class Hdf5Writer(PoseWriter):
    """Writes HDF5 datasets that grow, so that a long video takes no memory."""

    def __enter__(self) -> Hdf5Writer:
        self._file = h5py.File(self.path, "w")
        self._file.attrs.update(self.header)
        joints = len(self.origin.skeleton.estimated)
        columns = {
            "pose_cm": ((joints, 3), np.float32),
            "frame": ((), np.int64),
            "name": ((), h5py.string_dtype()),
            "time_s": ((), np.float64),
        }
        for column, (shape, dtype) in columns.items():
            chunks = (_ROWS_PER_CHUNK, *shape)
            self._file.create_dataset(column, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunks)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def append(
        self, pose_cm: Float32[np.ndarray, "n j 3"], frame: Sequence[int], name: Sequence[str], time_s: Sequence[float]
    ) -> None:
        """See `PoseWriter`."""
        for column, values in {"pose_cm": pose_cm, "frame": frame, "name": name, "time_s": time_s}.items():
            dataset = self._file[column]
            dataset.resize(len(dataset) + len(pose_cm), axis=0)
            dataset[-len(pose_cm) :] = values if isinstance(values, np.ndarray) else list(values)


class CsvWriter(PoseWriter):
    """Writes a line per frame and a column per coordinate."""

    def __enter__(self) -> CsvWriter:
        self._file = self.path.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file, lineterminator="\n")
        joints = self.origin.skeleton.estimated_names
        self._rows.writerow(["frame", "name", "time_s", *(f"{joint}_{axis}_cm" for joint in joints for axis in "xyz")])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def append(
        self, pose_cm: Float32[np.ndarray, "n j 3"], frame: Sequence[int], name: Sequence[str], time_s: Sequence[float]
    ) -> None:
        """See `PoseWriter`."""
        for pose, number, title, seconds in zip(pose_cm, frame, name, time_s, strict=True):
            time = "" if np.isnan(seconds) else f"{seconds:.6f}"
            self._rows.writerow([number, title, time, *(f"{value:.4f}" for value in pose.reshape(-1))])


class NpzWriter(PoseWriter):
    """Writes the arrays of the HDF5 file, and its attributes as JSON. They stay in memory until the end."""

    def __enter__(self) -> NpzWriter:
        self._parts: list[dict[str, np.ndarray]] = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            return
        arrays = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        arrays["attributes"] = np.array(json.dumps(self.header))
        with self.path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def append(
        self, pose_cm: Float32[np.ndarray, "n j 3"], frame: Sequence[int], name: Sequence[str], time_s: Sequence[float]
    ) -> None:
        """See `PoseWriter`."""
        columns = {"frame": np.array(frame), "name": np.array(name, np.str_), "time_s": np.array(time_s)}
        self._parts.append({"pose_cm": pose_cm, **columns})


WRITERS = {".h5": Hdf5Writer, ".hdf5": Hdf5Writer, ".csv": CsvWriter, ".npz": NpzWriter}
"""Writers by the suffix of the file."""


def check_output(path: Path) -> None:
    """Check that poses can be written to a path.

    Raises:
        EgotapError: if it is a folder, or does not end in the suffix of a format.
    """
    if path.suffix.lower() not in WRITERS or path.is_dir():
        raise EgotapError(f"output={path}: must be a file that ends in one of: {', '.join(WRITERS)}")


@contextmanager
def pose_writer(path: Path, origin: PoseOrigin, input_names: str) -> Iterator[PoseWriter]:
    """A writer for a file that appears under its name only if the block succeeds.

    Args:
        path: the file.
        origin: the joints of the poses, and their checkpoint.
        input_names: paths of the input, for the header.

    Raises:
        EgotapError: see `check_output`.
    """
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary, WRITERS[path.suffix.lower()](temporary, origin, input_names) as writer:
        yield writer
