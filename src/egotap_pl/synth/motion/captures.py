"""Motion capture from files: what all formats have in common."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import MIB
from egotap_pl.core.messages import say
from egotap_pl.synth.figure import Clip
from egotap_pl.synth.motion.retarget import captured_clip, clip_frames

_unused: set[tuple[str, ...]] = set()


def check_categories(category_of: Mapping[str, str]) -> None:
    """Check that categories exist.

    Args:
        category_of: category of each file, or of each group of files, by the name for messages.

    Raises:
        EgotapError: if a category is unknown.
    """
    for files, category in category_of.items():
        if category not in CATEGORIES:
            raise EgotapError(f"category {category!r} of {files!r} is unknown: must be one of: {', '.join(CATEGORIES)}")


def say_unused(keys: Sequence[str], message: str) -> None:
    """Say, once in a process, which keys of ``categories`` are of no file.

    Args:
        keys: the keys; none: nothing is said.
        message: what is said, before the first ten of them.
    """
    if keys and (message, *keys) not in _unused:
        _unused.add((message, *keys))
        say(f"{message} {', '.join(map(repr, keys[:10]))}{' ...' if len(keys) > 10 else ''}")


def check_file(path: Path, max_bytes: int) -> None:
    """Refuse what would be read for ever, or takes too much memory.

    Raises:
        EgotapError: if there is something other than a regular file of at most ``max_bytes``.
    """
    if path.exists() and not path.is_file():
        raise EgotapError(f"{path}: cannot be read (not a regular file)")
    if path.exists() and path.stat().st_size > max_bytes:
        raise EgotapError(f"{path}: larger than {max_bytes // MIB} MiB, so not a captured motion; cut it up")


class CapturedMotions(ABC):
    """One motion per file.

    Args:
        files: file of each motion, in the order of the motions.
        category: category of each motion.
    """

    format: ClassVar[str]
    """Name of the file format; names of motions begin with it."""
    version: ClassVar[int]
    """Increased whenever the same files would give other clips, because of reading, retargeting or variation."""
    max_bytes: ClassVar[int]
    """Largest size of a file."""

    def __init__(self, files: Mapping[str, Path], category: Mapping[str, str]) -> None:
        self._files, self._category = files, category
        self._seconds: dict[str, float | None] = {}

    @abstractmethod
    def read(self, path: Path) -> tuple[Float[np.ndarray, "f"], Mapping[str, Float[Tensor, "f 3"]]]:
        """Times in seconds, and positions of joints with the names of `retarget.REQUIRED` and `retarget.OPTIONAL`.

        Raises:
            EgotapError: if the file is damaged or not in the format; names the file.
        """

    def identity(self) -> dict[str, Any]:
        """Version of the reader, and a digest of the files.

        Raises:
            EgotapError: if a file cannot be read.
        """
        return {"motions": self.format, "version": self.version, "digest": self._digest}

    @cached_property
    def _digest(self) -> str:
        """SHA-256 of the names, categories and contents of the files."""
        digest = hashlib.sha256()
        for name, path in self._files.items():
            check_file(path, self.max_bytes)
            try:
                content = path.read_bytes()
            except OSError as error:
                raise_if_disk_fails(error, path)
                raise EgotapError(f"{path}: cannot be read ({error.strerror})") from error
            digest.update(f"{name}\n{self._category[name]}\n{hashlib.sha256(content).hexdigest()}\n".encode())
        return digest.hexdigest()

    def motions(self) -> Sequence[str]:
        """Names of the motions, in the order of the files."""
        return tuple(self._files)

    def category(self, name: str) -> str:
        """Category of a motion.

        Raises:
            KeyError: if there is no such motion.
        """
        return self._category[name]

    def seconds(self, path: Path) -> float | None:
        """How long the motion of a file is at most, if the beginning of the file says so."""
        return None

    def most_frames(self, name: str, seed: int) -> int | None:
        """How many frames `clip` has at most, without making it; None if that would take long.

        Raises:
            KeyError: if there is no such motion.
            EgotapError: if the beginning of the file is damaged; names the file.
        """
        if name not in self._seconds:
            self._seconds[name] = self.seconds(self._files[name])
        seconds = self._seconds[name]
        return None if seconds is None else clip_frames(seconds, name, seed)

    def clip(self, name: str, seed: int) -> Clip:
        """The motion of a file; the seed varies its speed and sometimes swaps its sides.

        Raises:
            KeyError: if there is no such motion.
            EgotapError: if the file is damaged or not in the format; names the file.
        """
        times, points = self.read(self._files[name])
        return captured_clip(points, times, self._category[name], name, seed)
