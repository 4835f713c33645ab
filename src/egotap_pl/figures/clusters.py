"""Means and slopes with intervals for samples that come in clusters.

Joints of a frame and frames of a motion resemble each other, so whole motions are drawn again, not samples: intervals
that take samples for independent would be several times too narrow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from egotap_pl.analysis.statistics import CONFIDENCE

DRAWS = 2000


class GroupMeans(NamedTuple):
    """A mean per group of samples; NaN for a group without samples.

    Fields:
        mean: of the samples.
        low, high: the ends of the 95% interval by bootstrap over clusters.
        samples: how many.
    """

    mean: Float[np.ndarray, "k"]
    low: Float[np.ndarray, "k"]
    high: Float[np.ndarray, "k"]
    samples: Int[np.ndarray, "k"]


def group_means(
    values: Float[np.ndarray, "m"], group: Int[np.ndarray, "m"], cluster: Int[np.ndarray, "m"], groups: int
) -> GroupMeans:
    """Mean of every group, with intervals.

    Args:
        values: samples.
        group: number of each sample's group; samples of a negative number are left out.
        cluster: number of each sample's cluster.
        groups: how many there are.
    """
    kept = group >= 0
    values, group, cluster = values[kept].astype(np.float64), group[kept], cluster[kept]
    clusters = int(cluster.max(initial=0)) + 1
    cell = cluster * groups + group
    count = np.bincount(cell, minlength=clusters * groups).reshape(clusters, groups)
    total = np.bincount(cell, values, minlength=clusters * groups).reshape(clusters, groups).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = redrawn(total) / redrawn(count.astype(np.float64))
        mean = total.sum(0) / count.sum(0)
    low, high = percentile_interval(drawn)
    return GroupMeans(mean, low, high, count.sum(0))


def redrawn(sums: Float[np.ndarray, "c k"]) -> Float[np.ndarray, "b k"]:
    """Sums over `DRAWS` bootstrap samples of clusters, given each cluster's own sums.

    The same clusters are drawn at every call with as many clusters, so what is computed of several calls is paired.
    """
    clusters = len(sums)
    times = np.random.default_rng(0).multinomial(clusters, np.full(clusters, 1 / clusters), size=DRAWS)
    return times.astype(np.float64) @ sums


def percentile_interval(drawn: Num[np.ndarray, "b k"]) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"]]:
    """The ends of the middle 95% of bootstrap results; NaN where no draw has one."""
    tail = 50 * (1 - CONFIDENCE)
    with np.errstate(invalid="ignore"):
        nowhere = np.isnan(drawn).all(0)
        filled = np.where(nowhere, 0.0, drawn)
        low, high = np.nanpercentile(filled, (tail, 100 - tail), axis=0)
    return np.where(nowhere, np.nan, low), np.where(nowhere, np.nan, high)
