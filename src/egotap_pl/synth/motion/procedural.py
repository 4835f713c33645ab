"""Procedural motions of all categories, from key poses, steps and gestures. They need neither files nor extras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.synth.figure import Clip
from egotap_pl.synth.motion.ground import grounded
from egotap_pl.synth.motion.mirror import mirrored
from egotap_pl.synth.motion.scripts import SCRIPTS
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.solver import solve, tensor
from egotap_pl.synth.motion.source import FPS, generator
from egotap_pl.synth.motion.upper import alive

VERSION = 1
"""Increased whenever the same name and seed would give another clip: scripts, poses, solver, variation."""


class ProceduralMotions:
    """Random motions, any number per category; each name is a different motion.

    Args:
        per_category: number of motions of each category.

    Raises:
        ValueError: if ``per_category`` is not positive.
    """

    def __init__(self, per_category: int = 40) -> None:
        if per_category < 1:
            raise ValueError(f"per_category must be at least 1, not {per_category}")
        self.per_category = per_category
        self._names = tuple(f"procedural/{c}/{i:04d}" for c in CATEGORIES for i in range(per_category))
        self._known = frozenset(self._names)

    def identity(self) -> dict[str, Any]:
        """Version of the scripts, and number of motions per category."""
        return {"motions": "procedural", "version": VERSION, "per_category": self.per_category}

    def motions(self) -> Sequence[str]:
        """Names of the motions, category by category."""
        return self._names

    def category(self, name: str) -> str:
        """Category of a motion, which is part of its name.

        Raises:
            KeyError: if there is no such motion.
        """
        if name not in self._known:
            raise KeyError(f"there is no procedural motion {name!r}")
        return name.split("/")[1]

    def clip(self, name: str, seed: int) -> Clip:
        """A motion; the seed varies its speed, its width and small movements, and sometimes swaps the sides.

        Raises:
            KeyError: if there is no such motion.
        """
        category = self.category(name)
        style = generator(name, seed)
        tempo = style.uniform(0.85, 1.2)
        tracks = SCRIPTS[category](Actor(generator(name), FPS / tempo))
        wide = style.uniform(0.92, 1.08)
        tracks = replace(tracks, hand=tracks.hand * np.array([wide, 1.0, wide]))
        tracks = alive(tracks, style, FPS, style.uniform(0.6, 1.3))
        rotations, root_cm = solve(tracks)
        root_cm = grounded(rotations, root_cm, tensor(tracks.lift_cm))
        clip = Clip(rotations=rotations, root_cm=root_cm, fps=FPS, category=category, name=name)
        return mirrored(clip) if style.random() < 0.5 else clip
