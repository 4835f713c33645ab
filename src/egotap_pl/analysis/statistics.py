"""Means with 95% intervals: over seeds (Student's t) and over motions (bootstrap).

Frames of a motion resemble each other, and so do joints of a frame. Intervals that take them as independent would be
several times too narrow. So the bootstrap draws whole motions, with all their frames (cluster bootstrap). Its intervals
are SciPy's BCa intervals, for tables and figures alike.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

CONFIDENCE = 0.95
"""Of all intervals."""
RESAMPLES = 9999
"""Draws of a bootstrap."""
FEW_MOTIONS = 10
"""Over fewer, intervals are clearly too narrow."""
_BATCH = 100  # draws at a time: few enough for the processor's cache
_DECIMALS = 12  # draws of the same clusters must tie, whatever the rounding errors of their sums


class Interval(NamedTuple):
    """A mean with its 95% interval."""

    mean: float
    """Mean of the values."""
    low: float
    """Lower end; NaN where the values do not give an interval, such as a single seed."""
    high: float
    """Upper end; NaN likewise."""
    n: int
    """Number of values, or of clusters of values, behind it."""


class Clusters(NamedTuple):
    """Values per seed and frame, summed over the frames of each motion."""

    sums: Float[np.ndarray, "s m"]
    """Sum of each seed (s) over each motion (m)."""
    counts: Int[np.ndarray, "m"]
    """Number of frames of each motion."""

    @property
    def mean(self) -> float:
        """Mean over frames and seeds, all counting equally."""
        return float(self.sums.sum() / (len(self.sums) * self.counts.sum()))


class GroupMeans(NamedTuple):
    """Means of k groups of samples, with 95% intervals over clusters."""

    mean: Float[np.ndarray, "k"]
    """Mean of each group; NaN for a group without samples."""
    low: Float[np.ndarray, "k"]
    """Lower end of each interval; NaN where a group has samples in fewer than two clusters."""
    high: Float[np.ndarray, "k"]
    """Upper end of each interval; NaN likewise."""
    samples: Int[np.ndarray, "k"]
    """Number of samples in each group."""


def seeds_interval(values: Sequence[float]) -> Interval:
    """Mean over seeds with Student's t interval: what to expect of other seeds.

    Raises:
        ValueError: if there are no values.

    Examples:
        >>> mean, low, high, n = seeds_interval([54.0, 55.0, 56.0])
        >>> f"{mean:.1f} [{low:.1f}, {high:.1f}] over {n} seeds"
        '55.0 [52.5, 57.5] over 3 seeds'
    """
    if not len(values):
        raise ValueError("no values to take the mean of")
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half, n)


def numbered(names: Sequence[str]) -> Int[np.ndarray, "n"]:
    """Each name's number among the different names in alphabetical order.

    Examples:
        >>> numbered(["walking", "dancing", "walking"])
        array([1, 0, 1])
    """
    return np.unique(np.asarray(names), return_inverse=True)[1].astype(np.int64)


def clustered(values: Float[np.ndarray, "s n"], motion: Sequence[str]) -> Clusters:
    """Values per seed (s) and frame (n), summed over the frames of each motion.

    Args:
        values: for example errors in mm, or differences of errors.
        motion: name of each frame's motion.

    Examples:
        >>> clustered(np.array([[1.0, 2.0, 6.0]]), ["a", "a", "b"])
        Clusters(sums=array([[3., 6.]]), counts=array([2, 1]))
    """
    codes = numbered(motion)
    counts = np.bincount(codes)
    return Clusters(np.stack([np.bincount(codes, seed, len(counts)) for seed in values]), counts)


def motions_interval(clusters: Clusters) -> Interval:
    """Mean over frames with its interval over motions: what to expect of the same networks on other motions.

    The seeds' values are averaged first. A single motion gives no interval.

    Examples:
        >>> errors_mm = np.array([[40.0, 50.0, 60.0, 70.0, 80.0, 90.0]])
        >>> mean, low, high, n = motions_interval(clustered(errors_mm, ["a", "a", "b", "b", "c", "c"]))
        >>> mean, low < mean < high, n
        (65.0, True, 3)
    """
    low, high = _mean_ends(clusters.sums.mean(0)[:, None], clusters.counts[:, None])
    return Interval(clusters.mean, float(low[0]), float(high[0]), len(clusters.counts))


def caveat(motions: int) -> str:
    """A sentence on intervals over few motions, after a space; empty for `FEW_MOTIONS` and more.

    Every draw of two motions has its mean between the two, which is where the mean of all motions is in about half of
    the cases.

    >>> caveat(2), caveat(10)
    (' There are only 2 motions: intervals over so few are too narrow.', '')
    """
    if motions >= FEW_MOTIONS:
        return ""
    if motions == 1:
        return " There is only 1 motion: that gives no interval over motions."
    return f" There are only {motions} motions: intervals over so few are too narrow."


def both_interval(motions: Interval, seeds: Interval) -> Interval:
    """A mean with the interval over motions and seeds together: what to expect of other seeds on other motions.

    The distances of both intervals from the mean are added as squares (Howe 1974, for the mean of a sum). The result is
    never narrower than either. Drawing from a few seeds again would be too narrow. ``n`` counts the seeds.

    Args:
        motions: of `motions_interval`.
        seeds: of `seeds_interval`.

    Examples:
        >>> both_interval(Interval(5.0, 2.0, 9.0, 100), Interval(5.0, 1.0, 8.0, 3))
        Interval(mean=5.0, low=0.0, high=10.0, n=3)
    """
    low = seeds.mean - math.hypot(motions.mean - motions.low, seeds.mean - seeds.low)
    high = seeds.mean + math.hypot(motions.high - motions.mean, seeds.high - seeds.mean)
    return Interval(seeds.mean, low, high, seeds.n)


def group_means(
    values: Float[np.ndarray, "m"], group: Int[np.ndarray, "m"], cluster: Int[np.ndarray, "m"], groups: int
) -> GroupMeans:
    """Mean of every group of samples, with its interval over clusters.

    A cluster without samples in a group says nothing about that group and is not drawn for it.

    Args:
        values: m samples.
        group: each sample's group, 0 to groups - 1; samples of a negative group are ignored.
        cluster: each sample's cluster, usually the number of its motion; 0 or more.
        groups: number of groups.

    Examples:
        >>> means = group_means(np.array([10.0, 20.0, 60.0]), np.array([0, 0, 1]), np.array([0, 1, 1]), groups=2)
        >>> means.mean, means.samples
        (array([15., 60.]), array([2, 1]))
    """
    kept = group >= 0
    values, group, cluster = values[kept].astype(np.float64), group[kept], cluster[kept]
    clusters = int(cluster.max(initial=0)) + 1
    cell = cluster * groups + group
    counts = np.bincount(cell, minlength=clusters * groups).reshape(clusters, groups)
    sums = np.bincount(cell, values, minlength=clusters * groups).reshape(clusters, groups).astype(np.float64)
    samples = counts.sum(0)
    mean = np.divide(sums.sum(0), samples, out=np.full(groups, np.nan), where=samples > 0)
    low, high = np.full((2, groups), np.nan)
    has_samples = counts > 0
    for pattern in np.unique(has_samples[:, samples > 0], axis=1).T:
        alike = np.flatnonzero((has_samples == pattern[:, None]).all(0))
        low[alike], high[alike] = _mean_ends(sums[np.ix_(pattern, alike)], counts[np.ix_(pattern, alike)])
    return GroupMeans(mean, low, high, samples)


def slope_interval(
    x: Float[np.ndarray, "m"], y: Float[np.ndarray, "m"], cluster: Int[np.ndarray, "m"]
) -> tuple[float, float]:
    """95% interval, over clusters, of the slope of the least-squares line of y on x; NaN for a single cluster.

    Args:
        x: m samples.
        y: m samples.
        cluster: each sample's cluster, 0 or more.
    """
    x, y = x.astype(np.float64) - x.mean(), y.astype(np.float64) - y.mean()
    products = np.stack((np.ones_like(x), x, y, x * x, x * y), -1)
    sums = np.zeros((int(cluster.max()) + 1, products.shape[1]))
    np.add.at(sums, cluster, products)
    low, high = _bootstrap(sums[sums[:, 0] > 0][..., None], _slope)
    return float(low[0]), float(high[0])


def _slope(sums: Float[np.ndarray, "b 5 k"]) -> Float[np.ndarray, "b k"]:
    n, x, y, xx, xy = np.moveaxis(sums, 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n * xy - x * y) / (n * xx - x * x)


def _mean_ends(
    sums: Float[np.ndarray, "c k"], counts: Int[np.ndarray, "c k"]
) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"]]:
    """The ends of the intervals of k means, given the sums and counts of c clusters that all have samples."""
    mean = sums.sum(0) / counts.sum(0)
    low, high = _bootstrap(np.stack((sums - mean * counts, counts), 1), lambda total: total[:, 0] / total[:, 1])
    return mean + low, mean + high


def _bootstrap(
    parts: Float[np.ndarray, "c p k"],
    statistic: Callable[[Float[np.ndarray, "b p k"]], Float[np.ndarray, "b k"]],
) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"]]:
    """The ends of the BCa intervals of k statistics, with the same draws for all of them and in every call.

    SciPy draws the clusters and makes the interval. The sums over a draw are computed here, as a matrix product with
    how often each cluster was drawn: with many clusters this is far faster than picking and adding up their values.

    Args:
        parts: p numbers of each cluster (c) for each statistic (k).
        statistic: computes the statistics from the sums of ``parts`` over b draws of clusters.
    """
    clusters, _, statistics = parts.shape
    if clusters < 2:
        return np.full(statistics, np.nan), np.full(statistics, np.nan)

    def of_drawn(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = drawn.reshape(-1, drawn.shape[-1])
        times = np.bincount((rows + clusters * np.arange(len(rows))[:, None]).ravel(), minlength=clusters * len(rows))
        sums = np.tensordot(times.reshape(len(rows), clusters).astype(np.float64), parts, 1)
        return statistic(sums).round(_DECIMALS).T.reshape(statistics, *drawn.shape[:-1])

    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # where all draws are equal: see below
        result: Any = stats.bootstrap(
            (np.arange(clusters),),
            of_drawn,
            n_resamples=RESAMPLES,
            batch=_BATCH,
            vectorized=True,
            confidence_level=CONFIDENCE,
            method="BCa",
            random_state=np.random.default_rng(0),
        )
    draws, (low, high) = result.bootstrap_distribution, result.confidence_interval
    is_certain = np.ptp(draws, -1) == 0
    return np.where(is_certain, draws[:, 0], low), np.where(is_certain, draws[:, 0], high)
