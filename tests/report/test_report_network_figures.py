"""The figures for which a run's frames and its trained network are needed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import prepared
from random_checkpoints import checkpoint
from smoke import LIFTER, Run

from egotap_pl.analysis import runs as finished
from egotap_pl.analysis.gate_openings import visibility_groups
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.variants import IdentifiedRun, group
from egotap_pl.cli.configuration.presets import Identifier
from egotap_pl.core.batch import Visibility
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.engine.runs.config import read_run_config
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations.all import illustrations_of
from egotap_pl.report.making import conditions_of
from egotap_pl.report.material import Material
from egotap_pl.report.tables.measures import own_metrics

CONDITION = "egosynth_smoke_heatmaps-truth"
REBUILT = f"reconstruction_{CONDITION}"
PRESETS = ("table2/grid_vit", "table2/grid_vit_pu", "table3/grid_vit")
"""Those that are run here; each costs a composition."""


def read(folder: Path) -> list[finished.Run]:
    """The runs of the seed that only these tests use."""
    found = [
        finished.Run(path.parent, read_run_config(path.parent / "config.yaml"), json.loads(path.read_text()))
        for path in sorted(folder.rglob("metrics.json"))
    ]
    return [run for run in found if run.seed == 11]


def draw(runs: list[finished.Run], home: Path, *trust: str) -> tuple[dict[str, Illustration], list[str]]:
    """The figures of runs by name, and what is missing from them."""
    with Material(conditions_of(runs, Identifier(PRESETS)), home / "work" / "data", trust) as material:
        return {figure.name: figure for figure in illustrations_of(material)}, material.missing


@pytest.mark.slow
def test_a_trained_network_is_looked_into(run: Run, home: Path) -> None:
    for experiment in ("table3/grid_vit", "table2/grid_vit_pu"):  # the first makes table2/grid_vit, too
        run("train", f"experiment={experiment}", *LIFTER, "seed=11")
    runs = read(home / "runs")
    figures, missing = draw(runs, home, "egotap_pl")
    assert missing == []
    assert {"comparison_egosynth", "categories_egosynth", REBUILT, f"propagation_{CONDITION}"} <= {*figures}
    assert {"gates_egosynth", "attention_egosynth", "attention_joints_egosynth"} <= {*figures}
    assert any(axis.images for axis in figures["comparison_egosynth"].figure.axes)  # the frames were found
    names = [axis.get_ylabel() for axis in figures[REBUILT].figure.axes]
    assert [name for name in names if name] == ["image", "true heatmaps", "Grid ViT"]
    assert own_metrics(runs) == []  # all numbers in metrics.json are the package's
    mse = next(one.metrics["mse"] for one in runs if "mse" in one.metrics)
    assert f"Grid ViT {mse:.2e}" in figures[REBUILT].caption


@pytest.mark.slow
def test_a_checkpoint_of_a_stranger_is_told_not_loaded(run: Run, home: Path) -> None:
    run("train", "experiment=table2/grid_vit_pu", *LIFTER, "seed=11")
    runs = read(home / "runs" / "table2" / "grid_vit_pu")
    figures, missing = draw(runs, home)
    assert not any(name.startswith(("gates", "attention")) for name in figures)
    assert any("trusted package" in line for line in missing)


MY_PARTS = """
from egotap_pl.nn.encoders import GridViTEncoder
from egotap_pl.nn.propagation import PuPropagation

class MyViT(GridViTEncoder):
    pass

class MyPu(PuPropagation):
    pass

class NoUnits(PuPropagation):
    def _build_layers(self, skeleton, joint_dim, num_layers):
        pass

    def forward(self, joint, limb):
        return joint

class Failing(PuPropagation):
    def forward(self, joint, limb):
        raise ZeroDivisionError("by design")
"""


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of prepared data with a few frames."""
    folder = tmp_path_factory.mktemp("network-figures")
    (folder / "module").mkdir()
    (folder / "module" / "my_network_parts.py").write_text(MY_PARTS)
    sizes = "data.frames={train: 4, validation: 4, test: 16}"
    with prepared(folder) as call:
        call("prepare", "scale=smoke", sizes, "data.folder=work/data/egosynth", "data.workers=0")
    return folder


def made_run(frames: Path, name: str, *overrides: str) -> finished.Run:
    """A run whose network has random weights, and whose predictions are random."""
    folder = frames / "runs" / name
    folder.mkdir(parents=True)
    module = FrameDataModule(frames / "work" / "data" / "egosynth", batch_size=1, workers=0)
    store = module.store("test")
    batch, rows = store.read(range(len(store)), images=False), np.arange(len(store))
    truth = batch.pose_cm.numpy()
    errors = np.random.default_rng(0).normal(size=truth.shape).astype(np.float32)
    joints = list(store.skeleton.estimated)
    visibility, names = batch.visibility.numpy()[..., joints], store.name_frames(rows.tolist())
    Predictions(
        truth + errors, truth, visibility, rows, *names, store.skeleton, module.fingerprint, "test"
    ).write(folder / "predictions.h5")  # fmt: skip
    (folder / "checkpoints").mkdir()
    path = checkpoint(folder / "checkpoints" / "best.ckpt", "heatmaps=truth", *overrides)
    task = load_task(path, ("egotap_pl", "my_network_parts"))[1].task
    settings = {"seed": 1, "lifter": task["lifter"], "heatmaps": {"source": task["heatmaps"]}}
    metrics = {
        **dict.fromkeys(("dataset",), "egosynth"),
        "experiment": name,
        "dataset_fingerprint": module.fingerprint,
        "split": "test",
        "mpjpe": 10.0,
    }
    return finished.Run(folder, settings, metrics)


def networks(frames: Path, runs: list[finished.Run], *trust: str) -> tuple[list[str], list[str]]:
    """Names of the figures of networks, and what is missing."""
    identified = [IdentifiedRun(run, run.experiment, (run.experiment,), "smoke", (), ()) for run in runs]
    with Material(group(identified), frames / "work" / "data", ("egotap_pl", *trust)) as material:
        names = [figure.name for figure in illustrations_of(material)]
    return [name for name in names if name.startswith(("gates", "attention"))], material.missing


def test_networks_with_parts_of_the_users_own_are_looked_into(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(frames / "module"))
    runs = [
        made_run(frames, "table2/grid_vit_pu"),
        made_run(frames, "my_pu", "lifter.propagation._target_=my_network_parts.MyPu"),
        made_run(frames, "my_vit", "lifter.encoder._target_=my_network_parts.MyViT"),
        made_run(frames, "no_units", "lifter.propagation._target_=my_network_parts.NoUnits"),
        made_run(frames, "failing", "lifter.propagation._target_=my_network_parts.Failing"),
    ]
    kinds = ("gates_egosynth", "attention_egosynth", "attention_joints_egosynth")
    names, missing = networks(frames, runs)
    assert names == [*kinds]
    names, missing = networks(frames, runs, "my_network_parts")
    expected = [f"{kind}{own}" for own in ("", "_my_pu", "_my_vit", "_no_units") for kind in kinds]
    assert sorted(names) == sorted(name for name in expected if name != "gates_egosynth_no_units")
    assert any("no_units" in line and "no gates" in line for line in missing)
    assert any("failing" in line and "ZeroDivisionError: by design" in line for line in missing)


def test_gates_need_data_that_say_what_the_cameras_see(frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = "egotap_pl.report.illustrations.gates.visibility_groups"
    monkeypatch.setattr(where, lambda seen, tree: visibility_groups(np.full_like(seen, Visibility.UNKNOWN), tree))
    names, missing = networks(frames, [made_run(frames, "unseen")])
    assert names
    assert not any(name.startswith("gates") for name in names)
    assert any("does not say what the cameras see" in line for line in missing)


def test_a_checkpoint_with_another_network_than_the_configuration_says_is_named(frames: Path) -> None:
    run = made_run(frames, "another", "lifter/encoder=cnn")
    encoder = {"_target_": "egotap_pl.nn.encoders.GridViTEncoder"}
    names, missing = networks(
        frames, [replace(run, settings={**run.settings, "lifter": {**run.settings["lifter"], "encoder": encoder}})]
    )
    assert names == []
    assert any("holds no Grid ViT" in line for line in missing)
