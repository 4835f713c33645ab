"""Reads HDF5 files from strangers, and compares checksums; `egotap_pl.core.hdf5_writing` writes them.

HDF5 compares the checksum of a chunk (Fletcher-32) by itself, but has none for values of variable length: a list of
texts has its own, CRC-32, as an attribute. Files of earlier versions have neither.

HDF5 follows external links, external storage and virtual datasets to any file that the user may read, loads filters
from shared libraries, allocates whatever size a dataset declares, and decompresses without limit. Here a dataset is
read only if all its values are in the file itself, and only after its declared size was compared with the file.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from egotap_pl.core.disks import number_of, raise_if_disk_fails
from egotap_pl.core.errors import Damaged, EgotapError
from egotap_pl.core.hdf5_checks import check_cells, check_chunks
from egotap_pl.core.hdf5_deflated import DeflatedRows
from egotap_pl.core.hdf5_disks import OpenFile, abandon
from egotap_pl.core.hdf5_heaps import check_heaps_of_attributes
from egotap_pl.core.limits import HDF5_CHUNK_BYTES, HDF5_TEXTS, MIB

_PRESERVE_SIZE = frozenset({h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
"""Filters that do not change the size of a chunk, except for a checksum."""
_CHECKSUM_BYTES = 4
_NUMBERS = "biuf"
CRC32 = "crc32"
"""Name of the attribute with the checksum of texts."""


class Hdf5File(OpenFile):
    """An HDF5 file, open for reading; a context manager.

    Args:
        path: the file.
        remedy: what the user can do about a bad file, for the end of messages.
        max_bytes: largest size of the file; None: any size.

    Raises:
        EgotapError: if the file is missing, truncated, too large, or not HDF5.
    """

    def __init__(self, path: Path, remedy: str, max_bytes: int | None = None) -> None:
        self.path, self.remedy = path, remedy
        if not path.is_file():  # reading a pipe might never end
            raise EgotapError(f"{path}: no such file; {remedy}")
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise EgotapError(f"{path}: this file is larger than {max_bytes / MIB:g} MiB; {remedy}")
        try:
            # Best effort: some network and read-only file systems have no locks, and a finished file never changes.
            file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            raise_if_disk_fails(error, path)
            if "truncated" in str(error):
                raise Damaged(f"{path} is truncated: copy it again, or {remedy}") from error
            kind = Damaged if number_of(error) is None else EgotapError  # the latter: no permission, for example
            raise kind(f"{path} cannot be read as an HDF5 file ({error}); {remedy}") from error
        super().__init__(file)

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def raise_if_disk_fails(self, error: Exception) -> None:
        """Close the file if an error in reading it says that its disk fails, and not that it is damaged.

        Raises:
            OSError: if the disk fails.
        """
        try:
            raise_if_disk_fails(error, self.path)
        except OSError:
            abandon(self)
            raise

    def bad(self, what: str) -> Damaged:
        """The error to raise; ``what`` is wrong with the file."""
        return Damaged(f"{self.path}: {what}; {self.remedy}")

    def __contains__(self, name: str) -> bool:
        """Whether the top group has a link of this name, even one that leads nowhere."""
        with self.reading("the top group"):
            return bool(self._file.id.links.exists(name.encode()))

    def attribute(self, name: str) -> str | int | None:
        """An attribute of the file that is a single text or whole number; None if there is no such attribute."""
        with self.reading(f"attribute {name!r}"):
            return _attribute(self._file, name)

    def dataset(self, name: str) -> h5py.Dataset:
        """A dataset to read in parts. All of its values are in this file, uncompressed.

        Raises:
            EgotapError: if there is no such dataset, it is reached by a link, or its values are in another file,
                compressed, in chunks of absurd size, or declared but never written.
        """
        with self.reading(f"dataset {name!r}"):
            return self._checked(name, _PRESERVE_SIZE)

    def deflated(self, name: str) -> DeflatedRows:
        """A dataset whose rows are compressed with deflate (gzip), one chunk each, to read row by row.

        Raises:
            EgotapError: if there is no such dataset, it is reached by a link, its values are in another file, or it is
                stored in another way.
        """
        with self.reading(f"dataset {name!r}"):
            dataset = self._located(name, frozenset({h5py.h5z.FILTER_DEFLATE}))
            rows = DeflatedRows(dataset)
            if not rows.fits or rows.row_bytes > HDF5_CHUNK_BYTES:
                raise self.bad(
                    f"dataset {name!r} of shape {dataset.shape} does not have a chunk of fair size for each row"
                )
            return rows

    def array(self, name: str, max_bytes: int, deflated: bool = False) -> np.ndarray:
        """All values of a dataset of numbers.

        Args:
            name: name of the dataset.
            max_bytes: largest size in memory.
            deflated: whether it may be compressed with deflate (gzip).

        Raises:
            EgotapError: see `dataset`; also if the values are not numbers, or larger than ``max_bytes``.
        """
        filters = _PRESERVE_SIZE | {h5py.h5z.FILTER_DEFLATE} if deflated else _PRESERVE_SIZE
        with self.reading(f"dataset {name!r}"):
            dataset = self._checked(name, filters)
            if dataset.dtype.kind not in _NUMBERS:
                raise self.bad(f"dataset {name!r} is of type {dataset.dtype}, expected numbers")
            if dataset.nbytes > max_bytes:
                size = f"{dataset.nbytes / MIB:.0f} MiB, more than {max_bytes / MIB:g} MiB"
                raise self.bad(f"dataset {name!r} of shape {dataset.shape} takes {size}")
            check_chunks(dataset, 0, len(dataset) if dataset.shape else 0)
            return dataset[...]

    def texts(self, name: str, max_bytes: int) -> tuple[str, ...]:
        """All values of a dataset that is a list of texts or a single text.

        Args:
            name: name of the dataset.
            max_bytes: largest size of all texts together.

        Raises:
            EgotapError: see `dataset`; also if the values are not texts, or larger than ``max_bytes``.
        """
        with self.reading(f"dataset {name!r}"):
            dataset = self._checked(name, _PRESERVE_SIZE)
            kind = h5py.check_string_dtype(dataset.dtype)
            if kind is None or kind.length is not None or len(dataset.shape) > 1:
                raise self.bad(
                    f"dataset {name!r} is {dataset.dtype} of shape {dataset.shape}, expected a list of texts"
                )
            if dataset.size > HDF5_TEXTS:
                raise self.bad(f"dataset {name!r} has {dataset.size} texts, more than {HDF5_TEXTS}")
            check_cells(dataset, 0, dataset.size, max_bytes)
            texts = tuple(np.atleast_1d(dataset.asstr()[...]).tolist())
            if (crc32 := _attribute(dataset, CRC32)) is not None and crc32 != crc32_of(texts):
                raise self.bad(f"dataset {name!r} is damaged (its checksum is wrong)")
            known: dict[str, str] = {}  # frames share few names: each is in memory once
            return tuple(known.setdefault(text, text) for text in texts)

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """What goes wrong in the block is damage of the file.

        Args:
            what: what is read, for the message.

        Raises:
            EgotapError: if the block raised an error of the kinds that HDF5 raises for damage.
            OSError: if the disk fails.
        """
        try:
            yield
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
            self.raise_if_disk_fails(error)
            raise self.bad(f"{what} is damaged ({error})") from error

    def _checked(self, name: str, filters: frozenset[int]) -> h5py.Dataset:
        dataset = self._located(name, filters)
        settings = dataset.id.get_create_plist()
        self._check_size(name, dataset.id, [settings.get_filter(k)[0] for k in range(settings.get_nfilters())])
        return dataset

    def _located(self, name: str, filters: frozenset[int]) -> h5py.Dataset:
        at = self._file.id
        for part in name.encode().split(b"/"):
            if not isinstance(at, h5py.h5g.GroupID) or not at.links.exists(part):
                raise self.bad(f"no dataset {name!r} in the file")
            if at.links.get_info(part).type != h5py.h5l.TYPE_HARD:
                raise self.bad(f"{name!r} is a link; links are not followed")
            at = h5py.h5o.open(at, part)
        if not isinstance(at, h5py.h5d.DatasetID):
            raise self.bad(f"no dataset {name!r} in the file: {name!r} is something else")
        settings = at.get_create_plist()
        # first, since even the shape of a virtual dataset may depend on other files
        if settings.get_layout() == h5py.h5d.VIRTUAL or settings.get_external_count():
            raise self.bad(f"dataset {name!r} is in another file, which is not read")
        used = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
        if not filters.issuperset(used) or used.count(h5py.h5z.FILTER_DEFLATE) > 1:
            raise self.bad(f"dataset {name!r} is stored with filters that are not allowed (HDF5's numbers {used})")
        if at.shape is None:
            raise self.bad(f"dataset {name!r} is empty")
        dataset, kind = h5py.Dataset(at), at.get_type()
        if kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT) and not kind.equal(h5py.h5t.py_create(dataset.dtype)):
            raise self.bad(f"dataset {name!r} has numbers of an unknown type, nearest to {dataset.dtype}")
        return dataset

    def _check_size(self, name: str, dataset: h5py.h5d.DatasetID, filters: list[int]) -> None:
        settings, item_bytes = dataset.get_create_plist(), dataset.get_type().get_size()
        stored_bytes = dataset.get_storage_size()
        if settings.get_layout() == h5py.h5d.CHUNKED:
            chunk_bytes = math.prod(settings.get_chunk()) * item_bytes
            if chunk_bytes > HDF5_CHUNK_BYTES:
                raise self.bad(f"dataset {name!r} has chunks of {settings.get_chunk()}: too large")
            if h5py.h5z.FILTER_DEFLATE in filters:
                stored_bytes = _inflated_bytes(dataset, chunk_bytes, filters.index(h5py.h5z.FILTER_DEFLATE))
        if stored_bytes < (expected := math.prod(dataset.shape) * item_bytes):
            raise self.bad(
                f"dataset {name!r} of shape {dataset.shape} is incomplete: {stored_bytes} of {expected} bytes were "
                "written"
            )


def crc32_of(texts: Sequence[str]) -> int:
    """The checksum of a list of texts."""
    return zlib.crc32("\0".join(texts).encode())


def _attribute(owner: h5py.HLObject, name: str) -> str | int | None:
    """See `Hdf5File.attribute`."""
    if not h5py.h5a.exists(owner.id, name.encode()):
        return None
    attribute = h5py.h5a.open(owner.id, name.encode())
    if attribute.shape != ():
        return None
    if h5py.check_string_dtype(attribute.dtype) is None and attribute.dtype.kind not in "iu":
        return None
    if attribute.dtype.kind == "O":
        check_heaps_of_attributes(owner)
    value = owner.attrs[name]
    return value if isinstance(value, str) else int(value) if isinstance(value, np.integer) else None


def _inflated_bytes(dataset: h5py.h5d.DatasetID, chunk_bytes: int, place: int) -> int:
    """Bytes of all chunks after decompression. HDF5 would decompress them to any size, whatever they should have."""
    most = chunk_bytes + _CHECKSUM_BYTES
    for number in range(dataset.get_num_chunks()):
        chunk = dataset.get_chunk_info(number)
        if chunk.size > most + most // 100 + 1024:  # deflate adds a little to what cannot be compressed
            raise ValueError(f"chunk {number} takes {chunk.size} bytes, more than the {chunk_bytes} of a chunk")
        if chunk.filter_mask >> place & 1:  # this chunk is not compressed
            continue
        _, packed = dataset.read_direct_chunk(chunk.chunk_offset)
        if len(zlib.decompressobj().decompress(packed, most + 1)) > most:
            raise ValueError(f"chunk {number} decompresses to more than the {chunk_bytes} bytes of a chunk")
    return dataset.get_num_chunks() * chunk_bytes
