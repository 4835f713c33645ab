"""Paired differences against hand-computed ones and SciPy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.comparison import ErrorReader, Term, contrast, frame_errors
from egotap_pl.analysis.runs import Run
from egotap_pl.core.errors import EgotapError

MOTION = ["a", "a", "b", "b", "b", "c"]


def mpjpe(errors):
    return errors.mpjpe_mm


def test_errors_of_a_frame(make_run) -> None:
    run = make_run("one", 1, [10, 20, 30, 40, 50, 60], MOTION)
    errors = frame_errors(run.predictions)
    np.testing.assert_allclose(errors.mpjpe_mm, [10, 20, 30, 40, 50, 60], rtol=1e-4)
    assert (errors.pa_mpjpe_mm <= errors.mpjpe_mm).all()
    assert errors.motion == tuple(MOTION)


def test_a_difference_is_paired_by_frame_and_seed(make_run) -> None:
    one = [make_run("one", seed, [10 + seed, 20, 30, 40, 50, 60], MOTION) for seed in (1, 2, 3)]
    other = [make_run("other", seed, [14, 24, 34, 44, 54, 64 + 6 * seed], MOTION) for seed in (3, 1)]
    difference = contrast([Term(1, one), Term(-1, other)], mpjpe, ErrorReader())
    assert difference.common_seeds == (1, 3)
    of_seed = [-(24 - 1 + 6) / 6, -(24 - 3 + 18) / 6]
    assert difference.motions.mean == pytest.approx(np.mean(of_seed), abs=1e-3)
    assert difference.both.mean == pytest.approx(np.mean(of_seed), abs=1e-3)
    assert difference.motions.n == 3
    reference = stats.ttest_1samp(of_seed, 0).confidence_interval()
    assert (difference.seeds.low, difference.seeds.high) == pytest.approx((reference.low, reference.high), abs=1e-2)


def test_a_constant_difference_is_certain(make_run) -> None:
    """However much frames, motions and seeds differ: both variants meet the same ones."""
    errors = np.random.default_rng(0).uniform(50, 150, (2, 6))
    one = [make_run("one", seed, errors[seed] + 5, MOTION) for seed in (0, 1)]
    other = [make_run("other", seed, errors[seed], MOTION) for seed in (0, 1)]
    difference = contrast([Term(1, one), Term(-1, other)], mpjpe, ErrorReader())
    for interval in (difference.motions, difference.seeds, difference.both):
        assert interval[:3] == pytest.approx((5, 5, 5), abs=1e-2)


def test_without_common_seeds_each_is_averaged(make_run) -> None:
    one = [make_run("one", 1, [10] * 6, MOTION), make_run("one", 2, [20] * 6, MOTION)]
    other = [make_run("other", 3, [5] * 6, MOTION)]
    difference = contrast([Term(1, one), Term(-1, other)], mpjpe, ErrorReader())
    assert difference.common_seeds == ()
    assert difference.motions.mean == pytest.approx(10, abs=1e-3)
    assert math.isnan(difference.seeds.low)


def test_other_frames_are_not_compared(make_run) -> None:
    one, other = make_run("one", 1, [10] * 6, MOTION), make_run("other", 1, [10] * 6, MOTION)
    read = ErrorReader()
    for change in ({"row": np.arange(6)[::-1].copy()}, {"data": ("other", "test")}, {"motion": tuple("abcdef")}):
        altered = replace(read(other), **change)
        with pytest.raises(EgotapError, match="other frames"):
            contrast([Term(1, [one]), Term(-1, [other])], mpjpe, {one: read(one), other: altered}.__getitem__)


def test_predictions_of_another_test_are_noticed(make_run) -> None:
    run = make_run("one", 1, [10] * 6, MOTION)
    with pytest.raises(EgotapError, match="different tests"):
        ErrorReader()(Run(run.folder, run.settings, {**run.metrics, "mpjpe": 11.0}))
