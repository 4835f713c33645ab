"""Jobs of a grid that cannot run are named before the first job begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import composed
import pytest
from smoke import LIFTER, SMOKE, Run

from egotap_pl.cli.configuration.composing import compose
from egotap_pl.cli.configuration.repeating import parse
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checks.early import EarlyChecks, on_any_machine
from egotap_pl.engine.runs.labels import Command


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The experiments that begin. They fail at once."""
    names: list[str] = []

    def begin(settings: Any) -> None:
        names.append(settings.command.experiment)
        raise EgotapError("enough")

    monkeypatch.setattr("egotap_pl.cli.train.train", begin)
    return names


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trainings of which a step is tried before the grid begins."""
    from egotap_pl.engine.checks import early as early_checks

    titles: list[str] = []
    try_step: Callable[..., None] = early_checks.try_step

    def note(planned: Any, *rest: Any) -> None:
        titles.append(planned.title)
        try_step(planned, *rest)

    monkeypatch.setattr(early_checks, "try_step", note)
    return titles


def test_a_row_that_cannot_run_is_named_with_the_remedy(home: Path, run: Run, begun: list[str]) -> None:
    folders = ("paths.runs=checked/runs", "paths.work=checked/work")
    ended = run("train", "-m", *LIFTER, *folders, "experiment=table1/egotap,table1/egoglass", "seed=1,2", ok=False)
    assert ended.status == 1
    message = ended.err[ended.err.index("egotap: ") :]
    assert message.startswith("egotap: 2 of 4 jobs cannot run, so none was started.")
    assert "job 2: scale=smoke heatmaps=truth paths.runs=checked/runs" in message
    assert "experiment=table1/egoglass seed=2" in message
    assert "table1/egotap" not in message
    assert message.count("EgoGlassTask trains its own estimators: choose heatmaps=egoglass, not TrueHeatmaps") == 1
    assert "Traceback" not in ended.err
    assert not begun
    assert not (home / "checked" / "work").exists()
    assert not list(home.glob("checked/**/jobs.csv"))


def test_every_reason_is_named(run: Run, begun: list[str]) -> None:
    """Values out of range, options that do not exist, and missing checkpoints."""
    words = ("training.batch_size=4,0", "init=null,missing.ckpt", "heatmaps=truth,nothing")
    err = run("train", "-m", *SMOKE, *words, ok=False).err
    assert "7 of 8 jobs cannot run" in err
    assert err.count("training.batch_size=0: must be 1 or more") == 1
    assert err.count("init=missing.ckpt: no such checkpoint; give a file, or the folder of a finished run") == 1
    assert err.count("heatmaps=nothing: unknown option") == 1
    assert "job 0:" not in err
    assert all(f"job {number}: " in err for number in range(1, 8))
    assert not begun


def test_what_all_jobs_have_in_common_is_said_as_for_one(run: Run, begun: list[str]) -> None:
    one = run("train", *LIFTER, "training.epochs=-1", ok=False).err
    assert run("train", "-m", *LIFTER, "training.epochs=-1", "seed=1,2", ok=False).err == one
    assert "+epochs=3" in run("train", "-m", *LIFTER, "+epochs=3", "seed=1,2", ok=False).err
    assert not begun


def test_a_part_of_ones_own_is_tried(run: Run, begun: list[str]) -> None:
    own = ("lifter/propagation=none", "lifter.propagation._target_=own_parts.Values,own_parts.Wide")
    err = run("train", "-m", *LIFTER, *own, ok=False).err
    assert "1 of 2 jobs cannot run" in err
    assert "job 1:" in err
    assert "lifter: a trial step failed" in err
    assert "Wide returned (2, 15, 32) in place of a tensor of (2, 15, 16)" in err
    assert not begun


def test_good_jobs_run_and_equal_parts_are_tried_once(run: Run, begun: list[str], tried: list[str]) -> None:
    err = run("train", "-m", *SMOKE, "experiment=table2/cnn,table2/grid_vit", "seed=1,2", ok=False).err
    assert begun == ["table2/cnn"] * 2 + ["table2/grid_vit"] * 2
    assert tried == ["joint estimator", "limb estimator", "lifter", "lifter"]
    assert "cannot run" not in err


def test_data_that_may_come_later_are_left_to_the_job(run: Run, begun: list[str], tried: list[str]) -> None:
    for data in ("egocap", "unrealego"):
        run("train", "-m", f"data={data}", "data.root=not-there-yet,nor-this", ok=False)
    assert len(begun) == 4
    prepared = ("data=egocap", "data.root=null", "seed=1,2")
    run("train", "-m", *prepared, "data.folder=not-there-yet", ok=False)
    assert len(begun) == 6
    assert "needs their folder: give data.folder=DIR" in run("train", "-m", *prepared, ok=False).err
    assert len(begun) == 6
    assert not tried


def test_prepared_data_say_what_fits_them(home: Path, run: Run, begun: list[str], tried: list[str]) -> None:
    run(
        "prepare",
        *SMOKE,
        "data.frames={train: 2, validation: 1, test: 1}",
        "data.folder=checked-stores",
        "data.workers=0",
    )
    words = ("data=egocap", "scale=smoke", "data.root=null", "data.folder=checked-stores")
    err = run("train", "-m", *words, "experiment=table1/egotap,table1/egoglass", "heatmaps=truth", ok=False).err
    assert "1 of 2 jobs cannot run" in err
    assert tried == ["lifter", "lifter"]
    assert not begun


def test_a_defect_is_left_to_the_job(run: Run, begun: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of tune")

    monkeypatch.setattr("egotap_pl.engine.checks.early.try_step", broken)
    run("train", "-m", *LIFTER, "seed=1,2", ok=False)
    assert len(begun) == 2


def test_jobs_on_other_machines_may_have_other_devices() -> None:
    """What does not depend on the machine is checked all the same."""
    trainer = {"accelerator": "gpu", "devices": 2, "precision": "16-mixed", "workers": 3}
    assert on_any_machine(trainer) == {**trainer, "accelerator": "cpu"}
    assert on_any_machine({**trainer, "devices": [1, 3]})["devices"] == 2
    assert on_any_machine({**trainer, "devices": "auto"})["devices"] == 1
    words = (*LIFTER, "trainer=ddp", "trainer.devices=64", "training.batch_size=64")
    with pytest.raises(EgotapError, match="GPUs"):
        parse(composed.compose(*words), Command())
    assert parse(composed.compose(*words), Command(), on_this_machine=False).devices.processes == 64
    with pytest.raises(EgotapError, match=r"must be a multiple of trainer\.devices=64"):
        parse(composed.compose(*words[:-1]), Command(), on_this_machine=False)


def test_checks_do_not_change_the_settings() -> None:
    settings = compose("experiment=table2/cnn", "scale=smoke")
    EarlyChecks().check(settings)
    assert settings.config == compose("experiment=table2/cnn", "scale=smoke").config
