"""What to do about errors of the operating system that a user can mend, most of them of disks."""

from __future__ import annotations

import errno
import os

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
    errno.ETIMEDOUT: f"a network disk does not answer; mount it again, {_AGAIN}",
    errno.EISDIR: "a folder has the name of a file; move it away",
    errno.ENOTDIR: "part of the path is a file and not a folder",
    errno.EMFILE: "allow more open files with ulimit -n 4096, or use fewer workers",
}


def explained(error: OSError) -> str | None:
    """A message for an error of the operating system, with the path and what to do; None if a user cannot mend it.

    >>> explained(OSError(errno.ENOSPC, "", "runs/a/metrics.json"))
    'runs/a/metrics.json: no space left on device; make room, then run the same command again: it resumes'
    """
    advice = _ADVICE.get(error.errno or 0)
    if advice is None:
        return None
    place = f"{error.filename}: {os.strerror(error.errno or 0).lower()}" if error.filename else str(error)
    return f"{place}; {advice}"
