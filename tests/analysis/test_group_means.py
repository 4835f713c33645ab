"""Means of groups of samples that come in clusters, against SciPy and by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.statistics import clustered, group_means, motions_interval, numbered, slope_interval

ONE_GROUP, NO_GROUP = 0, -1


def in_one_group(samples: int) -> np.ndarray:
    return np.full(samples, ONE_GROUP, np.int64)


def test_names_are_numbered() -> None:
    assert numbered(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]


def test_means_and_counts_by_hand() -> None:
    values, group = np.array([1.0, 3, 10, 99]), np.array([0, 0, 2, NO_GROUP])
    means = group_means(values, group, np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(means.mean, [2, np.nan, 10])
    np.testing.assert_array_equal(means.samples, [2, 0, 1])
    assert means.low[0] == 1
    assert means.high[0] == 3  # one or the other cluster twice
    assert np.isnan([means.low[1:], means.high[1:]]).all()  # no sample, and a single cluster


def test_intervals_are_scipys_of_the_ratio_of_sums() -> None:
    """The same draws as SciPy's: a few groups in clusters of unequal size."""
    random = np.random.default_rng(1)
    cluster = np.repeat(np.arange(30), random.integers(5, 20, 30))
    group = np.arange(len(cluster)) % 3
    values = random.gamma(2, 10, len(cluster)) + random.gamma(2, 10, 30)[cluster]
    means = group_means(values, group, cluster, 3)
    for k in range(3):
        chosen = group == k
        sums, counts = np.bincount(cluster[chosen], values[chosen]), np.bincount(cluster[chosen])
        theirs = stats.bootstrap(
            (sums, counts),
            lambda s, n, axis: s.sum(axis) / n.sum(axis),
            paired=True,
            vectorized=True,
            method="BCa",
            random_state=np.random.default_rng(0),
        ).confidence_interval
        assert means.mean[k] == pytest.approx(values[chosen].mean())
        assert (means.low[k], means.high[k]) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_a_group_has_the_interval_that_a_table_has() -> None:
    random = np.random.default_rng(2)
    motion = np.repeat(np.arange(25), random.integers(2, 9, 25))
    error_mm = random.normal(60, 15, (len(motion), 4))
    means = group_means(error_mm.ravel(), np.tile(np.arange(4), len(motion)), np.repeat(motion, 4), 4)
    for k in range(4):
        table = motions_interval(clustered(error_mm[None, :, k], [f"{name:02}" for name in motion]))
        assert (means.mean[k], means.low[k], means.high[k]) == pytest.approx(table[:3])


def test_clusters_without_samples_of_a_group_do_not_count() -> None:
    random = np.random.default_rng(3)
    values, cluster = random.normal(size=60), np.repeat(np.arange(20), 3)
    alone = group_means(values[:30], in_one_group(30), cluster[:30], 1)
    among_others = group_means(values, np.repeat([0, 1], 30), cluster, 2)
    for one, other in zip(alone, among_others, strict=True):
        assert other[0] == pytest.approx(one[0])


def test_copies_of_a_sample_in_its_cluster_tell_nothing_new() -> None:
    values = np.random.default_rng(1).normal(size=50)
    once = group_means(values, in_one_group(50), np.arange(50), 1)
    often = group_means(np.repeat(values, 20), in_one_group(1000), np.repeat(np.arange(50), 20), 1)
    np.testing.assert_allclose(once[:3], often[:3])
    alone = group_means(np.repeat(values, 20), in_one_group(1000), np.arange(1000), 1)
    assert (often.high - often.low)[0] > 3 * (alone.high - alone.low)[0]


def test_equal_values_have_an_interval_of_no_width() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        means = group_means(np.full(60, 50.3), np.arange(60) % 2, np.arange(60) // 6, 2)
    np.testing.assert_allclose([means.mean, means.low, means.high], 50.3)


def test_no_sample_at_all() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        means = group_means(np.array([1.0]), np.array([NO_GROUP]), np.array([0]), 2)
    assert np.isnan(np.concatenate(means[:3])).all()
    assert means.samples.tolist() == [0, 0]


def test_rounding_errors_do_not_break_ties() -> None:
    """With few motions many draws are the same motions in another order: their means must tie to the last bit."""
    random = np.random.default_rng(0)
    for _ in range(40):
        cluster = np.repeat(np.arange(5), random.integers(1, 9, 5))
        values = random.normal(60, 15, 5).round(1)[cluster]
        first, scaled = (group_means(v, in_one_group(len(v)), cluster, 1) for v in (values, 3.7 * values))
        np.testing.assert_allclose([scaled.low, scaled.high], 3.7 * np.array([first.low, first.high]), rtol=1e-9)


def test_a_slope_of_independent_samples_has_the_textbooks_interval() -> None:
    random = np.random.default_rng(0)
    x = random.normal(10, 30, 1200)
    y = 0.4 * x + random.normal(3, 10, 1200)
    low, high = slope_interval(x, y, np.arange(1200))
    line = stats.linregress(x, y)
    assert low < line.slope < high
    assert high - low == pytest.approx(2 * 1.96 * line.stderr, rel=0.1)


def test_slopes_that_cannot_vary() -> None:
    x = np.random.default_rng(0).normal(size=40)
    assert slope_interval(x, 2 * x + 1, np.arange(40)) == pytest.approx((2, 2))
    assert np.isnan(slope_interval(x, x**2, np.zeros(40, np.int64))).all()


def test_numbers_of_clusters_may_have_gaps() -> None:
    """A motion without a sample is not drawn."""
    random = np.random.default_rng(4)
    x, cluster = random.normal(size=60), np.repeat(np.arange(12), 5)
    y = x + random.normal(size=12)[cluster]
    assert slope_interval(x, y, 3 * cluster + 2) == pytest.approx(slope_interval(x, y, cluster))
