"""Estimated poses as files: HDF5, CSV or NumPy's npz. docs/predict.md tells the formats."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float32

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton

FORMAT = "egotap-poses"
VERSION = 1
_ROWS_PER_CHUNK = 256


@dataclass(frozen=True)
class PoseOrigin:
    """What poses are and where they come from.

    Fields:
        skeleton: whose estimated joints they have.
        checkpoint: file name of the checkpoint.
        checkpoint_sha256: of that file.
        experiment: preset that it was trained by.
        dataset: that it was trained on, and so what its poses are relative to.
        egotap_version: of the program.
    """

    skeleton: Skeleton
    checkpoint: str
    checkpoint_sha256: str
    experiment: str
    dataset: str
    egotap_version: str

    def attributes(self) -> dict[str, str | list[str]]:
        """For a file's head."""
        rest = {name: value for name, value in asdict(self).items() if name != "skeleton"}
        return {
            "unit": "cm",
            "joints": list(self.skeleton.estimated_names),
            "skeleton": json.dumps(asdict(self.skeleton)),
            **rest,
        }


class PoseWriter:
    """Takes poses batch by batch; a context manager.

    Args:
        path: the file to write.
        origin: what the poses are.
        given: what was looked at.
    """

    def __init__(self, path: Path, origin: PoseOrigin, given: str) -> None:
        self.path, self.origin = path, origin
        self.head: dict[str, Any] = {"format": FORMAT, "version": VERSION, **origin.attributes(), "input": given}

    def __enter__(self) -> PoseWriter:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        raise NotImplementedError

    def append(
        self, pose_cm: Float32[np.ndarray, "n j 3"], frame: Sequence[int], name: Sequence[str], time_s: Sequence[float]
    ) -> None:
        """Add poses of the next frames.

        Args:
            pose_cm: estimated joints, in the left camera's axes.
            frame: number in the input.
            name: in the input; empty where it has none.
            time_s: in a video; NaN elsewhere.
        """
        raise NotImplementedError


class Hdf5Writer(PoseWriter):
    """Datasets that grow: the poses of a long video need no memory."""

    def __enter__(self) -> Hdf5Writer:
        self._file = h5py.File(self.path, "w")
        self._file.attrs.update(self.head)
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
    """A line per frame, a column per coordinate."""

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
        for pose, number, called, seconds in zip(pose_cm, frame, name, time_s, strict=True):
            time = "" if np.isnan(seconds) else f"{seconds:.6f}"
            self._rows.writerow([number, called, time, *(f"{value:.4f}" for value in pose.reshape(-1))])


class NpzWriter(PoseWriter):
    """The arrays of the HDF5 file, whose head is one of them, as JSON; kept in memory until the end."""

    def __enter__(self) -> NpzWriter:
        self._parts: list[dict[str, np.ndarray]] = []
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            return
        arrays = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        arrays["attributes"] = np.array(json.dumps(self.head))
        with self.path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def append(
        self, pose_cm: Float32[np.ndarray, "n j 3"], frame: Sequence[int], name: Sequence[str], time_s: Sequence[float]
    ) -> None:
        """See `PoseWriter`."""
        columns = {"frame": np.array(frame), "name": np.array(name, np.str_), "time_s": np.array(time_s)}
        self._parts.append({"pose_cm": pose_cm, **columns})


WRITERS = {".h5": Hdf5Writer, ".hdf5": Hdf5Writer, ".csv": CsvWriter, ".npz": NpzWriter}
"""By the ending of the file's name."""


def check_output(path: Path) -> None:
    """Whether poses can be written to a path.

    Raises:
        EgotapError: if it is a folder, or its ending names none of the formats.
    """
    if path.suffix.lower() not in WRITERS or path.is_dir():
        raise EgotapError(f"output={path}: name a file that ends in {', '.join(WRITERS)}")


@contextmanager
def written_poses(path: Path, origin: PoseOrigin, given: str) -> Iterator[PoseWriter]:
    """A writer for a file that appears when the block ends well.

    Args:
        path: the file.
        origin: what the poses are.
        given: what was looked at.

    Raises:
        EgotapError: see `check_output`.
    """
    check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary, WRITERS[path.suffix.lower()](temporary, origin, given) as writer:
        yield writer
