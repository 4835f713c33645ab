"""Shares of correct joints against NumPy, with MPI-INF-3DHP's thresholds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from egotap_pl.metrics import PckMetrics, VisibilityErrors, merged
from egotap_pl.metrics.visibility import STATES

NAMES, CATEGORIES = ("head", "hand", "foot"), ("walking", "boxing", "golf")


def frames(number: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = 30 * torch.randn(number, len(NAMES), 3, generator=generator, dtype=torch.float64)
    pose = truth + 10 * torch.randn(truth.shape, generator=generator, dtype=torch.float64)
    return pose, truth, torch.randint(0, 2, (number,), generator=generator)


def shares(error_mm: np.ndarray) -> dict[str, float]:
    error_mm = error_mm[~np.isnan(error_mm)]
    return {
        "pck": 100 * (error_mm < 150).mean(),
        "auc": 100 * np.mean([(error_mm < threshold).mean() for threshold in np.linspace(0, 150, 31)]),
    }


@pytest.mark.parametrize("batch", [1, 3, 40])
def test_shares_equal_numpys(batch: int) -> None:
    pose, truth, category = frames()
    truth[3, 1] = torch.nan
    metric = PckMetrics(NAMES, CATEGORIES)
    for rows in torch.arange(40).split(batch):
        metric.update(pose[rows], truth[rows], category[rows])
    result = metric.compute()
    error_mm = 10 * np.linalg.norm((pose - truth).numpy(), axis=-1)
    assert {name: result[name] for name in ("pck", "auc")} == pytest.approx(shares(error_mm))
    assert 20 < result["pck"] < 90
    for joint, name in enumerate(NAMES):
        of_joint = {key: result[f"per_joint_{key}"][name] for key in ("pck", "auc")}
        assert of_joint == pytest.approx(shares(error_mm[:, joint]))
    assert set(result["per_category"]) == {"walking", "boxing"}
    assert result["per_category"]["boxing"] == pytest.approx(shares(error_mm[category.numpy() == 1]))
    json.dumps(result, allow_nan=False)


def test_borders() -> None:
    truth = torch.zeros(1, 3, 3, dtype=torch.float64)
    metric = PckMetrics(NAMES, CATEGORIES)
    metric.update(truth, truth, torch.tensor([0]))
    assert metric.compute()["auc"] == pytest.approx(100 * 30 / 31)  # no error is below the threshold 0
    metric.reset()
    pose = truth.clone()
    pose[0, :, 0] = torch.tensor([15.0, 14.99, torch.nan])
    truth[0, 2] = torch.nan
    metric.update(pose, truth, torch.tensor([0]))
    result = metric.compute()
    assert result["per_joint_pck"] == {"head": 0.0, "hand": 100.0, "foot": None}
    assert result["pck"] == 50.0


def test_errors_by_visibility_equal_numpys() -> None:
    pose, truth, _ = frames()
    truth[5, 0] = torch.nan
    visibility = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (40, 2, 3)).astype(np.uint8))
    metric = VisibilityErrors()
    for rows in torch.arange(40).split(7):
        metric.update(pose[rows], truth[rows], visibility[rows])
    result = metric.compute()["per_visibility"]
    error_mm = 10 * np.linalg.norm((pose - truth).numpy(), axis=-1)
    numbers = {"visible": 1, "occluded": 2, "out of view": 3}
    for one, other in STATES:
        pair = sorted((numbers[one], numbers[other]))
        counted = (np.sort(visibility.numpy(), axis=1) == np.reshape(pair, (1, 2, 1))).all(1) & ~np.isnan(error_mm)
        assert result[f"{one}, {other}"]["joints"] == counted.sum()
        assert result[f"{one}, {other}"]["mpjpe"] == pytest.approx(error_mm[counted].mean())


def test_without_known_visibility_there_are_no_errors_by_it() -> None:
    pose, truth, _ = frames()
    metric = VisibilityErrors()
    metric.update(pose, truth, torch.zeros(40, 2, 3, dtype=torch.uint8))
    assert metric.compute() == {}


def test_processes_add_their_counts() -> None:
    for metric in (PckMetrics(NAMES, CATEGORIES), VisibilityErrors()):
        assert all(reduce.__name__ == "dim_zero_sum" for reduce in metric._reductions.values())


def test_results_of_several_metrics_together() -> None:
    one = {"mpjpe": 1.0, "per_category": {"golf": {"mpjpe": 1.0}, "boxing": {"mpjpe": 2.0}}}
    assert merged(one, {"pck": 3.0, "per_category": {"golf": {"pck": 4.0}}}) == {
        "mpjpe": 1.0,
        "pck": 3.0,
        "per_category": {"golf": {"mpjpe": 1.0, "pck": 4.0}, "boxing": {"mpjpe": 2.0}},
    }
