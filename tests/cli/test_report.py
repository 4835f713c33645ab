"""`egotap report`: from run folders to pages, and what it says when something is not there."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import h5py
import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from smoke import Run

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import write_yaml

SKELETON = unrealego()
NAMES = SKELETON.estimated_names
MOTION = tuple(f"m{k // 3}" for k in range(12))
SEEDS = {"table2/grid_vit": (1, 2), "table2/grid_vit_pu": (1, 2), "table1/egotap": (2, 3)}


def make(folder: Path, experiment: str, seed: int, error_mm: float, *overrides: str) -> None:
    """A run folder as a finished training leaves it, but for its checkpoints."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        words = [f"experiment={experiment}", f"seed={seed}", "data=egosynth", "scale=smoke", *overrides]
        settings = plain(hydra.compose("train", words))
    folder.mkdir(parents=True)
    write_yaml(folder / "config.yaml", settings)
    for name in ("run.json", "done.json"):
        (folder / name).write_text("{}")
    truth_cm = np.random.default_rng(0).normal(0, 30, (12, len(NAMES), 3)).astype(np.float32)
    error_cm = np.random.default_rng([seed, len(experiment)]).normal(0, 1, truth_cm.shape)
    error_cm *= error_mm / 10 / np.linalg.norm(error_cm, axis=-1, keepdims=True)
    ones, rows = np.ones((12, 2, len(NAMES)), np.uint8), np.arange(12)
    pose_cm = (truth_cm + error_cm).astype(np.float32)
    predictions = Predictions(
        pose_cm, truth_cm, ones, rows, ("walking",) * 12, ("s",) * 12, MOTION, rows % 3, SKELETON, "a" * 64, "test"
    )
    predictions.write(folder / "predictions.h5")
    metrics = {
        **dict.fromkeys(("mpjpe", "pa_mpjpe"), error_mm),
        "frames": 12,
        "per_joint": dict.fromkeys(NAMES, error_mm),
        "per_category": {"walking": {"mpjpe": error_mm, "pa_mpjpe": error_mm, "frames": 12}},
        "mean_pose_mpjpe": 300.0,
        "seconds": 60.0,
        "test_seconds": 2.0,
        "device": "cpu, 1 threads",
        "processes": 1,
        "experiment": experiment,
        "dataset": "egosynth",
        "dataset_fingerprint": "a" * 64,
        "split": "test",
        "seed": seed,
        "commit": "0123456789ab",
        "parameters": 1000,
        "version": "0.1.0",
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("finished")
    for experiment, seeds in SEEDS.items():
        for seed in seeds:
            error_mm = 60.0 if experiment == "table2/grid_vit" else 50.0 + seed
            make(root / experiment / f"seed={seed}", experiment, seed, error_mm)
    make(root / "other", "table2/grid_vit", 1, 10.0, "heatmaps=truth")
    damaged = root / "damaged"
    damaged.mkdir()
    for name in ("run.json", "done.json", "config.yaml", "metrics.json"):
        (damaged / name).write_text("{")
    (damaged / "done.json").write_text("{}")
    (root / "unfinished").mkdir()
    (root / "unfinished" / "run.json").write_text("{}")
    return root


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {next(iter(line.values())): line for line in lines}


@pytest.mark.slow
def test_a_report_of_several_conditions(runs: Path, tmp_path: Path, run: Run) -> None:
    output = tmp_path / "report"
    ended = run("report", f"runs={runs}", f"output={output}", "figures=false")
    table = rows(output / "tables" / "table2_egosynth_smoke.csv")
    ours = table["Grid ViT + PU (Ours)"]
    assert float(ours["MPJPE (mm)"]) == 52.0  # seeds 1, 2 and, run as table1/egotap, 3; seed 2 counts once
    assert ours["seeds"] == "3"
    assert table["CNN"]["MPJPE (mm)"] == "missing"
    assert table["Grid ViT"]["seeds"] == "2"
    with (output / "tables" / "ablation_egosynth_smoke.csv").open(newline="", encoding="utf-8") as file:
        ablation = {line["heatmaps"]: line for line in csv.DictReader(file)}
    assert {maps: float(line["MPJPE (mm)"]) for maps, line in ablation.items()} == {"–": 60.0, "truth": 10.0}
    ablation = rows(output / "tables" / "ablation_differences_egosynth_smoke.csv")
    line = ablation["heatmaps=truth against as it is"]
    assert float(line["MPJPE (mm): mean [over motions]"]) == pytest.approx(-50, abs=1e-3)
    differences = rows(output / "tables" / "table2_differences_egosynth_smoke.csv")
    mean = differences["Grid ViT + PU (Ours) against Grid ViT"]["MPJPE (mm): mean [over motions]"]
    assert float(mean) == pytest.approx(-8.5, abs=1e-3)  # of the seeds 1 and 2, which both have
    text = (output / "report.md").read_text()
    for told in ("damaged: config.yaml cannot be read", "unfinished: not finished", "experiment=table2/cnn,"):
        assert told in text
        assert told in ended.err
    for name in re.findall(r"\]\(([^)]+)\)", text):
        assert (output / name).is_file(), name
    assert "52.0" in (output / "index.html").read_text()
    assert "Table 2: heatmap encoders and propagation (egosynth, scale=smoke)" in ended.out
    listed = rows(output / "tables" / "runs.csv")
    assert len(listed) == 3  # by what they were started as


def test_nothing_to_report_is_said(tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    wrong = {
        f"runs={tmp_path / 'none'}": "no such folder",
        f"runs={tmp_path / 'empty'}": "no finished run in",
        "trust=[egotap_pl]": "give a value for runs",
    }
    for word, message in wrong.items():
        ended = run("report", word, f"output={tmp_path / 'report'}", ok=False)
        assert message in ended.err.splitlines()[-1]
        assert not (tmp_path / "report").exists()
    ended = run("report", f"runs={tmp_path / 'empty'}", f"output={tmp_path / 'file'}", ok=False)
    assert "is a file: give a folder" in ended.err


def test_figures_that_fail_do_not_take_the_tables_along(
    runs: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise EgotapError("the pens are dry")

    monkeypatch.setattr("egotap_pl.report.making.illustrations_of", failing)
    monkeypatch.setattr("egotap_pl.report.making.viewer_scene", failing)
    monkeypatch.setattr("egotap_pl.cli.report.known_presets", lambda: tuple(SEEDS))  # each costs a composition
    folder = runs / "other"
    with h5py.File(folder / "predictions.h5", "a") as file:
        file["pose_cm"][...] += 1.0  # no longer those of its metrics
    ended = run("report", f"runs=[{folder},{runs / 'table2'}]", f"output={tmp_path / 'r'}")
    assert "Figures: the pens are dry" in ended.err
    assert "Test motions in 3D: the pens are dry" in ended.err
    assert (tmp_path / "r" / "tables" / "table2_egosynth_smoke.csv").is_file()
