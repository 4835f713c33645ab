"""`egotap train repeat=RUN` runs an earlier run's configuration again, and nothing that it should not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from smoke import LIFTER, Run, run_folder

from egotap_pl import compose
from egotap_pl.core.errors import EgotapError

OLD = Path(__file__).parents[1] / "old" / "0.1.0" / "runs" / "table2" / "grid_vit_pu" / "egosynth" / "seed=3"


@pytest.fixture(scope="module")
def first(home: Path) -> Path:
    from commands import prepared

    words = ("experiment=table2/cnn", *LIFTER, "seed=7", "training.epochs=1", "training.task.optimizer.eps=1e-7")
    with prepared(home) as run:
        return run_folder(run("train", *words, "paths.runs=first"), home)


def entry(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return content


def test_a_run_is_repeated_exactly_elsewhere(home: Path, run: Run, first: Path) -> None:
    again = run("train", f"repeat={first}", "paths.runs=again", "name=second")
    folder = run_folder(again, home)
    assert folder == home / "again" / "table2" / "cnn" / "egosynth" / "second"
    assert entry(folder) == entry(first)
    assert torch.__version__.startswith(entry(first)["versions"]["torch"])  # which build it is may be missing
    errors = [json.loads((path / "metrics.json").read_text())["per_joint"] for path in (first, folder)]
    assert errors[0] == errors[1]
    assert f"mm in {first}" in again.err
    there = run("train", f"repeat={first}/checkpoints/best.ckpt", "paths.runs=first")
    assert run_folder(there, home) == first
    assert "here already; to run it again" in there.err


@pytest.mark.parametrize(
    "word",
    [
        *("seed=8", "lifter=unrealego", "++training.epochs=2", "data=egosynth_stick", "trainer.precision=bf16-mixed"),
        *("trainer.accumulate_grad_batches=4", "+trainer.max_steps=3", "trainer.tf32=true"),
    ],
)
def test_what_would_change_the_run_is_refused(run: Run, first: Path, word: str) -> None:
    err = run("train", f"repeat={first}", word, ok=False).err
    assert f"repeats the run as it was: leave out {word}" in err


def test_devices_may_be_others(first: Path) -> None:
    settings = compose(f"repeat={first}", "trainer=ddp", "trainer.accelerator=cpu", "trainer.workers=0")
    assert settings.devices.devices == 2
    assert settings.training.epochs == 1


def test_what_does_not_change_the_result_may_be_others(first: Path) -> None:
    words = ("trainer.checkpoint_minutes=3", "trainer.compile=true", "trainer.nan_retries=2", "trainer.profiler=simple")
    devices = compose(f"repeat={first}", *words).devices
    assert (devices.checkpoint_minutes, devices.nan_retries, devices.acceleration.compile) == (3, 2, True)
    assert devices.options["profiler"] == "simple"
    assert devices.determining == compose(f"repeat={first}").devices.determining


def test_a_run_of_version_0_1_0(tmp_path: Path) -> None:
    settings = compose(f"repeat={OLD}", f"paths.work={tmp_path}")
    assert settings.command.experiment == "table2/grid_vit_pu"
    assert settings.seed == 3
    assert settings.paths.stages == tmp_path / "stages"


def forged(first: Path, folder: Path, key: str, value: object) -> Path:
    """A copy of a run with another value in its config.yaml."""
    shutil.copytree(first, folder)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    *path, last = key.split(".")
    node = config
    for name in path:
        node = node[name]
    node[last] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.source._target_", "subprocess.Popen", "names subprocess.Popen, which is not in egotap_pl's own"),
        ("data.source._target_", "subprocess.Popen", "which is never trusted"),
        ("training.augment", {"_target_": "my_idea.Noise"}, "add trust=[egotap_pl,my_idea]"),
        (
            "training.augment",
            {"_target_": "egotap_pl.core.atomic.write_text"},
            "names egotap_pl.core.atomic.write_text",
        ),
        ("data.name", "../../elsewhere", "must be the name of a folder"),
        ("seed", "${oc.env:HOME}", "is the interpolation"),
        ("training.batch_size", "many", "training.batch_size=many: must be a whole number"),
    ],
)
def test_a_strangers_run_is_checked(first: Path, tmp_path: Path, key: str, value: object, message: str) -> None:
    folder = forged(first, tmp_path / "run", key, value)
    with pytest.raises(EgotapError) as error:
        compose(f"repeat={folder}")
    assert message in str(error.value)


def test_a_trusted_package_that_is_not_on_the_path_is_named(first: Path, tmp_path: Path) -> None:
    folder = forged(first, tmp_path / "run", "training.augment", {"_target_": "my_idea.Noise"})
    with pytest.raises(EgotapError, match=r"No module named 'my_idea'; .* must be on PYTHONPATH"):
        compose(f"repeat={folder}", "trust=[egotap_pl,my_idea]")


def test_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="must be the folder of a run"):
        compose(f"repeat={tmp_path}")
    (tmp_path / "config.yaml").write_text("checkpoint: x\n")
    with pytest.raises(EgotapError, match="is not the configuration of a training: it has no data"):
        compose(f"repeat={tmp_path}")
