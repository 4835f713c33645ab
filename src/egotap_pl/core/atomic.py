"""Files that appear under their name only when they are whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SUFFIX = ".unfinished"


@contextmanager
def atomic(path: Path, durable: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends well and removed when it does not.

    A process killed inside the block leaves the temporary file, which ends in `SUFFIX`; ``path`` is never half written.

    Args:
        path: the file to be.
        durable: whether a power failure right after must not cost the content. Waiting for the disk takes a large
            part of a second on some machines, too much for each of many files that can be made again.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{SUFFIX}")
    try:
        yield temporary
        if durable:
            _to_disk(temporary)
        temporary.replace(path)
        if durable:
            _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file that can be made again, so that nobody waits for the disk."""
    with atomic(path, durable=False) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON, likewise."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def _to_disk(path: Path) -> None:
    """Without this, a power failure after the rename may leave the name without the content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
