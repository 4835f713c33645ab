"""Writes files that appear under their name only when they are complete, and names the file where a disk fails."""

from __future__ import annotations

import glob
import json
import os
import platform
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from egotap_pl.core.disks import number_of, raise_if_disk_fails

SUFFIX = ".unfinished"
"""Suffix of the temporary files that `atomic` writes."""
_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"
"""Part of the names of temporary files: on a shared disk, the same process number may be another machine's."""


@contextmanager
def at(path: Path) -> Iterator[None]:
    """Give ``path`` to errors of the disk in the block that name no file, and to those that only HDF5 raises.

    A full disk is noticed when a file's content is written, where Python no longer knows the file's name.

    Raises:
        OSError: the error, with the path.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        if (number := number_of(error)) is not None:
            raise OSError(number, os.strerror(number), str(path)) from error
        raise_if_disk_fails(error, path.parent)
        raise


@contextmanager
def atomic(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if the block succeeds, remove it otherwise.

    If the process is killed inside the block, or the disk fails, the temporary file stays, which ends in `SUFFIX`. The
    next durable write of ``path`` on this machine removes it. ``path`` itself is never half written.

    Args:
        path: the file to write.
        durable: whether the content must survive a power failure right after the block. On some machines this takes a
            large part of a second: too long for each of many files that can be written again.

    Raises:
        OSError: if the file cannot be written; the error has the path.
    """
    temporary = path.with_name(f".{path.name}.{_MACHINE}-{os.getpid()}{SUFFIX}")
    try:
        with at(path):
            if durable:
                _remove_leftovers(path)
            yield temporary
            if durable:
                _to_disk(temporary)
            temporary.replace(path)
            if durable:
                _to_disk(path.parent)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):  # a disk that has vanished, or is read-only
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, durable: bool = False) -> None:
    """Write a text file.

    Args:
        path: the file.
        text: its content.
        durable: see `atomic`. Most text files can be written again.
    """
    with atomic(path, durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, durable: bool = False) -> None:
    """Write a JSON file.

    Args:
        path: the file.
        content: plain containers.
        durable: see `write_text`.

    Raises:
        ValueError: if a number is not finite, which JSON cannot express.
    """
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n", durable)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of ``path`` whose processes, on this machine, have ended."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{_MACHINE}-*{SUFFIX}"):
        number = leftover.name.removesuffix(SUFFIX).rpartition("-")[2]
        if number.isdecimal() and not _is_running(int(number)):
            leftover.unlink(missing_ok=True)


def _is_running(number: int) -> bool:
    """Whether a process of this machine has a number."""
    try:
        os.kill(number, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _to_disk(path: Path) -> None:
    """Flush a file or folder to the disk. A power failure could otherwise keep the name but lose the content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
