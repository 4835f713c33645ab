"""The actor that performs a script: its random choices and its speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from egotap_pl.synth.motion.keyframes import KeyPose, Num, play
from egotap_pl.synth.motion.poses import pick
from egotap_pl.synth.motion.tracks import Tracks


@dataclass(frozen=True)
class Actor:
    """Random choices and speed of one motion.

    A script must draw the same numbers from ``rng`` for every ``rate``.
    """

    rng: np.random.Generator
    """Random generator of the motion."""
    rate: float
    """Samples per nominal second: the more samples, the slower the motion."""

    def pick(self, low: Num, high: Num) -> float:
        """A random number between two."""
        return pick(self.rng, low, high)

    def coin(self, chance: float = 0.5) -> bool:
        """True with the given probability."""
        return bool(self.rng.random() < chance)

    def whole(self, low: int, high: int) -> int:
        """A random whole number from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high + 1))

    def play(self, keys: Sequence[tuple[Num, KeyPose]], seconds: float | None = None) -> Tracks:
        """Curves through key poses with their times in seconds; by default they end with the last key."""
        return play(keys, self.rate, seconds)

    def play_steps(self, steps: Sequence[tuple[Num, KeyPose]]) -> Tracks:
        """Curves through key poses, each with the seconds that it takes to reach it (0 for the first one)."""
        times = np.cumsum([float(wait) for wait, _ in steps])
        return play([(float(time), pose) for time, (_, pose) in zip(times, steps, strict=True)], self.rate)


Script = Callable[[Actor], Tracks]
"""A function that writes one random motion of a category."""
