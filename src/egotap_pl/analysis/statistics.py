"""How sure a number is: intervals over seeds (Student's t) and over motions (bootstrap)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9999
_BATCH = 1000  # resamples at a time: bounds the memory, whatever the number of motions


class Interval(NamedTuple):
    """A mean with its 95% interval.

    Fields:
        mean: of what was measured.
        low: lower end; NaN where nothing can be said, as from a single seed.
        high: upper end; likewise.
        n: how many values, or clusters of values, it is made of.
    """

    mean: float
    low: float
    high: float
    n: int


class Clusters(NamedTuple):
    """Values per frame, summed over the frames of each motion.

    Fields:
        sums: per seed and motion.
        counts: frames of each motion.
    """

    sums: Float[np.ndarray, "s m"]
    counts: Int[np.ndarray, "m"]

    @property
    def mean(self) -> float:
        """Over frames and seeds, each counting the same."""
        return float(self.sums.sum() / (len(self.sums) * self.counts.sum()))


def seeds_interval(values: Sequence[float]) -> Interval:
    """Mean over seeds, with Student's t interval: what to expect of other seeds.

    Raises:
        ValueError: if there is no value.
    """
    if not len(values):
        raise ValueError("no value to take the mean of")
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half, n)


def numbered(names: Sequence[str]) -> Int[np.ndarray, "n"]:
    """The number of each name among the different names."""
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def clustered(values: Float[np.ndarray, "s n"], motion: Sequence[str]) -> Clusters:
    """Sums of values per seed and frame over the frames of each motion."""
    codes = numbered(motion)
    counts = np.bincount(codes)
    return Clusters(np.stack([np.bincount(codes, seed, len(counts)) for seed in values]), counts)


def motions_interval(clusters: Clusters) -> Interval:
    """Mean over frames, with the bootstrap interval over motions: what to expect of the same networks on other motions.

    Frames of one motion resemble each other, so motions are drawn, with all of their frames (cluster bootstrap, BCa).
    The seeds' values are averaged first.
    """
    mean, motions = clusters.mean, len(clusters.counts)
    sums, counts = clusters.sums.mean(0), clusters.counts
    if motions == 1:
        return Interval(mean, math.nan, math.nan, 1)
    if np.ptp(sums - mean * counts) <= 1e-9 * (
        1 + abs(mean)
    ):  # every motion has the same mean: nothing to be unsure of
        return Interval(mean, mean, mean, motions)
    found = stats.bootstrap(
        (sums, counts),
        _ratio,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        paired=True,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="BCa",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), motions)


def both_interval(motions: Interval, seeds: Interval) -> Interval:
    """A mean with the interval over motions and seeds at once: what to expect of other seeds on other motions.

    The two intervals' distances from the mean are added as squares (Howe 1974, for the mean of a sum): never narrower
    than either, and honest about few seeds, which drawing from them again would not be. ``n`` counts the seeds.
    """
    low = seeds.mean - math.hypot(motions.mean - motions.low, seeds.mean - seeds.low)
    high = seeds.mean + math.hypot(motions.high - motions.mean, seeds.high - seeds.mean)
    return Interval(seeds.mean, low, high, seeds.n)


def _ratio(sums: np.ndarray, counts: np.ndarray, axis: int = -1) -> Any:
    return sums.sum(axis) / counts.sum(axis)
