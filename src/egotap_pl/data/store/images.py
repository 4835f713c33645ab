"""The images of a frame store, which each process reads for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8, UInt32
from torch import Tensor

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import Damaged
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.hdf5_checks import check_chunks
from egotap_pl.core.hdf5_own import OwnHdf5File
from egotap_pl.core.limits import STORE_LABEL_BYTES
from egotap_pl.data.store.codec import IMAGES_CRC32, Codec, crc32_of

REMEDY = "prepare the data set again (`egotap prepare` with overwrite=true), or correct the path"


class StoredImages:
    """The dataset ``images`` of a store's file. Every process opens the file for itself, on its first read.

    Args:
        path: the store's file.
        codec: the images' codec.
        frames: number of frames.
        image_px: height and width of the images.
    """

    def __init__(self, path: Path, codec: Codec, frames: int, image_px: int) -> None:
        self.path, self.codec, self.frames, self.image_px = path, codec, frames, image_px
        self._own = OwnHdf5File(path, REMEDY)
        self._checksums: np.ndarray | None = None
        self._checksums_of: Hdf5File | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_checksums": None, "_checksums_of": None}

    def read(self, rows: Sequence[int]) -> UInt8[Tensor, "b v 3 h w"]:
        """Decoded images, in any order.

        Raises:
            Damaged: if an image is damaged; the message names its frame.
        """
        file, checksums = self._open()
        dataset = file.dataset("images")
        out = self._empty(len(rows))
        for frame, row in zip(out, rows, strict=True):
            with self._naming(file, row):
                self.codec.read(dataset, row, frame, None if checksums is None else checksums[row])
        return torch.from_numpy(out)

    def stored(self, start: int, stop: int) -> np.ndarray:
        """Consecutive rows as the codec stored them.

        Args:
            start: the first row.
            stop: the row after the last.

        Raises:
            EgotapError: if they are damaged.
        """
        file, checksums = self._open()
        with file.reading("dataset 'images'"):
            dataset = file.dataset("images")
            check_chunks(dataset, start, stop)
            stored: np.ndarray = dataset[start:stop]
            if checksums is not None and (crc32_of(stored) != checksums[start:stop]).any():
                raise OSError("the checksum of an image is wrong")
        return stored

    def damaged(self, advance: Callable[[int], None] = lambda _: None) -> Iterator[tuple[int, Damaged]]:
        """Reads all images and compares their checksums. Images without a checksum are decoded.

        Args:
            advance: called with a number of frames that have been checked.

        Yields:
            The row of every frame whose images are damaged, with the error.
        """
        file, checksums = self._open()
        dataset = file.dataset("images")
        (out,) = self._empty(1)
        for row in range(self.frames):
            try:
                with self._naming(file, row):
                    self.codec.check(dataset, row, out, None if checksums is None else checksums[row])
            except Damaged as error:
                yield row, error
            advance(1)
        self.close()

    def close(self) -> None:
        """Closes the file. The next read opens it again."""
        self._own.close()

    def _empty(self, frames: int) -> UInt8[np.ndarray, "b v 3 h w"]:
        return np.empty((frames, NUM_VIEWS, 3, self.image_px, self.image_px), np.uint8)

    @contextmanager
    def _naming(self, file: Hdf5File, row: int) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:  # HDF5 raises the last two for damaged structures
            file.raise_if_disk_fails(error)
            raise Damaged(f"{self.path}: the image of frame {row} is damaged ({error}); {REMEDY}") from error

    def _open(self) -> tuple[Hdf5File, UInt32[np.ndarray, "n v"] | None]:
        """The open file, and its checksums of images; None: the store has none, or HDF5 compares its own."""
        file = self._own.open()
        if file is not self._checksums_of:
            checksums = file.array(IMAGES_CRC32, STORE_LABEL_BYTES) if IMAGES_CRC32 in file else None
            if checksums is not None and (checksums.shape != (self.frames, NUM_VIEWS) or checksums.dtype != np.uint32):
                raise file.bad(f"wrong shape or type of {IMAGES_CRC32}")
            self._checksums, self._checksums_of = checksums, file
        return file, self._checksums
