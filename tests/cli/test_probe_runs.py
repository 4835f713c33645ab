"""Presets of tables 1 and 3 from nothing to their results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from smoke import LIFTER, SMOKE, Run

RUNS = "paths.runs=probes"


def run_of(home: Path, experiment: str) -> Path:
    (run,) = (path.parent for path in (home / "probes" / experiment).glob("*/*/metrics.json"))
    return run


@pytest.mark.slow
def test_a_probe_makes_the_lifter_that_it_needs_once(run: Run, home: Path) -> None:
    run("train", "experiment=table3/cnn", *LIFTER, RUNS)
    lifter, probe = run_of(home, "table2/cnn"), run_of(home, "table3/cnn")
    assert {"mse", "zeros_mse", "per_view"} <= json.loads((probe / "metrics.json").read_text()).keys()
    assert (probe / "maps.png").stat().st_size > 0
    assert (lifter / "predictions.h5").is_file()
    assert not (probe / "predictions.h5").exists()
    # The lifter's own preset finds the run that the probe made, and the decoder's checkpoint stands alone.
    told = run("train", "experiment=table2/cnn", *LIFTER, RUNS)
    assert f"lifter: already there, {lifter.relative_to(home)}" in told.err
    told = run("evaluate", f"checkpoint={probe / 'checkpoints' / 'best.ckpt'}")
    assert "all-zero heatmaps" in told.out
    run("train", "experiment=table3/zeros", *LIFTER, RUNS)
    zeros = run_of(home, "table3/zeros")
    metrics = json.loads((zeros / "metrics.json").read_text())
    assert metrics["mse"] == metrics["zeros_mse"] > 0
    assert metrics["parameters"] == 0
    assert metrics["frames"] == 8
    assert (zeros / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.slow
def test_ego3dpose_is_trained_and_read_back(run: Run, home: Path, tmp_path: Path) -> None:
    run("train", "experiment=table1/ego3dpose", *LIFTER, RUNS)
    folder = run_of(home, "table1/ego3dpose")
    run("evaluate", f"checkpoint={folder / 'checkpoints' / 'best.ckpt'}", f"output={tmp_path / 'again'}")
    first, again = (json.loads((place / "metrics.json").read_text()) for place in (folder, tmp_path / "again"))
    assert again["mpjpe"] == pytest.approx(first["mpjpe"], rel=1e-4)


@pytest.mark.slow
def test_egoglass_is_trained_without_an_estimator_stage(run: Run, home: Path, tmp_path: Path) -> None:
    run("train", "experiment=table1/egoglass", *SMOKE, RUNS, f"paths.stages={tmp_path / 'stages'}")
    assert not (tmp_path / "stages").exists()
    assert json.loads((run_of(home, "table1/egoglass") / "metrics.json").read_text())["mpjpe"] > 0
