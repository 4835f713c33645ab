"""Intervals against SciPy's own tests, hand-computed cases and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.statistics import (
    Clusters,
    clustered,
    motions_and_seeds_interval,
    motions_interval,
    seeds_interval,
)


def test_seeds_interval_is_students() -> None:
    values = [54.1, 55.3, 53.9, 54.8]
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = seeds_interval(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert found.n == 4


def test_seeds_interval_by_hand() -> None:
    """Of 1 and 3: mean 2, standard error 1, t(0.975, 1) = 12.706."""
    assert seeds_interval([1.0, 3.0]) == pytest.approx((2.0, 2 - 12.706, 2 + 12.706, 2), abs=1e-3)


def test_one_seed_has_no_interval() -> None:
    found = seeds_interval([5.0])
    assert (found.mean, found.n) == (5.0, 1)
    assert math.isnan(found.low)
    with pytest.raises(ValueError, match="no value"):
        seeds_interval([])


def test_clusters_by_hand() -> None:
    values = np.array([[1.0, 2.0, 4.0], [3.0, 0.0, 2.0]])
    found = clustered(values, ["b", "a", "b"])
    np.testing.assert_array_equal(found.sums, [[2.0, 5.0], [0.0, 5.0]])
    assert found.counts.tolist() == [1, 2]
    assert found.mean == pytest.approx(values.mean())


def test_motions_of_one_frame_each_are_a_plain_bootstrap() -> None:
    values = np.random.default_rng(1).normal(3, 2, 60)
    reference = stats.bootstrap(
        (values,), np.mean, method="BCa", random_state=np.random.default_rng(5)
    ).confidence_interval
    found = motions_interval(clustered(values[None], [str(k) for k in range(60)]))
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.03)


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
        found = motions_interval(clustered(values[None], motion))
        hits += found.low <= 1 <= found.high
    assert stats.binomtest(hits, trials, 0.95).pvalue > 1e-3


@pytest.mark.parametrize("interval", [motions_interval, motions_and_seeds_interval])
def test_intervals_move_with_the_values(interval) -> None:
    values = np.random.default_rng(4).normal(size=(3, 50))
    motion = np.arange(10).repeat(5).astype(str).tolist()
    found, moved = interval(clustered(values, motion)), interval(clustered(2 * values + 1, motion))
    assert moved[:3] == pytest.approx([2 * x + 1 for x in found[:3]], abs=1e-3)
    assert found.low < found.mean < found.high
    assert interval(clustered(values, motion)) == found  # the same every time


def test_what_never_varies_has_an_interval_of_no_width() -> None:
    motion = np.arange(10).repeat(5).astype(str).tolist()
    assert motions_interval(clustered(np.full((2, 50), -3.0), motion))[:3] == (-3.0, -3.0, -3.0)
    assert motions_and_seeds_interval(clustered(np.full((2, 50), -3.0), motion))[:3] == pytest.approx((-3.0,) * 3)


def test_a_single_motion_or_seed_tells_nothing() -> None:
    one_motion = clustered(np.random.default_rng(5).normal(size=(3, 5)), ["a"] * 5)
    assert math.isnan(motions_interval(one_motion).low)
    assert math.isnan(motions_and_seeds_interval(one_motion).low)
    one_seed = clustered(np.random.default_rng(6).normal(size=(1, 6)), list("aabbcc"))
    assert math.isnan(motions_and_seeds_interval(one_seed).low)
    assert not math.isnan(motions_interval(one_seed).low)


def test_both_is_wider_than_motions_alone_where_seeds_differ() -> None:
    generator = np.random.default_rng(7)
    effects = generator.normal(size=(5, 1)) + generator.normal(size=(1, 60))
    clusters = Clusters(effects, np.ones(60, dtype=np.int64))
    motions, both = motions_interval(clusters), motions_and_seeds_interval(clusters)
    assert both.high - both.low > 1.5 * (motions.high - motions.low)
    # Crossed effects: the variances of the two means add up (Owen 2007), with n instead of n - 1.
    variance = effects.mean(1).var() / 5 + effects.mean(0).var() / 60
    assert both.high - both.low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.08)
