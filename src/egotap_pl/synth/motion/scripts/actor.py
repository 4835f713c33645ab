"""What a script gets to work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from egotap_pl.synth.motion.keyframes import KeyPose, Num, play
from egotap_pl.synth.motion.poses import pick
from egotap_pl.synth.motion.tracks import Tracks


@dataclass(frozen=True)
class Actor:
    """Randomness of one motion and the samples per (nominal) second: more samples make it slower.

    A script must draw the same numbers from ``rng`` whatever ``rate`` is.
    """

    rng: np.random.Generator
    rate: float

    def pick(self, low: Num, high: Num) -> float:
        """A number between two."""
        return pick(self.rng, low, high)

    def coin(self, chance: float = 0.5) -> bool:
        """True with the given chance."""
        return bool(self.rng.random() < chance)

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def play(self, keys: Sequence[tuple[Num, KeyPose]], seconds: float | None = None) -> Tracks:
        """Curves through key poses at given times."""
        return play(keys, self.rate, seconds)

    def play_steps(self, steps: Sequence[tuple[Num, KeyPose]]) -> Tracks:
        """Curves through key poses, each given with the seconds it takes to get there (the first one: 0)."""
        times = np.cumsum([float(wait) for wait, _ in steps])
        return play([(float(time), pose) for time, (_, pose) in zip(times, steps, strict=True)], self.rate)


Script = Callable[[Actor], Tracks]
"""Writes one random motion of a category."""
