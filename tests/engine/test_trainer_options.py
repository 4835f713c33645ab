"""Arguments of Lightning's Trainer are passed on, or refused, and never ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from smoke import LIFTER, Run, run_folder

from egotap_pl import compose
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.devices.devices import Devices

CPU = {"accelerator": "cpu", "devices": 1, "precision": "32-true", "workers": 0}
GPU = {**CPU, "accelerator": "gpu"}


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("devices", "number", "first"),
    [
        (3, 3, "cuda"),
        ("auto", 4, "cuda"),
        ([1], 1, "cuda:1"),
        ([3, 0], 2, "cuda:3"),
        ("cuda:2", 1, "cuda:2"),
    ],
)
def test_ways_to_name_gpus(devices: Any, number: int, first: str) -> None:
    parsed = Devices.parse({**GPU, "devices": devices})
    assert (parsed.devices, str(parsed.torch_device)) == (number, first)
    assert Devices.parse({**GPU, "accelerator": "auto", "devices": devices}) == parsed


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize("devices", [5, 0, [4], [1, 1], [-1], "cuda:9", "cuda", "two", True, 1.5, []])
def test_gpus_that_do_not_exist(devices: Any) -> None:
    with pytest.raises(EgotapError, match=r"trainer\.devices="):
        Devices.parse({**GPU, "devices": devices})


def test_without_a_gpu_auto_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    devices = Devices.parse({**CPU, "accelerator": "auto", "devices": "auto"})
    assert (devices.accelerator, devices.devices, devices.torch_device) == ("cpu", 1, torch.device("cpu"))
    with pytest.raises(EgotapError, match="a CPU has no indices"):
        Devices.parse({**CPU, "devices": [0]})


def test_every_argument_reaches_lightning(tmp_path: Path) -> None:
    options = {"accumulate_grad_batches": 3, "limit_val_batches": 0.5, "val_check_interval": 0.25, "max_steps": 7}
    trainer = Devices.parse({**CPU, **options}).trainer(logger=False, max_steps=99)
    assert trainer.accumulate_grad_batches == 3
    assert (trainer.limit_val_batches, trainer.val_check_interval, trainer.max_steps) == (0.5, 0.25, 7)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ["trainer.acumulate_grad_batches=4"],
            "trainer.acumulate_grad_batches: unknown key; did you mean trainer.accum",
        ),
        (["+trainer.acumulate_grad_batches=4"], "unknown setting; did you mean trainer.accumulate_grad_batches?"),
        (["trainer.accumulate_grad_batches=four"], "trainer.accumulate_grad_batches=four: must be a whole number"),
        (
            ["trainer.val_check_interval=0.5"],
            "an argument of Lightning's Trainer: add it with +trainer.val_check_interval=",
        ),
        (["+trainer.max_epochs=3"], "trainer.max_epochs cannot be set: give training.epochs"),
        (["+trainer.fast_dev_run=true"], "choose debug=fast"),
        (["trainer.profiler=fancy"], "trainer.profiler=fancy: must be one of: simple, advanced, pytorch"),
        (["trainer.limit_train_batches=-1"], "limit_train_batches"),
        (["trainer.max_time=soon"], "trainer.max_time=soon: must be DD:HH:MM:SS"),
    ],
)
def test_arguments_that_are_refused(words: list[str], part: str, run: Run) -> None:
    err = run("train", *LIFTER, "paths.runs=refused", *words, ok=False).err
    assert part in err
    assert "Traceback" not in err


def test_a_training_ends_when_its_time_is_up(home: Path, run: Run) -> None:
    folder = run_folder(
        run("train", *LIFTER, "paths.runs=timed", "training.epochs=2000", "trainer.max_time=00:00:00:01"), home
    )
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] + 1 < 2000
    assert json.loads((folder / "metrics.json").read_text())["mpjpe"] > 0


def test_what_determines_the_result_makes_another_run(home: Path, run: Run) -> None:
    where = "paths.runs=options"
    first = run_folder(run("train", *LIFTER, where), home)
    shown = ("trainer.profiler=simple", "+trainer.enable_progress_bar=false", "+trainer.log_every_n_steps=1")
    assert run_folder(run("train", *LIFTER, where, *shown), home) == first
    other = run_folder(run("train", *LIFTER, where, "trainer.limit_train_batches=1"), home)
    assert other != first
    assert run_folder(run("train", *LIFTER, where, "trainer.limit_train_batches=null"), home) == first


def test_a_profile_is_written_to_the_folder(home: Path, run: Run) -> None:
    folder = run_folder(run("train", *LIFTER, "paths.runs=profiled", "debug=profile"), home)
    assert "training_step" in (folder / "fit-profile.txt").read_text()


@pytest.mark.parametrize("preset", ["table1/egotap", "beyond/egoposeformer"])
def test_every_stage_is_short_with_debug_fast(preset: str) -> None:
    settings = compose(f"experiment={preset}", "scale=paper", "debug=fast")
    before = [] if settings.pretraining is None else [settings.pretraining.training]
    assert bool(before) == (preset == "beyond/egoposeformer")
    for training in (*settings.estimators.values(), *before, settings.training):
        assert training.epochs == 1
        assert training.guard is None
    assert settings.devices.options == {"limit_train_batches": 2, "limit_val_batches": 2}


@pytest.mark.slow
def test_debug_overfit_learns_its_batches_by_heart(home: Path, run: Run) -> None:
    small = ("training.batch_size=2", "training.task.optimizer.lr=0.003")
    folder = run_folder(run("train", *LIFTER, "paths.runs=overfit", "debug=overfit", *small), home)
    rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    column = rows[0].index("train/mpjpe")
    errors = [float(row[column]) for row in rows[1:] if row[column]]
    assert min(errors) < 0.25 * errors[0]
    assert json.loads((folder / "metrics.json").read_text())["frames"] == 8


def test_a_training_that_is_over_before_its_first_validation(run: Run) -> None:
    err = run("train", *LIFTER, "paths.runs=over", "+trainer.check_val_every_n_epoch=2", ok=False).err
    assert "ended before its first validation" in err


def test_predict_refuses_what_it_cannot_use(home: Path, run: Run) -> None:
    folder = run_folder(run("train", *LIFTER, "paths.runs=options"), home)
    words = ("input=x", "output=x.csv", "trainer.limit_val_batches=2")
    assert (
        "trainer.limit_val_batches: egotap predict uses only"
        in run("predict", f"checkpoint={folder}", *words, ok=False).err
    )


def test_a_number_that_is_not_logged_cannot_choose_the_best_epoch(run: Run) -> None:
    err = run("train", *LIFTER, "paths.runs=unmonitored", "training.monitor=validation/mpjep", ok=False).err
    assert "lifter: monitor=validation/mpjep: " in err
    assert "validation/mpjpe" in err
    assert "Traceback" not in err
