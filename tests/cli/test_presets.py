"""A run's configuration is recognised, whatever it was started as."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hydra
import pytest
import yaml
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from omegaconf import open_dict

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import IdentifiedRun, as_overrides, group
from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.cli.configuration.presets import Identifier, _options
from egotap_pl.cli.mistakes import readable
from egotap_pl.core.errors import EgotapError

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
Identify = Callable[[Run], IdentifiedRun]


@pytest.fixture(scope="module")
def identify() -> Identify:
    GlobalHydra.instance().clear()
    return one_by_one(Identifier(PRESETS))


def one_by_one(identifier: Identifier) -> Identify:
    """Each run as if there were no other."""
    return lambda run: next(identifier([run]))


def run(*overrides: str, experiment: str = "custom", recorded: bool = False) -> Run:
    """A run; one of a version after 0.1.0 has recorded what it was started with."""
    GlobalHydra.instance().clear()
    words = [*overrides, *([f"experiment={experiment}"] * (experiment != "custom"))]
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = hydra.compose("train", words, return_hydra_config=True)
    choices = {str(group): option for group, option in config.hydra.runtime.choices.items()} if recorded else {}
    with open_dict(config):
        del config["hydra"]
    settings = plain(config)
    metrics = {"experiment": experiment, "dataset": settings["data"]["name"], "dataset_fingerprint": "f"}
    return Run(Path("run"), settings, metrics, choices)


def test_presets_with_the_same_configuration_are_all_named(identify: Identify) -> None:
    found = identify(run(experiment="table2/grid_vit_pu"))
    assert found.presets == ("table2/grid_vit_pu", "table1/egotap")
    assert (found.scale, found.changes) == ("tiny", ())
    assert identify(run(experiment="table1/egotap")).key == found.key
    assert identify(run(experiment="table1/egotap")).presets == found.presets[::-1]
    assert identify(run(experiment="quickstart")).presets == ("table1/egotap", "table2/grid_vit_pu")  # as in PRESETS


def test_seeds_paths_and_devices_do_not_matter(identify: Identify) -> None:
    one = identify(run(experiment="table2/cnn"))
    devices = ("trainer=ddp", "trainer.devices=4", "trainer.accelerator=cpu", "trainer.workers=3", "data.workers=2")
    other = identify(run("seed=7", "name=x", "paths.runs=elsewhere", *devices, experiment="table2/cnn"))
    assert other.key == one.key
    assert other.presets == one.presets
    assert other.changes == ()
    assert other.setup == ("paths.runs=elsewhere",)


def test_what_was_changed_is_told_as_it_was_typed(identify: Identify) -> None:
    changed = identify(run("training.epochs=6", "lifter.joint_dim=32", "seed=3", experiment="table2/grid_vit"))
    assert changed.presets == ("table2/grid_vit",)
    assert dict(changed.changes) == {"training.epochs": "6", "lifter.joint_dim": "32"}
    assert changed.key != identify(run(experiment="table2/grid_vit")).key
    source = identify(run("heatmaps=truth", "training.task.optimizer.lr=0.01", experiment="table2/grid_vit"))
    assert dict(source.changes) == {"heatmaps": "truth", "training.task.optimizer.lr": "0.01"}
    probe = identify(run("training.epochs=6", experiment="table3/grid_vit"))
    assert dict(probe.changes) == {"training.epochs": "6"}  # the probe's epochs follow


def test_keys_that_the_preset_does_not_have_are_added_with_a_plus(identify: Identify) -> None:
    own = ("lifter.encoder._target_=mine.Sum", "+lifter.encoder.gain=2")
    added = ("+training.task.loss_weights.hands=0.1", "+trainer.val_check_interval=0.5")
    words = (*own, *added, "trainer.accumulate_grad_batches=2", "~lifter.encoder.depth")
    one = run(*words, experiment="table2/grid_vit")
    found = identify(one)
    assert sorted(as_overrides(found.changes)) == sorted(words)
    again = run(*as_overrides(found.changes), experiment="table2/grid_vit")  # the report's command
    assert again.settings == one.settings
    assert group([found])[0].variants[0].changes  # the class is recognised as the user's own


def test_a_change_that_makes_another_preset_is_that_preset(identify: Identify) -> None:
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
def test_data_and_scale_are_recognised(data: str, scale: str, identify: Identify) -> None:
    root = ["data.root=/somewhere"] if not data.startswith("egosynth") else []
    found = identify(run(f"data={data}", f"scale={scale}", *root, experiment="table2/grid_vit"))
    assert found.presets == ("table2/grid_vit",)
    assert (found.scale, found.changes, list(found.setup)) == (scale, (), root)


def test_a_changed_scale_is_a_change(identify: Identify) -> None:
    found = identify(run("scale.backbone_width=8", experiment="table2/grid_vit"))
    assert found.scale == "tiny"
    assert found.changes == (("scale.backbone_width", "8"),)


@pytest.mark.parametrize(
    ("experiment", "overrides"),
    [
        ("table2/grid_vit_pu", ()),
        ("table2/grid_vit", ("heatmaps=truth", "training.epochs=6", "scale=smoke")),
        ("table2/grid_vit_pu", ("lifter/propagation=concat", "heatmaps=joint_only")),
        ("custom", ("lifter/encoder=cnn", "lifter/propagation=none", "lifter/head=mlp")),
        ("table2/grid_vit", ("scale.backbone_width=8",)),
    ],
)
def test_a_run_that_recorded_its_choices_is_the_same(
    experiment: str, overrides: tuple[str, ...], identify: Identify
) -> None:
    one, other = (run(*overrides, experiment=experiment, recorded=recorded) for recorded in (False, True))
    assert other.choices["scale"]
    assert identify(other)._replace(run=one) == identify(one)


@pytest.mark.parametrize("option", ["estimators=egosynth_small", "augment=mirror", "temporal=causal_attention"])
def test_an_option_that_sets_many_keys_is_one_change(option: str, identify: Identify) -> None:
    found = identify(run(option, "training.epochs=6", experiment="table2/grid_vit", recorded=True))
    assert found.presets == ("table2/grid_vit",)
    assert found.changes == (tuple(option.split("=")), ("training.epochs", "6"))


def test_several_options_and_a_key_of_one_of_them(identify: Identify) -> None:
    options = ("estimators=egosynth_small", "temporal=causal_attention", "training.task.temporal.depth=7")
    both = identify(run(*options, experiment="table2/cnn", recorded=True))
    assert [f"{key}={value}" for key, value in both.changes] == list(options)


def test_another_estimator_is_one_change(identify: Identify) -> None:
    lean = identify(run("estimator=lean", "training.epochs=6", experiment="table2/grid_vit", recorded=True))
    assert lean.presets == ("table2/grid_vit",)
    assert lean.changes == (("estimator", "lean"), ("training.epochs", "6"))
    assert lean.key != identify(run("training.epochs=6", experiment="table2/grid_vit", recorded=True)).key
    preset = identify(run(experiment="beyond/lean_estimator", recorded=True))
    assert (preset.presets, preset.changes) == (("beyond/lean_estimator",), ())


def test_choices_that_are_no_options_are_not_believed(identify: Identify) -> None:
    expected = identify(run(experiment="table2/grid_vit"))
    unknown = replace(expected.run, choices={"scale": "huge", "heatmaps": None})
    assert identify(unknown)._replace(run=expected.run) == expected


def test_a_scale_of_ones_own_is_named(tmp_path: Path) -> None:
    for name, own in (("scale/smoke", "scale/mine"), ("protocol/egosynth_smoke", "protocol/egosynth_mine")):
        text = (conf_dir() / f"{name}.yaml").read_text(encoding="utf-8").replace("joint_dim: 16", "joint_dim: 24")
        (tmp_path / own).parent.mkdir()
        (tmp_path / f"{own}.yaml").write_text(text, encoding="utf-8")
    started = run("scale=smoke", "scale.joint_dim=24", experiment="table2/cnn", recorded=True)
    started = replace(started, choices={**started.choices, "scale": "mine"})
    hydras_main(tmp_path)
    known = one_by_one(Identifier(PRESETS))(started)
    assert (known.scale, known.presets, known.changes) == ("mine", ("table2/cnn",), ())
    assert f"--config-dir={tmp_path}" in known.setup  # the commands of the report's tables need it, too
    GlobalHydra.instance().clear()
    unknown = one_by_one(Identifier(PRESETS))(started)  # without --config-dir
    assert (unknown.scale, unknown.changes) == ("smoke", (("scale.joint_dim", "24"),))
    assert not any("--config-dir" in word for word in unknown.setup)


def test_an_option_of_ones_own_is_one_change(tmp_path: Path) -> None:
    (tmp_path / "augment").mkdir()
    option = "# @package training\naugment:\n  _target_: mine.Black\n"
    (tmp_path / "augment" / "black.yaml").write_text(option, encoding="utf-8")
    started = run("training.augment={_target_:mine.Black}", experiment="table2/cnn", recorded=True)
    started = replace(started, choices={**started.choices, "augment": "black"})
    hydras_main(tmp_path)
    (found,) = Identifier(PRESETS)([started])
    assert (found.presets, found.changes) == (("table2/cnn",), (("augment", "black"),))
    GlobalHydra.instance().clear()


def test_a_preset_of_ones_own_names_equal_runs_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    preset = "# @package _global_\ndefaults: [table2/grid_vit]\nlifter: {encoder: {_target_: mine.Sum}}\n"
    (tmp_path / "experiment" / "my_sum.yaml").write_text(preset, encoding="utf-8")
    by_override = run("lifter.encoder._target_=mine.Sum", experiment="table2/grid_vit", recorded=True)
    as_preset = replace(by_override, folder=Path("own"), metrics={**by_override.metrics, "experiment": "my_sum"})
    hydras_main(tmp_path)
    for runs in ([by_override, as_preset], [as_preset, by_override]):
        found = list(Identifier(PRESETS)(runs))
        assert [each.run for each in found] == runs
        assert [(each.presets, each.changes) for each in found] == [(("my_sum",), ())] * 2
    GlobalHydra.instance().clear()


def hydras_main(config_dir: Path) -> None:
    """Hydra as it is while `egotap report --config-dir DIR` runs."""
    GlobalHydra.instance().clear()
    path = create_config_search_path(str(conf_dir()))
    path.prepend("command-line", f"file://{config_dir}", "schema")
    Hydra.create_main_hydra2("report", path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1,\nb: 2\n", 'not valid YAML.*mine.yaml", line 1'),
        (b"- a\n", "mine.yaml: must be a mapping"),
        (b"5\n", "mine.yaml: cannot be read"),
        (b"# f\xfcr\na: 1\n", "mine.yaml: .*not UTF-8 text"),
        (b"a: ${oops\n", "mine.yaml: cannot be read"),
    ],
)
def test_a_scale_of_a_users_own_that_cannot_be_read_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "scale").mkdir()
    (tmp_path / "scale" / "mine.yaml").write_bytes(content)
    with pytest.raises((EgotapError, yaml.YAMLError)) as error:
        _options("scale", tmp_path)
    assert re.search(message, readable(error.value) or "", re.S)
