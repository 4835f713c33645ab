"""Presets of tables 1 and 3 from nothing to their results, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SMOKE = ("scale=smoke", "data.frames={train: 32, validation: 8, test: 8}", "data.workers=1")


def run_of(home: Path, experiment: str) -> Path:
    (run,) = (path.parent for path in (home / "runs" / experiment).glob("*/*/metrics.json"))
    return run


@pytest.mark.slow
def test_a_probe_makes_the_lifter_that_it_needs_once(egotap, tmp_path: Path) -> None:
    egotap("train", "experiment=table3/cnn", *SMOKE, "heatmaps=truth", cwd=tmp_path)
    lifter, probe = run_of(tmp_path, "table2/cnn"), run_of(tmp_path, "table3/cnn")
    assert {"mse", "zeros_mse", "per_view"} <= json.loads((probe / "metrics.json").read_text()).keys()
    assert (probe / "maps.png").stat().st_size > 0
    assert (lifter / "predictions.h5").is_file()
    assert not (probe / "predictions.h5").exists()
    # The lifter's own preset finds the run that the probe made, and the decoder's checkpoint is complete.
    outcome = egotap("train", "experiment=table2/cnn", *SMOKE, "heatmaps=truth", cwd=tmp_path)
    assert f"lifter: already there, {lifter.relative_to(tmp_path)}" in outcome.stderr
    outcome = egotap("evaluate", f"checkpoint={probe / 'checkpoints' / 'best.ckpt'}", cwd=tmp_path)
    assert "all-zero heatmaps" in outcome.stdout
    egotap("train", "experiment=table3/zeros", *SMOKE, "heatmaps=truth", cwd=tmp_path)
    zeros = run_of(tmp_path, "table3/zeros")
    metrics = json.loads((zeros / "metrics.json").read_text())
    assert metrics["mse"] == metrics["zeros_mse"] > 0
    assert metrics["parameters"] == 0
    assert metrics["frames"] == 8
    assert (zeros / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.slow
def test_ego3dpose_is_trained_and_read_back(egotap, tmp_path: Path) -> None:
    egotap("train", "experiment=table1/ego3dpose", *SMOKE, "heatmaps=truth", cwd=tmp_path)
    run = run_of(tmp_path, "table1/ego3dpose")
    egotap("evaluate", f"checkpoint={run / 'checkpoints' / 'best.ckpt'}", f"output={tmp_path / 'again'}", cwd=tmp_path)
    first, again = (json.loads((folder / "metrics.json").read_text()) for folder in (run, tmp_path / "again"))
    assert again["mpjpe"] == pytest.approx(first["mpjpe"], rel=1e-4)


@pytest.mark.slow
def test_egoglass_is_trained_without_an_estimator_stage(egotap, tmp_path: Path) -> None:
    egotap("train", "experiment=table1/egoglass", *SMOKE, cwd=tmp_path)
    assert not list((tmp_path / "work").glob("stages/*"))
    assert json.loads((run_of(tmp_path, "table1/egoglass") / "metrics.json").read_text())["mpjpe"] > 0
