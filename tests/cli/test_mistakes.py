"""Mistakes on the command line end with one message that names what was probably meant."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from random_checkpoints import checkpoint
from smoke import LIFTER, Run

from egotap_pl.cli.configuration.words import options_first
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.training import TrainResult


def message(run: Run, *command: str) -> str:
    """The message of a command that must fail without a traceback and without Hydra's own words."""
    outcome = run(*command, ok=False)
    assert outcome.status == 1
    assert outcome.err.startswith("egotap: ")
    for word in ("Traceback", "Error executing", "hydra.cc", "struct"):
        assert word not in outcome.err
    return outcome.err.removeprefix("egotap: ")


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("--experiment=quickstart", "--experiment: unknown option; did you mean experiment=quickstart?"),
        ("--experiment quickstart scale=tiny", "--experiment: unknown option; did you mean experiment=quickstart?"),
        ("--seed", "--seed: unknown option; did you mean seed=...?"),
        ("--seed scale=tiny", "--seed: unknown option; did you mean seed=...?"),
        ("experiment quickstart", "experiment: did you mean experiment=quickstart?"),
        ("-m experiment = quickstart", "experiment: did you mean experiment=quickstart?"),
        ("scale=tiny experiment =quickstart", "experiment: did you mean experiment=quickstart?"),
        ("experiment= quickstart", "experiment=: did you mean experiment=quickstart?"),
        ("quickstart seed=1", "quickstart: did you mean experiment=quickstart?"),
        ("table2/cnn", "table2/cnn: did you mean experiment=table2/cnn?"),
        ("experiment", "experiment: a value is missing; overrides have the form key=value"),
        ("fast", "fast: overrides have the form key=value, e.g. experiment=quickstart"),
        ("-m seed=1,2 --cfg job", "--cfg prints the configuration of one job: leave out -m"),
        (
            "mount=visor",
            "mount=visor: unknown option\nmount must be one of: glasses, headset, stick\n"
            "one of your own, FOLDER/mount/visor.yaml, needs --config-dir FOLDER\n",
        ),
        ("heatmaps=true", "heatmaps=true: unknown option; did you mean truth?"),
        ("lifter/encoder=1", "lifter/encoder=1: unknown option\nlifter/encoder must be one of: "),
        ("lifter/encoder=null", "lifter/encoder=null: unknown option"),
        ("seed=1 hydra.job.chdir=true", "hydra.job.chdir=true: paths are relative to the folder you start in"),
    ],
)
def test_words_that_are_not_overrides(words: str, start: str, run: Run) -> None:
    assert message(run, "train", *words.split()).startswith(start)


@pytest.mark.parametrize(
    "words",
    [
        "-m seed=1,2 ~probe +training.task.optimizer.foo=1 name=",
        "name= seed=1",
        "--config-dir my_conf lifter/encoder=mine",
        "-cd my_conf --config-dir=my_conf -cn train --config-name=train",
        "--cfg job -p training --package=training -c hydra --resolve",
        "--info config --help --version",
        "--experimental-rerun multirun.pickle",
        "--multi seed=1,2",
    ],
)
def test_options_of_hydra_and_overrides_are_accepted(words: str) -> None:
    assert sorted(options_first(words.split())) == sorted(words.split())


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epoch=3", "training.epoch: unknown key; did you mean training.epochs?"),
        ("trainin.epochs=3", "trainin.epochs: unknown key; did you mean training.epochs?"),
        ("training.task.optimizer.ls=3", "did you mean training.task.optimizer.lr?"),
        ("epochs=3", "epochs: unknown key; did you mean training.epochs, "),
        ("sed=3", "sed: unknown key; did you mean seed, "),
        (
            "estimators.shared.task.schedule.X=3",
            "estimators.shared.task.schedule.X: unknown key; estimators has: joint, limb\n",
        ),
        ("training.task.optimizer.lrr=1", "training.task.optimizer.lrr: unknown key; did you mean training.task.opt"),
        ("qqq=3", "qqq: unknown key; --cfg job prints all keys"),
        ("lifter/encodr=cnn", "lifter/encodr: unknown group; did you mean lifter/encoder?"),
        ("experiment=quikstart", "experiment=quikstart: unknown option; did you mean quickstart?"),
        ("experiment=table2/cn", "experiment=table2/cn: unknown option; did you mean table2/cnn?"),
        ("lifter/encoder=cn", "lifter/encoder=cn: unknown option; did you mean cnn?"),
        (
            "data=unrealeg",
            "must be one of: ego4view_rw, ego4view_syn, egocap, egosynth, egosynth_mocap, egosynth_motions, "
            "egosynth_stick, unrealego, unrealego2, unrealego_rw",
        ),
        ("estimator@estimators.joint=qqq", "estimator=qqq: unknown option\nestimator must be one of: base"),
    ],
)
def test_a_misspelt_key_or_option_is_answered_with_the_nearest(override: str, expected: str, run: Run) -> None:
    assert expected in message(run, "train", override)


def test_a_group_that_an_option_does_not_have_is_named(run: Run) -> None:
    error = message(run, "train", "lifter=ego3dpose", "lifter/encoder=cnn")
    assert error.startswith("lifter/encoder: there is no encoder to choose; the chosen lifter has none")


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_the_nearest_key_is_that_of_the_verb(verb: str, run: Run) -> None:
    assert "did you mean paths.runs?" in message(run, verb, "paths.run=x")


@pytest.mark.parametrize("override", ["+epochs=3", "++epochs=3"])
def test_a_key_that_nothing_reads_cannot_be_added(override: str, run: Run) -> None:
    error = message(run, "train", *LIFTER, override)
    assert error.startswith(f"{override}: epochs: unknown key; did you mean training.epochs, ")


def test_known_keys_and_groups_of_the_users_can_be_added(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: list[Settings] = []

    def note(configured: Settings) -> TrainResult:
        settings.append(configured)
        raise EgotapError("not trained")

    monkeypatch.setattr("egotap_pl.cli.train.train", note)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "long.yaml").write_text("# @package _global_\ntraining:\n  epochs: 77\n")
    own = ("--config-dir", str(tmp_path), "+mine=long", "++seed=5", "+training.task.optimizer.amsgrad=true")
    assert message(run, "train", *own, *LIFTER) == "not trained\n"
    assert (settings[0].training.epochs, settings[0].seed) == (77, 5)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a lifter with estimators."""
    return checkpoint(tmp_path_factory.mktemp("mistakes") / "own.ckpt", "experiment=table2/cnn")


def test_a_misspelt_split_is_answered_with_the_splits_before_any_work(own: Path, run: Run, tmp_path: Path) -> None:
    data = ("data=egosynth", "scale=smoke", f"paths.work={tmp_path}/work")
    for command in (("evaluate", *data), ("predict", f"input={tmp_path}", f"output={tmp_path}/poses.h5")):
        error = message(run, *command, f"checkpoint={own}", "split=tset")
        assert error == "split=tset: must be one of: train, validation, test\n"
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_a_folder_is_named(own: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = message(run, "export", f"checkpoint={own}", f"output={tmp_path}/file/small.ckpt")
    assert error.startswith(f"{tmp_path}/file: file exists; a file has the name of a folder; move it away")


def test_the_folder_of_a_store_is_named_for_its_file(own: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "test.h5").touch()
    error = message(run, "evaluate", f"checkpoint={own}", f"store={tmp_path}/test.h5")
    assert error == f"store={tmp_path}/test.h5 is a file: must be the folder of the prepared data, store={tmp_path}\n"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("batch_size=0", "batch_size=0: must be a whole number, 1 or more"),
        ("batch_size=-4", "batch_size=-4: must be a whole number, 1 or more"),
        ("workers=-1", "workers=-1: must be a whole number, 0 or more"),
        ("workers=few", "workers=few: must be a whole number, 0 or more"),
        ("output=run", "output=run is the folder of a run or a stage, whose own results would be replaced"),
        ("output=stage", "output=stage is the folder of a run or a stage, whose own results would be replaced"),
        ("output=file", "output=file is a file: must be a folder, for metrics.json and predictions.h5"),
    ],
)
def test_what_a_test_cannot_be_run_with_is_named_before_any_work(
    word: str, expected: str, own: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = ("file", "run/run.json", "stage/done.json")
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}")
    error = message(run, "evaluate", "data=egosynth", "scale=smoke", f"checkpoint={own}", word)
    assert error.startswith(expected)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(files)


PRESETS = {
    "no_override": (
        "# @package _global_\ndefaults:\n  - lifter/propagation: none\n",
        "  - override /lifter/propagation: none",
    ),
    "no_package": ("lifter:\n  joint_dim: 8\n", "nothing reads its lifter, because the file does not begin with"),
    "no_yaml": ("lifter: [1\n", 'no_yaml.yaml", line'),
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_of_ones_own_that_is_written_wrongly(name: str, run: Run, tmp_path: Path) -> None:
    text, part = PRESETS[name]
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / f"{name}.yaml").write_text(text)
    assert part in message(run, "train", f"experiment={name}", "--config-dir", str(tmp_path), "scale=smoke")


def test_a_module_of_ones_own_that_is_not_found(run: Run) -> None:
    err = message(run, "train", *LIFTER, "lifter.propagation._target_=no_such_module.Sum")
    assert err.startswith("training.task.lifter.propagation._target_=no_such_module.Sum cannot be imported")
    assert "PYTHONPATH=." in err


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (errno.ENOSPC, "no space left on device; make room, then run the same command again: it resumes"),
        (errno.EROFS, "read-only file system; choose a folder on another disk"),
        (errno.EACCES, "permission denied; give access to it, or choose another folder"),
    ],
)
def test_a_disk_that_cannot_be_written(
    number: int, part: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mkdir = Path.mkdir

    def fail(self: Path, *arguments: Any, **options: Any) -> None:
        if tmp_path in self.parents:
            raise OSError(number, os.strerror(number), str(self))
        mkdir(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", fail)
    err = message(run, "train", *LIFTER, f"paths.runs={tmp_path / 'runs'}", f"paths.work={tmp_path / 'work'}")
    assert err.startswith(f"{tmp_path}{os.sep}")
    assert part in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            {"state_dict": torch.nn.Linear(2, 2)},
            "it contains torch.nn.modules.linear.Linear, not only tensors and plain",
        ),
        ([1, 2], "it has no state_dict"),
        ({"weight": torch.zeros(2)}, "it has no state_dict"),
    ],
)
def test_a_file_of_torch_that_is_no_checkpoint(content: Any, reason: str, run: Run, tmp_path: Path) -> None:
    """torch's own advice, how to load such a file unsafely, is not passed on."""
    torch.save(content, tmp_path / "mine.pt")
    error = message(run, "evaluate", f"checkpoint={tmp_path}/mine.pt")
    assert error.startswith(f"{tmp_path}/mine.pt is not a ")
    assert reason in error
    for word in ("two options", "weights_only", "trust"):
        assert word not in error
