"""A run's configuration is recognised, whatever it was started as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.analysis.runs import Run
from egotap_pl.cli.composing import conf_dir, plain
from egotap_pl.cli.presets import Identifier

PRESETS = (
    "table1/egotap",
    "table2/cnn",
    "table2/grid_vit",
    "table2/grid_vit_concat",
    "table2/grid_vit_pu",
    "table3/grid_vit",
    "propagation/concat_tree_shifted",
)
ROWS = "lifter.head.rows=[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14]"
MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def identify() -> Identifier:
    GlobalHydra.instance().clear()
    return Identifier(PRESETS)


def run(*overrides: str, experiment: str = "custom") -> Run:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        settings = plain(
            hydra.compose("train", [*overrides, *([f"experiment={experiment}"] * (experiment != "custom"))])
        )
    metrics = {"experiment": experiment, "dataset": settings["data"]["name"], "dataset_fingerprint": "f"}
    return Run(Path("run"), settings, metrics)


def test_presets_with_the_same_configuration_are_all_named(identify: Identifier) -> None:
    found = identify(run(experiment="table2/grid_vit_pu"))
    assert found.presets == ("table2/grid_vit_pu", "table1/egotap")
    assert (found.scale, found.changes) == ("tiny", ())
    assert identify(run(experiment="table1/egotap")).key == found.key
    assert identify(run(experiment="table1/egotap")).presets == found.presets[::-1]
    assert identify(run(experiment="quickstart")).presets == found.presets


def test_seeds_paths_and_devices_do_not_matter(identify: Identifier) -> None:
    one = identify(run(experiment="table2/cnn"))
    other = identify(
        run("seed=7", "name=x", "paths.runs=elsewhere", "trainer.workers=3", "data.workers=2", experiment="table2/cnn")
    )
    assert other.key == one.key
    assert other.presets == one.presets
    assert other.changes == ()
    assert other.setup == ("paths.runs=elsewhere",)


def test_what_was_changed_is_told_as_it_was_typed(identify: Identifier) -> None:
    changed = identify(run("training.epochs=6", "lifter.joint_dim=32", "seed=3", experiment="table2/grid_vit"))
    assert changed.presets == ("table2/grid_vit",)
    assert dict(changed.changes) == {"training.epochs": "6", "lifter.joint_dim": "32"}
    assert changed.key != identify(run(experiment="table2/grid_vit")).key
    source = identify(run("heatmaps=truth", "training.task.optimizer.lr=0.01", experiment="table2/grid_vit"))
    assert dict(source.changes) == {"heatmaps": "truth", "training.task.optimizer.lr": "0.01"}
    probe = identify(run("training.epochs=6", experiment="table3/grid_vit"))
    assert dict(probe.changes) == {"training.epochs": "6"}  # the probe's epochs follow


def test_a_change_that_makes_another_preset_is_that_preset(identify: Identifier) -> None:
    assert identify(run("lifter/propagation=concat", experiment="table2/grid_vit_pu")).presets == (
        "table2/grid_vit_concat",
    )
    shifted = identify(run(ROWS, "training.epochs=6", experiment="table2/grid_vit_concat"))
    assert shifted.presets == ("propagation/concat_tree_shifted",)
    assert dict(shifted.changes) == {"training.epochs": "6"}
    custom = identify(run("lifter/encoder=cnn", "lifter/propagation=none", "lifter/head=mlp"))
    assert custom.presets == ("table2/cnn",)
    assert custom.changes == ()


@pytest.mark.parametrize(("data", "scale"), [("unrealego", "paper"), ("egocap", "tiny"), ("egosynth_stick", "smoke")])
def test_data_and_scale_are_recognised(data: str, scale: str, identify: Identifier) -> None:
    root = ["data.root=/somewhere"] if not data.startswith("egosynth") else []
    found = identify(run(f"data={data}", f"scale={scale}", *root, experiment="table2/grid_vit"))
    assert found.presets == ("table2/grid_vit",)
    assert (found.scale, found.changes, list(found.setup)) == (scale, (), root)


def test_a_changed_scale_is_a_change(identify: Identifier) -> None:
    found = identify(run("scale.backbone_width=8", experiment="table2/grid_vit"))
    assert found.scale == "tiny"
    assert found.changes == (("scale.backbone_width", "8"),)
