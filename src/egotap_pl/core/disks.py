"""What to do about errors of the operating system that a user can mend, most of them of disks."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

_AGAIN = "then run the same command again: it resumes"
_ADVICE = {
    errno.ENOSPC: f"make room, {_AGAIN}",
    errno.EFBIG: f"the disk or ulimit -f allows no files of this size; choose another disk or raise it, {_AGAIN}",
    errno.EDQUOT: f"your quota is used up: make room, {_AGAIN}",
    errno.EROFS: "choose a folder on another disk, e.g. with paths.work=DIR and paths.runs=DIR",
    errno.EACCES: "give access to it, or choose another folder, e.g. with paths.work=DIR and paths.runs=DIR",
    errno.EPERM: "give access to it, or choose another folder, e.g. with paths.work=DIR and paths.runs=DIR",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: f"the disk fails; use another one, {_AGAIN}",
    errno.ESTALE: f"a network disk has lost it; mount the disk again, {_AGAIN}",
    errno.ENOENT: f"if it was on a disk that has gone, mount the disk again, {_AGAIN}",
    errno.ENODEV: f"the disk has gone; mount it again, {_AGAIN}",
    errno.ENXIO: f"the disk has gone; mount it again, {_AGAIN}",
    errno.ENOTCONN: f"the disk has gone; mount it again, {_AGAIN}",
    errno.ECONNABORTED: f"the disk has gone; mount it again, {_AGAIN}",
    errno.EHOSTDOWN: f"a network disk does not answer; mount it again, {_AGAIN}",
    errno.ETIMEDOUT: f"a network disk does not answer; mount it again, {_AGAIN}",
    errno.EEXIST: "a file has the name of a folder; move it away, or choose another folder",
    errno.EISDIR: "a folder has the name of a file; move it away",
    errno.ENOTDIR: "part of the path is a file and not a folder",
    errno.EMFILE: "allow more open files with ulimit -n 4096, or use fewer workers",
}
_FAILING = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ENODEV,
        errno.ENXIO,
        errno.ENOTCONN,
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.ETIMEDOUT,
    }
)
_IN_TEXT = re.compile(r"\berrno = (\d+)")
"""How HDF5 names an error of the operating system."""


def number_of(error: BaseException) -> int | None:
    """The number of the operating system's error that an exception is about; None if it is about something else."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    match = _IN_TEXT.search(str(error))
    return int(match[1]) if match else None


def raise_if_disk_fails(error: BaseException, path: Path | str) -> None:
    """Tell a disk that fails, or has gone, from a damaged file: nothing is known about the file then.

    Args:
        error: what reading the file has raised.
        path: the file.

    Raises:
        OSError: if the disk fails.

    Examples:
        >>> raise_if_disk_fails(ValueError("no HDF5 file"), "train.h5")
        >>> raise_if_disk_fails(RuntimeError("cannot read (errno = 5, ...)"), "train.h5")
        Traceback (most recent call last):
        OSError: [Errno 5] Input/output error: 'train.h5'
    """
    number = number_of(error)
    if number is None:  # HDF5 does not always say it
        try:
            os.stat(path)
        except OSError as reason:
            number = reason.errno
    if number in _FAILING:
        raise OSError(number, os.strerror(number or 0), str(path)) from error


def explained(error: OSError) -> str | None:
    """A message for an error of the operating system, with the path and what to do; None if a user cannot mend it.

    >>> explained(OSError(errno.ENOSPC, "", "runs/a/metrics.json"))
    'runs/a/metrics.json: no space left on device; make room, then run the same command again: it resumes'
    """
    if (remedy := _ADVICE.get(error.errno or 0)) is None:
        return None
    place = f"{error.filename}: {os.strerror(error.errno or 0).lower()}" if error.filename else str(error)
    return f"{place}; {remedy}"
