"""The figures for which a run's frames and its trained network are needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from smoke import LIFTER, Run

from egotap_pl.analysis import runs as finished
from egotap_pl.cli.presets import Identifier
from egotap_pl.report.illustrations.all import figures_of
from egotap_pl.report.making import conditions_of, known_presets
from egotap_pl.report.run_config import read_run_config

CONDITION = "egosynth_smoke_heatmaps-truth"
REBUILT = f"reconstruction_{CONDITION}"


def read(folder: Path) -> list[finished.Run]:
    """The runs of the seed that only these tests use."""
    found = [
        finished.Run(path.parent, read_run_config(path.parent / "config.yaml"), json.loads(path.read_text()))
        for path in sorted(folder.rglob("metrics.json"))
    ]
    return [run for run in found if run.seed == 11]


@pytest.mark.slow
def test_a_trained_network_is_looked_into(run: Run, home: Path) -> None:
    for experiment in ("table3/grid_vit", "table2/grid_vit_pu"):  # the first makes table2/grid_vit, too
        run("train", f"experiment={experiment}", *LIFTER, "seed=11")
    runs = read(home / "runs")
    drawn = figures_of(conditions_of(runs, Identifier(known_presets())), home / "work" / "data", ("egotap_pl",))
    figures = {figure.name: figure for figure in drawn.illustrations}
    assert drawn.missing == []
    assert {"comparison_egosynth", "categories_egosynth", REBUILT, f"propagation_{CONDITION}"} <= {*figures}
    assert {"gates_egosynth", "attention_egosynth", "attention_joints_egosynth"} <= {*figures}
    assert any(axis.images for axis in figures["comparison_egosynth"].figure.axes)  # the frames were found
    names = [axis.get_ylabel() for axis in figures[REBUILT].figure.axes]
    assert [name for name in names if name] == ["image", "true maps", "Grid ViT"]
    mse = next(one.metrics["mse"] for one in runs if "mse" in one.metrics)
    assert f"Grid ViT {mse:.2e}" in figures[REBUILT].caption


@pytest.mark.slow
def test_a_checkpoint_of_a_stranger_is_told_not_loaded(run: Run, home: Path) -> None:
    run("train", "experiment=table2/grid_vit_pu", *LIFTER, "seed=11")
    runs = read(home / "runs" / "table2" / "grid_vit_pu")
    drawn = figures_of(conditions_of(runs, Identifier(known_presets())), home / "work" / "data", ())
    assert not any(figure.name.startswith(("gates", "attention")) for figure in drawn.illustrations)
    assert any("trusted package" in line for line in drawn.missing)
