"""HDF5 files that somebody else made.

HDF5 follows external links, external storage and virtual datasets to any file that the user may read, loads filters
from shared libraries, makes room for whatever a dataset announces, and unpacks without end. Here a dataset is read only
if all its values lie in the file itself, and only after its size was compared with what the file really holds.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import HDF5_CHUNK_BYTES, HDF5_TEXTS, MIB

_KEPT_SIZE = frozenset({h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
"""Filters that do not change a chunk's size, a checksum apart."""
_CHECKSUM_BYTES = 4
_NUMBERS = "biuf"
_CELL = np.dtype([("length", "<u4"), ("heap", "<u8"), ("object", "<u4")])
"""How a value of variable length is stored: its length, and the address of a heap and a number of an object in it."""


class Hdf5File:
    """An HDF5 file, open for reading; a context manager.

    Args:
        path: the file.
        remedy: what the user can do about a bad file; messages end with it.
        max_bytes: that the file may have; None: any number.

    Raises:
        EgotapError: if the file is missing, truncated, too large, or not HDF5.
    """

    def __init__(self, path: Path, remedy: str, max_bytes: int | None = None) -> None:
        self.path, self.remedy = path, remedy
        if not path.is_file():  # a pipe could be read for ever
            raise self.bad("no such file")
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise self.bad(f"this file is larger than {max_bytes / MIB:g} MiB")
        try:
            # Best effort: some network and read-only file systems know no locks, and a finished file never changes.
            self._file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            if "truncated" in str(error):
                raise EgotapError(f"{path} is truncated: copy it again, or {remedy}") from error
            raise EgotapError(f"{path} cannot be read as an HDF5 file ({error}); {remedy}") from error

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def bad(self, what: str) -> EgotapError:
        """The error that says what is wrong with the file."""
        return EgotapError(f"{self.path}: {what}; {self.remedy}")

    def __contains__(self, name: str) -> bool:
        """Whether there is anything of that name at the top, which may be a link to nowhere."""
        return self._file.id.links.exists(name.encode())

    def attribute(self, name: str) -> str | int | None:
        """An attribute of the file that is one text or one whole number; None if there is no such attribute."""
        with self._reading(f"attribute {name!r}"):
            if not h5py.h5a.exists(self._file.id, name.encode()):
                return None
            attribute = h5py.h5a.open(self._file.id, name.encode())
            if attribute.shape != ():
                return None
            if h5py.check_string_dtype(attribute.dtype) is None and attribute.dtype.kind not in "iu":
                return None
            value = self._file.attrs[name]
            return value if isinstance(value, str) else int(value) if isinstance(value, np.integer) else None

    def dataset(self, name: str) -> h5py.Dataset:
        """A dataset to read by parts. Its values lie in this file, as they are, every one of them.

        Raises:
            EgotapError: if there is no such dataset; it is reached by a link; its values lie in another file, are
                compressed, in chunks of absurd size, or were announced and never written.
        """
        with self._reading(f"dataset {name!r}"):
            return self._checked(name, _KEPT_SIZE)

    def array(self, name: str, max_bytes: int, deflated: bool = False) -> np.ndarray:
        """A dataset of numbers, whole.

        Args:
            name: of the dataset.
            max_bytes: that it may take in memory.
            deflated: whether it may be compressed by deflate (gzip).

        Raises:
            EgotapError: as `dataset`, or if it is something else or larger than ``max_bytes``.
        """
        with self._reading(f"dataset {name!r}"):
            dataset = self._checked(name, _KEPT_SIZE | {h5py.h5z.FILTER_DEFLATE} if deflated else _KEPT_SIZE)
            if dataset.dtype.kind not in _NUMBERS:
                raise self.bad(f"dataset {name!r} is of type {dataset.dtype}, not of numbers")
            if dataset.nbytes > max_bytes:
                size = f"{dataset.nbytes / MIB:.0f} MiB, more than {max_bytes / MIB:g} MiB"
                raise self.bad(f"dataset {name!r} of shape {dataset.shape} takes {size}")
            return dataset[...]

    def texts(self, name: str, max_bytes: int) -> tuple[str, ...]:
        """A dataset that is a list of texts, or one text.

        Raises:
            EgotapError: as `dataset`, or if it is something else, or the texts take more than ``max_bytes``.
        """
        with self._reading(f"dataset {name!r}"):
            dataset = self._checked(name, _KEPT_SIZE)
            kind = h5py.check_string_dtype(dataset.dtype)
            if kind is None or kind.length is not None or len(dataset.shape) > 1:
                raise self.bad(f"dataset {name!r} is {dataset.dtype} of shape {dataset.shape}, not a list of texts")
            if dataset.size > HDF5_TEXTS:
                raise self.bad(f"dataset {name!r} has {dataset.size} texts, more than {HDF5_TEXTS}")
            check_cells(dataset, 0, dataset.size, max_bytes)
            return tuple(np.atleast_1d(dataset.asstr()[...]).tolist())

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
            raise self.bad(f"{what} is damaged ({error})") from error

    def _checked(self, name: str, filters: frozenset[int]) -> h5py.Dataset:
        at = self._file.id
        for part in name.encode().split(b"/"):
            if not isinstance(at, h5py.h5g.GroupID) or not at.links.exists(part):
                raise self.bad(f"no dataset {name!r} in the file")
            if at.links.get_info(part).type != h5py.h5l.TYPE_HARD:
                raise self.bad(f"{name!r} is a link, which is not followed")
            at = h5py.h5o.open(at, part)
        if not isinstance(at, h5py.h5d.DatasetID):
            raise self.bad(f"no dataset {name!r} in the file: {name!r} is something else")
        settings = at.get_create_plist()
        # before anything else: the shape of a virtual dataset may depend on the files that it consists of
        if settings.get_layout() == h5py.h5d.VIRTUAL or settings.get_external_count():
            raise self.bad(f"dataset {name!r} lies in another file, which is not followed")
        used = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
        if not filters.issuperset(used) or used.count(h5py.h5z.FILTER_DEFLATE) > 1:
            raise self.bad(f"dataset {name!r} is stored by filters that are not used here (numbers {used} of HDF5)")
        self._check_size(name, at, used)
        return h5py.Dataset(at)

    def _check_size(self, name: str, dataset: h5py.h5d.DatasetID, filters: list[int]) -> None:
        settings, item_bytes = dataset.get_create_plist(), dataset.get_type().get_size()
        if dataset.shape is None:
            raise self.bad(f"dataset {name!r} is empty")
        held = dataset.get_storage_size()
        if settings.get_layout() == h5py.h5d.CHUNKED:
            chunk_bytes = math.prod(settings.get_chunk()) * item_bytes
            if chunk_bytes > HDF5_CHUNK_BYTES:
                raise self.bad(f"dataset {name!r} has chunks of {settings.get_chunk()}: too large")
            if h5py.h5z.FILTER_DEFLATE in filters:
                held = _inflated_bytes(dataset, chunk_bytes, filters.index(h5py.h5z.FILTER_DEFLATE))
        if held < math.prod(dataset.shape) * item_bytes:
            raise self.bad(f"dataset {name!r} of shape {dataset.shape} is not all there: {held} bytes were written")


def check_cells(dataset: h5py.Dataset, first: int, count: int, max_bytes: int) -> None:
    """Refuse values of variable length that would take too much memory; HDF5 has no way to ask before reading.

    Any number of cells may refer to one value, so the values' sizes add up to more than the file's.

    Args:
        dataset: of texts or of arrays of bytes.
        first: the first cell, counted along all axes.
        count: of cells.
        max_bytes: that the values may have together.

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


def _inflated_bytes(dataset: h5py.h5d.DatasetID, chunk_bytes: int, place: int) -> int:
    """Bytes of all chunks after unpacking; HDF5 unpacks on and on, whatever size a chunk should have."""
    most = chunk_bytes + _CHECKSUM_BYTES
    for number in range(dataset.get_num_chunks()):
        chunk = dataset.get_chunk_info(number)
        if chunk.size > most + most // 100 + 1024:  # deflate adds a little to what cannot be compressed
            raise ValueError(f"chunk {number} takes {chunk.size} bytes, more than the {chunk_bytes} of a chunk")
        if chunk.filter_mask >> place & 1:  # left as it was
            continue
        _, packed = dataset.read_direct_chunk(chunk.chunk_offset)
        if len(zlib.decompressobj().decompress(packed, most + 1)) > most:
            raise ValueError(f"chunk {number} unpacks to more than the {chunk_bytes} bytes of a chunk")
    return dataset.get_num_chunks() * chunk_bytes
