"""`estimator=lean`: one estimator of joints and limbs, from its training to everything that reads its heatmaps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from random_checkpoints import answers, checkpoint
from smoke import SMOKE, Run, run_folder, store_of

from egotap_pl import Predictor, evaluate, load_estimator, open_store
from egotap_pl.interop.onnx import ROUNDED_TOLERANCE
from egotap_pl.nn.lean_estimator import LeanEstimator

WHERE = ("paths.runs=lean/runs", "paths.stages=lean/stages")
LEAN = (*SMOKE, "experiment=table2/grid_vit", "estimator=lean", "estimators.joint.epochs=2", *WHERE)


@pytest.mark.slow
def test_from_training_to_a_report(home: Path, run: Run) -> None:
    outcome = run("train", *LEAN)
    folder = run_folder(outcome, home)
    assert "shared estimator: epoch 2/2" in outcome.err  # as the joint estimator's settings say
    stages = sorted(path.name.partition("-")[0] for path in (home / "lean" / "stages").iterdir() if path.is_dir())
    assert stages == ["heatmaps", "shared"]  # no other estimator is trained
    assert run_folder(run("train", *LEAN), home) == folder
    assert isinstance(load_estimator(folder, "shared"), LeanEstimator)

    data = store_of(folder, home)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert evaluate(folder, store=data)["mpjpe"] == pytest.approx(metrics["mpjpe"])
    images = open_store(data).read(range(2)).images.numpy()
    assert Predictor.load(folder)(images).shape == (2, 16, 3)

    run("benchmark", f"checkpoint={folder}", "seconds=0.01", "batch_size=2", "output=lean/costs.json")
    costs = json.loads((home / "lean" / "costs.json").read_text())["costs"]
    assert [cost["part"] for cost in costs] == ["shared estimator", "lifter", "images to pose"]
    assert all(cost["parameters"] > 0 and cost["gflop"] > 0 for cost in costs)

    run("report", "runs=lean/runs", "output=lean/report", "figures=false")
    assert "scale=smoke, estimator=lean" in (home / "lean" / "report" / "report.md").read_text()


@pytest.mark.slow
def test_export(run: Run, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table2/cnn", "estimator=lean", "+heatmaps.source.rounded=true")
    run("export", f"checkpoint={file}", f"output={tmp_path}/lean.onnx")
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 3, 64, 64), dtype=np.uint8)
    (pose_cm,) = onnxruntime.InferenceSession(tmp_path / "lean.onnx").run(None, {"images": images})
    expected = answers(file, images)
    np.testing.assert_allclose(pose_cm, expected, atol=ROUNDED_TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("name", ["joint", "shared", "base"])
def test_the_estimator_of_one_kind_is_no_choice(name: str, run: Run) -> None:
    error = run("train", *SMOKE, f"estimator={name}", ok=False).err
    assert error.startswith("egotap: estimator: must be one of: unet, lean.")
