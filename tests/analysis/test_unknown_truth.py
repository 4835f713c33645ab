"""Comparisons and breakdowns of predictions whose truth is partly unknown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from egotap_pl.analysis.comparison import ErrorReader, FrameErrors, Term, contrast, frame_errors
from egotap_pl.analysis.error_breakdown import error_by_visibility, mean_by_depth
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.propagation_effect import propagation_samples, summarise
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import numbered
from egotap_pl.analysis.typical_frames import extremes, median_frames
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego

SKELETON = unrealego()
ERRORS = (50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
MOTION = ("a", "a", "b", "b", "c", "d")


def with_unknown_truth(run: Run) -> Run:
    """Frame 1 has two known joints, frame 4 none; joint 7 is never known. Metrics are those of the rest."""
    truth_cm = run.predictions.truth_cm.copy()
    truth_cm[1, 2:], truth_cm[4], truth_cm[:, 7] = np.nan, np.nan, np.nan
    replace(run.predictions, truth_cm=truth_cm).write(run.folder / "predictions.h5")
    known = [error for frame, error in enumerate(run.predictions.error_mm[:, 0]) if frame != 4]
    return Run(run.folder, run.settings, {**run.metrics, "mpjpe": float(np.mean(known))})


def test_predictions_keep_what_is_not_known(make_run) -> None:
    run = with_unknown_truth(make_run("vit", 1, ERRORS, MOTION))
    read = Predictions.read(run.folder / "predictions.h5")
    assert np.isnan(read.truth_cm).all(-1).sum(1).tolist() == [1, 14, 1, 1, 16, 1]
    np.testing.assert_allclose(read.frame_error_mm, [50, 60, 70, 80, np.nan, 100], rtol=1e-4)
    errors = frame_errors(read)
    assert np.isnan(errors.pa_mpjpe_mm).tolist() == [False, True, False, False, True, False]


def test_frames_without_an_error_are_not_compared(make_run) -> None:
    vit, cnn = (
        with_unknown_truth(make_run(name, 1, np.add(ERRORS, offset).tolist(), MOTION))
        for name, offset in (("vit", 0), ("cnn", (7, 7, 7, 7, 1000, 7)))
    )
    read = ErrorReader()
    difference = contrast([Term(1, [vit]), Term(-1, [cnn])], lambda errors: errors.mpjpe_mm, read)
    assert difference.motions.mean == pytest.approx(-7, rel=1e-4)
    assert difference.motions.n == 3  # motion c has no frame left
    nothing = FrameErrors(np.full(6, math.nan), np.full(6, math.nan), np.arange(6), MOTION, ("f", "test"))
    with pytest.raises(EgotapError, match="too few joints are known"):
        contrast([Term(1, [vit])], lambda errors: errors.pa_mpjpe_mm, lambda _: nothing)


def test_breakdowns_count_known_joints() -> None:
    error_mm = np.random.default_rng(0).uniform(10, 100, (6, 16))
    unknown = np.random.default_rng(1).random((6, 16)) < 0.3
    unknown[:, 7] = True
    partly = np.where(unknown, np.nan, error_mm)
    depths = np.array(SKELETON.depths)
    means = mean_by_depth(partly, SKELETON, MOTION)
    for depth in range(depths.max() + 1):
        np.testing.assert_allclose(means.mean[depth], np.nanmean(partly[:, depths == depth]))
    seen = error_by_visibility(partly, np.ones((6, 2, 16), np.uint8), MOTION)
    assert seen.error_mm.samples[0] == (~unknown).sum()
    assert seen.error_mm.mean[0] == pytest.approx(np.nanmean(partly))
    assert seen.excess_mm.mean[0] == pytest.approx(0, abs=1e-9)


def test_samples_of_propagation_need_both_ends() -> None:
    random = np.random.default_rng(0)
    without, with_mm = random.uniform(10, 100, (6, 16)), random.uniform(10, 100, (6, 16))
    without[2, 3] = with_mm[2, 3] = np.nan
    samples = propagation_samples(without, with_mm, SKELETON)
    summary = summarise(samples, numbered(MOTION))
    ends = [limb for limb in SKELETON.estimated_limbs if 3 in limb]
    assert summary.samples == 6 * 15 - len(ends)
    known = ~np.isnan(samples.potential_mm) & ~np.isnan(samples.effect_mm)
    line = stats.linregress(samples.potential_mm[known], samples.effect_mm[known])
    assert summary.slope == pytest.approx(line.slope)
    assert math.isfinite(summary.slope_low)


def test_frames_without_an_error_are_not_typical() -> None:
    errors = np.array([50.0, np.nan, 90.0, 30.0, np.nan])
    assert extremes(errors)._asdict() == {"worst": 2, "median": 0, "best": 3}
    assert median_frames(errors, ["golf", "golf", "golf", "boxing", "dancing"]) == {"boxing": 3, "golf": 0}
    with pytest.raises(ValueError, match="no frame has an error"):
        extremes(np.full(3, np.nan))
