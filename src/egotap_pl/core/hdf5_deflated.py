"""Rows of a dataset that are compressed with deflate, unpacked here, to no more than their size.

HDF5 would decompress a chunk of a damaged or hostile file to any size. zlib compares each row with its checksum.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import h5py
import numpy as np


class DeflatedRows:
    """The rows of a dataset.

    Args:
        dataset: a dataset with no other filter than deflate.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        self.row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        self._id, self._rest = dataset.id, (0,) * (len(self.shape) - 1)
        self._chunks = dataset.chunks

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def fits(self) -> bool:
        """Whether there is a chunk for each row."""
        return len(self.shape) > 1 and self._chunks == (1, *self.shape[1:])

    def read(self, row: int, out: np.ndarray) -> None:
        """Unpack a row.

        Args:
            row: the row.
            out: array for its values, of the rows' shape and type.

        Raises:
            OSError: if it is not there or damaged, or would be larger than it should.
        """
        place = (row, *self._rest)
        chunk = self._id.get_chunk_info_by_coord(place)
        if chunk.byte_offset is None or chunk.filter_mask:
            raise OSError(f"row {row} is not in the file")
        if chunk.size > self.row_bytes + self.row_bytes // 100 + 1024:  # what cannot be compressed gets a little larger
            raise OSError(f"row {row} takes {chunk.size} bytes, more than {self.row_bytes}")
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(self._id.read_direct_chunk(place)[1], self.row_bytes + 1)
        except zlib.error as error:
            raise OSError(f"row {row}: {error}") from error
        if len(data) != self.row_bytes or not stream.eof:
            raise OSError(f"row {row} has {len(data)} bytes, not {self.row_bytes}")
        out[...] = np.frombuffer(data, self.dtype).reshape(out.shape)
