"""Intervals against SciPy's own tests, hand-computed cases and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.statistics import (
    Interval,
    both_interval,
    clustered,
    motions_interval,
    seeds_interval,
)


def test_seeds_interval_is_students() -> None:
    values = [54.1, 55.3, 53.9, 54.8]
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    interval = seeds_interval(values)
    assert interval.mean == pytest.approx(np.mean(values))
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high))
    assert interval.n == 4


def test_seeds_interval_by_hand() -> None:
    """Of 1 and 3: mean 2, standard error 1, t(0.975, 1) = 12.706."""
    assert seeds_interval([1.0, 3.0]) == pytest.approx((2.0, 2 - 12.706, 2 + 12.706, 2), abs=1e-3)


def test_one_seed_has_no_interval() -> None:
    interval = seeds_interval([5.0])
    assert (interval.mean, interval.n) == (5.0, 1)
    assert math.isnan(interval.low)
    with pytest.raises(ValueError, match="no value"):
        seeds_interval([])


def test_clusters_by_hand() -> None:
    values = np.array([[1.0, 2.0, 4.0], [3.0, 0.0, 2.0]])
    clusters = clustered(values, ["b", "a", "b"])
    np.testing.assert_array_equal(clusters.sums, [[2.0, 5.0], [0.0, 5.0]])
    assert clusters.counts.tolist() == [1, 2]
    assert clusters.mean == pytest.approx(values.mean())


def test_motions_of_one_frame_each_are_a_plain_bootstrap() -> None:
    values = np.random.default_rng(1).normal(3, 2, 60)
    reference = stats.bootstrap(
        (values,), np.mean, method="BCa", random_state=np.random.default_rng(5)
    ).confidence_interval
    interval = motions_interval(clustered(values[None], [str(k) for k in range(60)]))
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high), abs=0.03)


def test_frames_of_a_motion_are_not_independent() -> None:
    """Repeating every frame ten times tells nothing new, so the interval must not shrink."""
    values = np.random.default_rng(2).normal(size=40)
    once = motions_interval(clustered(values[None], [str(k) for k in range(40)]))
    repeated = motions_interval(clustered(values.repeat(10)[None], np.arange(40).repeat(10).astype(str).tolist()))
    assert repeated == pytest.approx(once)


def test_motions_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator, hits, trials = np.random.default_rng(3), 0, 60
    lengths = np.array([2, 5, 9] * 12)
    motion = np.arange(36).repeat(lengths).astype(str).tolist()
    for _ in range(trials):
        values = generator.normal(1, 1, 36).repeat(lengths) + generator.normal(0, 0.5, lengths.sum())
        interval = motions_interval(clustered(values[None], motion))
        hits += interval.low <= 1 <= interval.high
    assert stats.binomtest(hits, trials, 0.95).pvalue > 1e-3


def test_intervals_move_with_the_values() -> None:
    values = np.random.default_rng(4).normal(size=(3, 50))
    motion = np.arange(10).repeat(5).astype(str).tolist()
    interval, moved = motions_interval(clustered(values, motion)), motions_interval(clustered(2 * values + 1, motion))
    assert moved[:3] == pytest.approx([2 * x + 1 for x in interval[:3]], abs=1e-3)
    assert interval.low < interval.mean < interval.high
    assert motions_interval(clustered(values, motion)) == interval  # the same every time


def test_what_never_varies_has_an_interval_of_no_width() -> None:
    motion = np.arange(10).repeat(5).astype(str).tolist()
    assert motions_interval(clustered(np.full((2, 50), -3.0), motion))[:3] == (-3.0, -3.0, -3.0)


def test_a_single_motion_tells_nothing() -> None:
    one_motion = clustered(np.random.default_rng(5).normal(size=(3, 5)), ["a"] * 5)
    assert math.isnan(motions_interval(one_motion).low)


def test_both_by_hand() -> None:
    motions, seeds = Interval(5.0, 2.0, 9.0, 100), Interval(5.0, 1.0, 8.0, 3)
    assert both_interval(motions, seeds) == (5.0, 0.0, 10.0, 3)  # 3-4-5, on either side
    assert math.isnan(both_interval(motions, Interval(5.0, math.nan, math.nan, 1)).low)


def test_both_covers_the_truth_at_least_as_often_as_it_says() -> None:
    """Three seeds and thirty motions, each with its own effect; both are drawn anew in every trial."""
    generator, hits, trials = np.random.default_rng(8), 0, 60
    motion = [str(k) for k in range(30)]
    for _ in range(trials):
        values = (
            1 + generator.normal(0, 0.3, (3, 1)) + generator.normal(0, 1, (1, 30)) + generator.normal(0, 0.5, (3, 30))
        )
        motions, seeds = motions_interval(clustered(values, motion)), seeds_interval(values.mean(1).tolist())
        interval = both_interval(motions, seeds)
        hits += interval.low <= 1 <= interval.high
    assert stats.binomtest(hits, trials, 0.95, alternative="less").pvalue > 1e-3
