"""Propagation Potential and Effect against SciPy and hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.propagation_effect import PropagationSamples, describe, propagation_samples, summarise
from egotap_pl.core.skeleton import Skeleton, egocap

SKELETON = Skeleton("three", ("root", "middle", "end"), (0, 0, 1), estimates_root=True)


def test_potential_and_effect_by_hand() -> None:
    without, with_it = np.array([[10.0, 25, 60]]), np.array([[9.0, 15, 70]])
    samples = propagation_samples(without, with_it, SKELETON)
    np.testing.assert_array_equal(samples.potential_mm, [[15, 35]])  # 25 - 10, 60 - 25
    np.testing.assert_array_equal(samples.effect_mm, [[10, -10]])  # 25 - 15, 60 - 70


def test_limbs_of_a_root_that_is_not_estimated_do_not_count() -> None:
    errors = np.ones((4, 17))
    assert propagation_samples(errors, errors, egocap()).effect_mm.shape == (4, 16)


def test_no_samples_without_limbs() -> None:
    star = Skeleton("star", ("root", "one", "other"), (0, 0, 0), estimates_root=False)
    samples = propagation_samples(np.ones((4, 2)), np.ones((4, 2)), star)
    assert samples.potential_mm.shape == samples.effect_mm.shape == (4, 0)
    assert not samples.known.any()


def random_samples(frames: int = 300) -> PropagationSamples:
    rng = np.random.default_rng(0)
    potential = rng.normal(10, 30, (frames, 4))
    return PropagationSamples(potential, 0.4 * potential + rng.normal(3, 10, potential.shape))


def test_the_line_is_scipys() -> None:
    samples = random_samples()
    summary = summarise(samples, np.arange(300))
    line = stats.linregress(samples.potential_mm.ravel(), samples.effect_mm.ravel())
    assert (summary.slope, summary.intercept_mm, summary.p_value) == (line.slope, line.intercept, line.pvalue)
    assert summary.r == pytest.approx(np.corrcoef(samples.potential_mm.ravel(), samples.effect_mm.ravel())[0, 1])
    assert summary.slope_low < summary.slope < summary.slope_high
    # Independent samples: the bootstrap over frames is as wide as the textbook's interval.
    assert summary.slope_high - summary.slope_low == pytest.approx(2 * 1.96 * line.stderr, rel=0.15)


def test_samples_of_a_motion_that_move_together_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    slopes = np.repeat(rng.normal(0.4, 0.4, 30), 20)[:, None]
    potential = rng.normal(0, 30, (600, 4))
    samples = PropagationSamples(potential, slopes * potential)
    together, alone = (summarise(samples, c) for c in (np.repeat(np.arange(30), 20), np.arange(600)))
    assert together.slope_high - together.slope_low > 2 * (alone.slope_high - alone.slope_low)


def test_limbs_that_repeat_each_other_tell_nothing_new() -> None:
    one = PropagationSamples(*(values[:, :1] for values in random_samples(60)))
    four = PropagationSamples(*(values.repeat(4, axis=1) for values in one))
    motion = np.repeat(np.arange(20), 3)
    alone, repeated = summarise(one, motion), summarise(four, motion)
    assert (repeated.slope_low, repeated.slope_high) == pytest.approx((alone.slope_low, alone.slope_high))


def test_zero_is_neither_positive_nor_negative() -> None:
    summary = summarise(PropagationSamples(np.array([[0.0, 2]]), np.array([[-4.0, 0]])), np.array([0]))
    assert (summary.positive_potential, summary.positive_effect, summary.first_quadrant) == (0.5, 0, 0)
    assert summary.loss_mm == -4
    assert np.isnan(summary.gain_mm)


def test_shares_and_means_by_hand() -> None:
    samples = PropagationSamples(np.array([[4.0, 2], [-1, 3]]), np.array([[2.0, -1], [4, -3]]))
    summary = summarise(samples, np.array([0, 1]))
    assert summary.samples == 4
    assert (summary.potential_mm, summary.effect_mm) == (2, 0.5)
    assert (summary.positive_potential, summary.positive_effect, summary.first_quadrant) == (0.75, 0.5, 0.25)
    assert (summary.gain_mm, summary.loss_mm) == (3, -2)
    words = describe(summary)
    for number in ("mean PP 2.00 mm", "mean PE 0.50 mm", "75.00%", "50.00%", "25.00%", "3.00 mm", "-2.00 mm"):
        assert number in words


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (0.95, "p = 0.95"),
        (0.014, "p = 0.014"),
        (0.0015, "p = 0.0015"),
        (0.0004, "p < 1e-3"),
        (2.5e-14, "p < 1e-13"),
        (0.0, "p < 1e-300"),  # too small for double precision
    ],
)
def test_what_is_said_of_a_p_value_is_true(p_value: float, words: str) -> None:
    summary = summarise(random_samples(50), np.zeros(50, np.int64))._replace(p_value=p_value)
    assert f"; {words} if samples were independent" in describe(summary)


def test_a_single_motion_has_a_slope_without_interval() -> None:
    summary = summarise(random_samples(50), np.zeros(50, np.int64))
    assert np.isfinite(summary.slope)
    assert "(no interval; " in describe(summary)
