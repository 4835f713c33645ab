"""The content of a file as a short text."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 2**20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, read block by block.

    Args:
        path: the file.

    Raises:
        OSError: if it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
