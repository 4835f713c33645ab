"""The interface of motion sources, and what they share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from egotap_pl.synth.figure import Clip

FPS = 30.0
"""Frames per second of every clip, from any source."""


@runtime_checkable
class MotionSource(Protocol):
    """Motions by name. A name always means the same motion, so that splits by name never overlap."""

    def identity(self) -> dict[str, Any]:
        """What determines all names, categories and clips, as JSON: settings, version of the code, contents of files.

        It contains neither paths nor times.
        """
        ...

    def motions(self) -> Sequence[str]:
        """Names of all motions in a fixed order, e.g. ``procedural/boxing/0007``."""
        ...

    def category(self, name: str) -> str:
        """Category of a motion, one of `egotap_pl.core.categories.CATEGORIES`.

        Raises:
            KeyError: if the source has no such motion.
        """
        ...

    def clip(self, name: str, seed: int) -> Clip:
        """A motion, the same for the same name and seed; the seed varies style, speed and amplitude.

        Raises:
            KeyError: if the source has no such motion.
        """
        ...


@runtime_checkable
class Measured(Protocol):
    """Motions whose lengths may be known without making them. A motion source need not be one."""

    def most_frames(self, name: str, seed: int) -> int | None:
        """How many frames `MotionSource.clip` has at most; None if that is not known.

        Raises:
            KeyError: if the source has no such motion.
        """
        ...


def generator(*identity: object) -> np.random.Generator:
    """A random generator that depends on ``identity`` only, the same on any machine and in any process."""
    digest = hashlib.sha256("/".join(map(str, identity)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
