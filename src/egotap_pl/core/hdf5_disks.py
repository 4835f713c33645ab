"""What becomes of open HDF5 files whose disks fail: HDF5 would try to reach them until the process ends."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from weakref import WeakSet

import h5py


class OpenFile:
    """An HDF5 file that is open for reading, known to `leave_failed_disks`.

    Args:
        file: the file.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        _open_files.add(self)

    @property
    def is_open(self) -> bool:
        """Whether the file can be read: it was not closed, and its disk has not failed."""
        return bool(self._file)

    @property
    def handle(self) -> int:
        """The operating system's number of the open file."""
        return int(self._file.id.get_vfd_handle())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_open_files: WeakSet[OpenFile] = WeakSet()
"""The files that are open for reading, and some that were."""


def leave_failed_disks() -> None:
    """Close the files that are open for reading and whose disks fail. HDF5 would otherwise print that it cannot."""
    for file in tuple(_open_files):
        if file.is_open:
            try:
                os.fstat(file.handle)
            except OSError:
                abandon(file)


def abandon(file: OpenFile) -> None:
    """Close a file whose disk fails. HDF5 would otherwise try to until the process ends.

    HDF5 opens a file once, however often it is asked to: all of these are closed.
    """
    same = [other for other in tuple(_open_files) if other.is_open and other.handle == file.handle]
    divert(file.handle)
    for other in same:
        with suppress(Exception):
            other.close()


def divert(handle: int) -> None:
    """Let everything that HDF5 has yet to do with an open file go to memory."""
    with suppress(Exception):
        elsewhere = os.memfd_create("unwritten") if hasattr(os, "memfd_create") else _temporary()
        os.dup2(elsewhere, handle)
        os.close(elsewhere)


def _temporary() -> int:
    descriptor, name = tempfile.mkstemp()
    os.unlink(name)
    return descriptor
