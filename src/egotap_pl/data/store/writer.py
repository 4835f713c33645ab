"""Writes frame stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Int

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5_writing import create_numbers, new_file, write_texts
from egotap_pl.data.source import Frames, SkippedFrame
from egotap_pl.data.store.fitting import check_frames
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.schema import (
    FIT_RESIDUAL,
    FORMAT,
    METADATA,
    NAMES,
    SCHEMA_VERSION,
    SKIPPED,
    StoreHeader,
    label_columns,
)

COPY_FRAMES = 64
"""Number of frames that are copied at once, so that memory does not grow with the store."""


@contextmanager
def write_store(path: Path, header: StoreHeader, frames: int, durable: bool = True) -> Iterator[StoreWriter]:
    """Opens a writer for a store. The file appears under its name when the block ends without an error.

    Args:
        path: file of the store.
        header: what the store says about all its frames.
        frames: number of frames that the block will append.
        durable: whether to flush the file to disk before it gets its name; see `egotap_pl.core.atomic.atomic`.

    Raises:
        ValueError: if the block appended another number of frames.
    """
    with atomic(path, durable) as temporary, new_file(temporary) as file:
        writer = StoreWriter(file, header, frames)
        yield writer
        writer.finish()


class StoreWriter:
    """Fills the datasets of a store in order; see `write_store`.

    Args:
        file: the open file.
        header: what the store says about all its frames.
        frames: number of frames that will be appended.
    """

    def __init__(self, file: h5py.File, header: StoreHeader, frames: int) -> None:
        self.file, self.header, self.frames = file, header, frames
        self.row = 0
        self.skipped: list[SkippedFrame] = []
        self.names: dict[str, dict[str, int]] = {column: {} for column in NAMES}
        header.codec.create(file, frames, header.image_px)
        for column, (dtype, shape) in label_columns(header.skeleton.num_joints).items():
            create_numbers(file, column, (frames, *shape), dtype)

    def append(self, frames: Frames) -> None:
        """Encodes and stores frames.

        Raises:
            EgotapError: if they do not fit the header or each other; see `egotap_pl.data.store.fitting.check_frames`.
        """
        header, count = self.header, len(frames.images)
        check_frames(frames, header.image_px, header.skeleton.num_joints, header.categories)
        if not count:  # nothing of the piece could be read
            self._advance(0, frames.skipped)
            return
        categories = {name: index for index, name in enumerate(header.categories)}
        rows = slice(self.row, self.row + count)
        for column in ("points2d_px", "pose_cm", "origin_cm", "visibility", "frame_number"):
            self.file[column][rows] = getattr(frames, column)
        self.file["category"][rows] = [categories[name] for name in frames.category]
        for column in NAMES:
            names = getattr(frames, column)
            self.file[column][rows] = self._number(column, names)
        if frames.fit_residual_px is not None:
            self._residuals()[rows] = frames.fit_residual_px
        header.codec.write(self.file["images"], self.row, frames.images)
        self._advance(count, frames.skipped)

    def append_store(self, part: FrameStore) -> None:
        """Copies all frames of another store with the same fingerprint, without decoding images.

        Raises:
            ValueError: if the fingerprint differs.
            EgotapError: if the store is damaged.
        """
        if part.fingerprint != self.header.fingerprint:
            raise ValueError(f"{part.path} has another fingerprint: it is of another source or codec")
        labels = part.labels
        for start in range(0, len(part), COPY_FRAMES):
            stop = min(start + COPY_FRAMES, len(part))
            rows = slice(self.row + start, self.row + stop)
            for column, values in labels.items():
                numbers = values[start:stop].numpy()
                self.file[column][rows] = (
                    self._number(column, part.names[column])[numbers] if column in NAMES else numbers
                )
            self.header.codec.write_stored(self.file["images"], rows.start, part.images.stored(start, stop))
        part.close()
        if (residual_px := part.fit_residual_px) is not None:
            self._residuals()[self.row : self.row + len(part)] = residual_px.numpy()
        self._advance(len(part), part.skipped)

    def finish(self) -> None:
        """Writes what is known only at the end.

        Raises:
            EgotapError: if two frames have the same motion and number.
            ValueError: if the number of frames differs from the announced one.
        """
        if self.row != self.frames:
            raise ValueError(f"{self.row} frames were written, expected {self.frames}")
        self._check_unique()
        for column, names in self.names.items():
            write_texts(self.file, f"names/{column}", list(names))
        if self.skipped:
            write_texts(self.file, SKIPPED, [frame.to_json() for frame in self.skipped])
        header = replace(self.header, skipped=sum(frame.frames for frame in self.skipped))
        write_texts(self.file, METADATA, header.to_json())
        self.file.attrs["format"] = FORMAT
        self.file.attrs["version"] = SCHEMA_VERSION

    def _check_unique(self) -> None:
        motion, number = self.file["motion"][...], self.file["frame_number"][...]
        order = np.lexsort((number, motion))
        twice = (np.diff(motion[order]) == 0) & (np.diff(number[order]) == 0)
        if twice.any():
            row = order[int(twice.argmax())]
            name = list(self.names["motion"])[motion[row]]
            raise EgotapError(
                f"{self.header.split}: motion {name!r} has frame_number {number[row]} in two pieces: it must be unique "
                "in a motion. Correct read() of the source, and raise the version in its identity()"
            )

    def _residuals(self) -> h5py.Dataset:
        if FIT_RESIDUAL not in self.file:
            create_numbers(self.file, FIT_RESIDUAL, (self.frames,), np.float32, fillvalue=np.nan)
        return self.file[FIT_RESIDUAL]

    def _number(self, column: str, names: Sequence[str]) -> Int[np.ndarray, "name"]:
        """The numbers of names, which are numbered in the order of their first appearance."""
        numbers = self.names[column]
        return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)

    def _advance(self, count: int, skipped: Sequence[SkippedFrame]) -> None:
        self.row += count
        self.skipped += skipped
