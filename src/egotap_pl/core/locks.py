"""File locks between jobs, on one machine or on a disk that several share."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

REMIND_S = 600.0
"""Seconds between two messages about a job that waits."""
HOLDER = ".holder"
"""Ending of the file beside a lock file that says who holds the lock."""
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ESTALE}
_MAX_HOLDER_BYTES = 1000


@contextmanager
def held(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file ``path`` during the block. A job that dies releases its lock.

    On a disk without locks (some network disks), a file that exists while the lock is held takes its place. A job that
    dies on another machine leaves it behind; the message of whoever waits says so. In a read-only folder nothing is
    locked: what is there can be read, and nothing can be written.

    Args:
        path: the lock file; its folder must exist.
        on_wait: called with a sentence about the holder if another job holds the lock, and every `REMIND_S` again, to
            tell the user why nothing happens.
    """
    acquired = _acquired(path, on_wait)
    if acquired is None:
        yield
        return
    lock, file = acquired
    holder = file.with_name(file.name + HOLDER)
    with suppress(OSError):  # a full disk: nobody learns who holds the lock
        entry = {"host": socket.gethostname(), "process": os.getpid(), "since": _now()}
        job = os.environ.get("SLURM_JOB_ID")
        holder.write_text(json.dumps(entry | ({"job": job} if job else {})))
    try:
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _acquired(path: Path, on_wait: Callable[[str], None]) -> tuple[BaseFileLock, Path] | None:
    """The acquired lock, and its file; None if the folder is read-only."""
    try:
        return _acquire(FileLock(path), path, on_wait), path
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in _READ_ONLY and not os.access(path.parent, os.W_OK):
            return None
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
    file = path.with_name(path.name + ".soft")
    return _acquire(SoftFileLock(file), file, on_wait), file


def _acquire(lock: BaseFileLock, path: Path, on_wait: Callable[[str], None]) -> BaseFileLock:
    timeout = 0.0
    while True:
        try:
            lock.acquire(timeout=timeout)
            return lock
        except Timeout:
            on_wait(_who(path))
        timeout = REMIND_S


def _who(path: Path) -> str:
    """A sentence about the holder of a lock."""
    try:
        text = path.with_name(path.name + HOLDER).read_bytes()[:_MAX_HOLDER_BYTES].decode()
        values = json.loads(text)
        process, host, since = (str(values[key])[:80] for key in ("process", "host", "since"))
        job = f" (SLURM job {str(values['job'])[:80]})" if "job" in values else ""
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return f"another process holds {path}"
    words = f"process {process} on {host}{job} has held {path} since {since}"
    words = "".join(character if character.isprintable() else "?" for character in words)
    return words if host == socket.gethostname() else f"{words}; if it has ended, delete that file"


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
