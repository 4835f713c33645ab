"""Checks of what HDF5 is about to read, or has read, of a dataset."""

from __future__ import annotations

import os

import h5py
import numpy as np

from egotap_pl.core.hdf5_heaps import objects_of_heap

_CELL = np.dtype([("length", "<u4"), ("heap", "<u8"), ("object", "<u4")])
"""How a value of variable length is stored: its length, the address of a heap, and the number of an object in it."""


def check_chunks(dataset: h5py.Dataset, first: int, stop: int) -> None:
    """Make sure that consecutive rows are in the file, with their checksums.

    A damaged index of chunks, which has no checksum of its own, can lack a chunk. HDF5 would answer with zeros.

    Args:
        dataset: the dataset.
        first: the first row.
        stop: the row after the last.

    Raises:
        OSError: if a row is not there, or its checksum is not used.
    """
    settings, shape = dataset.id.get_create_plist(), dataset.id.shape
    if settings.get_layout() != h5py.h5d.CHUNKED:
        return
    rows, *rest = settings.get_chunk()
    if tuple(rest) != shape[1:]:
        return
    for row in range(first, stop, rows):
        chunk = dataset.id.get_chunk_info_by_coord((row, *(0 for _ in rest)))
        if chunk.byte_offset is None or (chunk.filter_mask and dataset.compression is None):
            raise OSError(f"row {row} is not in the file")


def check_zeros(dataset: h5py.Dataset, row: int, values: np.ndarray) -> None:
    """Make sure that a row which HDF5 has read as zeros is in the file, and is what was stored.

    Its search through a damaged index can miss a chunk that `check_chunks` finds.

    Args:
        dataset: the dataset.
        row: the row.
        values: what was read.

    Raises:
        OSError: if it is not.
    """
    if values.any():
        return
    check_chunks(dataset, row, row + 1)
    if dataset.chunks == (1, *values.shape) and dataset.compression is None and not dataset.shuffle:
        _, stored = dataset.id.read_direct_chunk((row, *(0 for _ in values.shape)))
        if stored[: values.nbytes] != values.tobytes():
            raise OSError(f"row {row} is not where it should be in the file")


def check_cells(dataset: h5py.Dataset, first: int, count: int, max_bytes: int) -> None:
    """Refuse values of variable length that would take too much memory, or that are not where their cells say.

    Any number of cells may refer to the same value, so all values together can be larger than the file.

    Args:
        dataset: a dataset of texts or of arrays of bytes.
        first: number of the first cell, counted along all axes.
        count: number of cells.
        max_bytes: largest size of all values together.

    Raises:
        OSError: if they have more, or the cells cannot be read.
    """
    if not count:
        return
    file, start = h5py.h5i.get_file_id(dataset.id), dataset.id.get_offset()
    if start is None or file.get_create_plist().get_sizes() != (8, 8):
        raise OSError("its cells are not stored in one piece")
    stored = os.pread(file.get_vfd_handle(), count * _CELL.itemsize, start + first * _CELL.itemsize)
    cells = np.frombuffer(stored[: len(stored) // _CELL.itemsize * _CELL.itemsize], _CELL)
    if len(cells) != count:
        raise OSError("it ends before its last cell")
    if (total := int(cells["length"].sum(dtype=np.int64))) > max_bytes:
        raise OSError(f"{total} bytes, more than {max_bytes}")
    cells = cells[cells["length"] > 0]
    heaps = {address: objects_of_heap(file.get_vfd_handle(), address) for address in set(cells["heap"].tolist())}
    # HDF5 up to 1.14.2 at least ends the process where there is no such object.
    if any(number not in heaps[address] for _, address, number in cells.tolist()):
        raise OSError("a value is not in its heap")
