from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.statistics import numbered
from egotap_pl.figures.clusters import group_means, percentile_interval


def test_names_are_numbered() -> None:
    assert numbered(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]


def test_means_and_counts_by_hand() -> None:
    means = group_means(np.array([1.0, 3, 10, 99]), np.array([0, 0, 2, -1]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(means.mean, [2, np.nan, 10])
    np.testing.assert_array_equal(means.samples, [2, 0, 1])
    assert means.low[0] == 1
    assert means.high[0] == 3  # one or the other cluster twice
    assert means.low[2] == means.high[2] == 10
    assert np.isnan(means.low[1])


def test_with_a_sample_per_cluster_it_is_scipys_bootstrap() -> None:
    values = np.random.default_rng(1).normal(5, 2, 200)
    ours = group_means(values, np.zeros(200, np.int64), np.arange(200), 1)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=2).confidence_interval
    assert ours.low[0] == pytest.approx(theirs.low, abs=0.05)
    assert ours.high[0] == pytest.approx(theirs.high, abs=0.05)


def test_copies_of_a_sample_in_its_cluster_tell_nothing_new() -> None:
    values = np.random.default_rng(1).normal(size=50)
    once = group_means(values, np.zeros(50, np.int64), np.arange(50), 1)
    often = group_means(np.repeat(values, 20), np.zeros(1000, np.int64), np.repeat(np.arange(50), 20), 1)
    np.testing.assert_allclose(once[:3], often[:3])
    alone = group_means(np.repeat(values, 20), np.zeros(1000, np.int64), np.arange(1000), 1)
    assert (often.high - often.low)[0] > 3 * (alone.high - alone.low)[0]


def test_an_interval_of_nothing_is_nan() -> None:
    low, high = percentile_interval(np.array([[np.nan, 1.0], [np.nan, np.nan]]))
    np.testing.assert_array_equal(low, [np.nan, 1])
    np.testing.assert_array_equal(high, [np.nan, 1])


def test_no_sample_at_all() -> None:
    means = group_means(np.array([1.0]), np.array([-1]), np.array([0]), 2)
    assert np.isnan(np.concatenate(means[:3])).all()
    assert means.samples.tolist() == [0, 0]
