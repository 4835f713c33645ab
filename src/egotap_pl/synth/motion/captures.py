"""Motions that people made, from files: what every format has in common."""

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
from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.figure import Clip
from egotap_pl.synth.motion.retarget import captured_clip


def check_categories(chosen: Mapping[str, str]) -> None:
    """Refuse categories that there are not.

    Args:
        chosen: by what they are given for.

    Raises:
        EgotapError: if one is unknown.
    """
    for what, category in chosen.items():
        if category not in CATEGORIES:
            raise EgotapError(f"{category!r}, given for {what!r}, is no motion category: {', '.join(CATEGORIES)}")


class CapturedMotions(ABC):
    """A motion for each file.

    Args:
        files: by the motion's name, in their order.
        category: of each motion.
    """

    format: ClassVar[str]
    """Name of the files' format; names of motions begin with it."""
    version: ClassVar[int]
    """Goes up whenever the same files would give other clips: by reading, retargeting or varying them."""

    def __init__(self, files: Mapping[str, Path], category: Mapping[str, str]) -> None:
        self._files, self._category = files, category

    @abstractmethod
    def read(self, path: Path) -> tuple[Float[np.ndarray, "f"], Mapping[str, Float[Tensor, "f 3"]]]:
        """Times in seconds, and joints' places, named as retargeting wants them.

        Raises:
            EgotapError: if the file is damaged or not in the format; it is named.
        """

    def identity(self) -> dict[str, Any]:
        """Version of the reader, and a digest of the files."""
        return {"motions": self.format, "version": self.version, "digest": self._digest}

    @cached_property
    def _digest(self) -> str:
        """SHA-256 over names, categories and contents of the files."""
        digest = hashlib.sha256()
        for name, path in self._files.items():
            try:
                content = path.read_bytes()
            except OSError as error:
                raise EgotapError(f"{path}: cannot be read ({error.strerror})") from error
            digest.update(f"{name}\n{self._category[name]}\n{hashlib.sha256(content).hexdigest()}\n".encode())
        return digest.hexdigest()

    def motions(self) -> Sequence[str]:
        """Names, in the order of the files."""
        return tuple(self._files)

    def category(self, name: str) -> str:
        """See `MotionSource`."""
        return self._category[name]

    def clip(self, name: str, seed: int) -> Clip:
        """The motion of a file.

        Raises:
            EgotapError: see `read`.
        """
        times, points = self.read(self._files[name])
        return captured_clip(points, times, self._category[name], name, seed)
