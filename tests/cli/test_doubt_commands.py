"""Networks that estimate their own errors: trained, tested, and in the files of poses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from composed import compose, facts, make_batch
from smoke import LIFTER, Run, run_folder, store_of

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoints.loading import load_task


@pytest.mark.slow
def test_expected_errors_are_learned_measured_and_written(run: Run, home: Path) -> None:
    plain = run_folder(run("train", *LIFTER, "paths.runs=plain"), home)
    trained = run_folder(run("train", *LIFTER, "doubt=laplace", "training.epochs=2"), home)
    predictions = Predictions.read(trained / "predictions.h5")
    expected = predictions.expected_error_cm
    assert expected is not None
    assert (expected > 0).all()
    assert Predictions.read(plain / "predictions.h5").expected_error_cm is None
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["promised_mpjpe"] == pytest.approx(10 * expected.mean(), rel=1e-4)
    assert metrics["calibration_error"] >= 0
    assert "calibration_error" not in json.loads((plain / "metrics.json").read_text())
    store = store_of(trained, home)
    for suffix in ("h5", "csv", "npz"):
        run("predict", f"checkpoint={trained}", f"input={store}", f"output={home}/poses.{suffix}")
    with np.load(home / "poses.npz") as file:
        np.testing.assert_allclose(file["expected_error_cm"], expected, rtol=1e-4)
    rows = list(csv.DictReader((home / "poses.csv").open()))
    assert float(rows[3]["hand_l_expected_error_cm"]) == pytest.approx(
        expected[3, predictions.skeleton.estimated_names.index("hand_l")], abs=1e-4
    )
    with Hdf5File(home / "poses.h5", "") as written:
        np.testing.assert_allclose(written.array("expected_error_cm", 10**6), expected, rtol=1e-4)


@pytest.mark.slow
def test_the_factor_makes_validation_errors_as_large_as_promised(run: Run, home: Path) -> None:
    trained = run_folder(run("train", *LIFTER, "doubt=laplace"), home)
    run("evaluate", f"checkpoint={trained}", "split=validation", "output=validation")
    predictions = Predictions.read(home / "validation" / "predictions.h5")
    assert predictions.expected_error_cm is not None
    ratio = predictions.error_mm / (10 * predictions.expected_error_cm)
    assert ratio.mean() == pytest.approx(1, rel=1e-3)
    task: Any = load_task(trained / "checkpoints" / "best.ckpt", ["egotap_pl"])[0]
    assert float(task.doubt.factor) != 1


@pytest.mark.parametrize("method", ["table1/egotap", "table1/unrealego", "table1/ego3dpose", "table1/egoglass"])
def test_every_lifter_can_have_it_and_its_pose_learns_as_before(method: str) -> None:
    torch.manual_seed(0)
    task = build(compose(f"experiment={method}", "scale=smoke", "doubt=laplace")["training"]["task"])(facts("egosynth"))
    batch = make_batch("egosynth", 64)
    loss, terms = task.loss(task.loss_terms(task.with_maps(batch)))
    assert "doubt" in terms
    loss.backward()
    assert all(p.grad is not None for p in task.doubt.parameters())
    with_doubt = {name: p.grad.clone() for name, p in task.lifter.named_parameters() if p.grad is not None}
    task.zero_grad()
    task.loss.weights["doubt"] = 0.0
    task.loss(task.loss_terms(task.with_maps(batch)))[0].backward()
    for name, p in task.lifter.named_parameters():
        if name in with_doubt:
            torch.testing.assert_close(p.grad, with_doubt[name], rtol=1e-3, atol=1e-6)
