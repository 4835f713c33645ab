"""Writes HDF5 files whose datasets have checksums; `egotap_pl.core.hdf5` reads them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from egotap_pl.core.hdf5 import CRC32, crc32_of
from egotap_pl.core.hdf5_disks import divert

TEXT = h5py.string_dtype("utf-8")
"""Texts of any length."""
_CHUNK_BYTES = 2**16
_EFFORT = 1  # of zlib, 1 to 9: more takes longer and saves little
_held: dict[str, list[h5py.Dataset]] = {}
"""Datasets of the files that are being written, by the names of the files."""


@contextmanager
def new_file(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file, open for writing until the block ends.

    If the block or the disk fails, what HDF5 has yet to write goes to memory: otherwise it would try to write it until
    the process ends, with an error message for each object, or a crash. For the same reason, datasets stay open until
    then: HDF5 writes when one is closed, where an error cannot be raised.

    Args:
        path: the file.

    Raises:
        OSError: if the disk fails.
    """
    file = h5py.File(path, "w")
    held = _held.setdefault(file.filename, [])
    try:
        yield file
        file.flush()
    except BaseException:
        with suppress(Exception):
            divert(file.id.get_vfd_handle())
        held.clear()
        with suppress(Exception):
            file.close()
        raise
    finally:
        _held.pop(str(path), None)
    held.clear()
    file.close()


def create_numbers(file: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any, **options: Any) -> h5py.Dataset:
    """Make an empty dataset of numbers whose checksums HDF5 compares when it is read.

    Args:
        file: the open file.
        name: name of the dataset.
        shape: its shape.
        dtype: its type.
        options: of h5py's ``create_dataset``.
    """
    if 0 in shape:  # nothing to check, and HDF5 allows no chunks
        return hold(file.create_dataset(name, shape, dtype, **options))
    row_bytes = max(math.prod(shape[1:]) * np.dtype(dtype).itemsize, 1)
    chunk = (min(max(_CHUNK_BYTES // row_bytes, 1), shape[0]), *shape[1:])
    return hold(file.create_dataset(name, shape, dtype, **{"chunks": chunk, **options}, fletcher32=True))


def hold(dataset: h5py.Dataset) -> h5py.Dataset:
    """Keep a dataset of a `new_file` open; see there."""
    _held.get(dataset.file.filename, []).append(dataset)
    return dataset


def write_numbers(file: h5py.Group, name: str, values: np.ndarray) -> None:
    """Write a dataset of numbers with checksums.

    Args:
        file: the open file.
        name: name of the dataset.
        values: its values.
    """
    create_numbers(file, name, values.shape, values.dtype)[...] = values


def write_texts(file: h5py.Group, name: str, texts: Sequence[str] | str) -> None:
    """Write a list of texts, or a single text, with a checksum.

    Args:
        file: the open file.
        name: name of the dataset.
        texts: the texts.
    """
    shape = () if isinstance(texts, str) else (len(texts),)
    dataset = hold(
        file.create_dataset(name, data=texts if isinstance(texts, str) else list(texts), dtype=TEXT, shape=shape)
    )
    dataset.attrs[CRC32] = np.uint32(crc32_of((texts,) if isinstance(texts, str) else texts))


def create_deflated(file: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
    """Make an empty dataset for `write_deflated`; any program that reads HDF5 reads it.

    Args:
        file: the open file.
        name: name of the dataset.
        shape: its shape.
        dtype: its type.
    """
    options: dict[str, Any] = {"chunks": (1, *shape[1:]), "compression": "gzip"} if shape[0] else {}
    return hold(file.create_dataset(name, shape, dtype, **options))


def write_deflated(dataset: h5py.Dataset, row: int, values: np.ndarray) -> None:
    """Pack consecutive rows.

    Args:
        dataset: a dataset of `create_deflated`.
        row: the first of the rows.
        values: their values.
    """
    for number, value in enumerate(np.ascontiguousarray(values, dataset.dtype), row):
        packed = zlib.compress(value.tobytes(), _EFFORT)
        dataset.id.write_direct_chunk((number, *(0 for _ in value.shape)), packed)
