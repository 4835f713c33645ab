"""Trainings that signals end: what they leave behind, and that they go on to the same weights."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from broken_optimiser import WANDERING, spoil
from commands import prepared
from processes import AT_ONCE, Command, members
from smoke import EPOCHS, STEPS_PER_EPOCH, Outcome, Run, at_step, run_folder, wait_until

from egotap_pl.tasks.lifting import LiftingTask

WITHIN_EPOCH_2 = STEPS_PER_EPOCH + 3


def command(runs: str, *more: str, stop_at: int = WITHIN_EPOCH_2) -> tuple[str, ...]:
    """A training whose steps and augmentation use random numbers, and that gets a signal at a step."""
    return ("train", *EPOCHS, *WANDERING, f"+training.task.optimizer.stop_at={stop_at}", f"paths.runs={runs}", *more)


@pytest.fixture(scope="module")
def undisturbed(home: Path) -> Path:
    """The folder of a run that nothing happened to."""
    with prepared(home) as call:
        return run_folder(call(*command("undisturbed")), home)


def stopped_by(number: int, home: Path, *arguments: str) -> Outcome:
    """A command that gets a signal, or, if it is negative, whose processes all do."""
    (home / "break").write_text(str(int(number)))
    ended = Command(home, *arguments, group=True).end()
    (home / "break").unlink()
    return ended


def assert_same(one: Path, other: Path) -> None:
    """Two runs have the same weights, optimisers, errors and logs."""
    for name in ("last", "best"):
        contents = [torch.load(path / "checkpoints" / f"{name}.ckpt", weights_only=True) for path in (one, other)]
        first, second = (content["state_dict"] for content in contents)
        assert first.keys() == second.keys()
        assert all(torch.equal(value, second[key]) for key, value in first.items())
        first, second = (content["optimizer_states"][0]["state"] for content in contents)
        assert all(torch.equal(first[k]["exp_avg"], second[k]["exp_avg"]) for k in first)
        assert contents[0]["lr_schedulers"] == contents[1]["lr_schedulers"]
    logs = [(path / "metrics.csv").read_text() for path in (one, other)]
    assert logs[0] == logs[1]
    metrics = [json.loads((path / "metrics.json").read_text()) for path in (one, other)]
    assert all(metrics[0][key] == metrics[1][key] for key in ("mpjpe", "per_joint", "per_category"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "workers", "stop_at", "where"),
    [
        (signal.SIGTERM, 0, 3, "after 3 batches"),
        (-signal.SIGUSR1, 2, WITHIN_EPOCH_2, "after epoch 1 and 3 batches"),
        (-signal.SIGTERM, 2, STEPS_PER_EPOCH, "after 8 batches"),
        (-signal.SIGINT, 2, WITHIN_EPOCH_2, "after epoch 1 and 3 batches"),
    ],
    ids=["SIGTERM", "SIGUSR1 to all", "SIGTERM to all, before a validation", "Ctrl-C"],
)
def test_a_signal_ends_it_after_the_step(
    number: int, workers: int, stop_at: int, where: str, home: Path, run: Run, undisturbed: Path
) -> None:
    runs = f"stopped-{number}-{stop_at}"
    again = command(runs, f"trainer.workers={workers}", stop_at=stop_at)
    ended = stopped_by(number, home, *again)
    assert ended.status == (130 if abs(number) == signal.SIGINT else 75), ended
    assert "Traceback" not in ended.err
    assert "run the same command" in ended.err.splitlines()[-1]
    assert not list((home / runs).rglob("metrics.json"))
    went_on = run(*again)
    assert f"lifter: resuming {where} (resumed 1 time: " in went_on.err
    assert "resumed                 1 time: " in went_on.out
    folder = run_folder(went_on, home)
    assert len(json.loads((folder / "metrics.json").read_text())["resumed"]) == 1
    assert_same(folder, undisturbed)


def test_killed_it_goes_on_from_a_checkpoint_within_the_epoch(home: Path, run: Run, undisturbed: Path) -> None:
    """Before each step a checkpoint is written; another number of workers reads the rest."""
    again = command("killed", "trainer.checkpoint_minutes=1e-9")
    assert stopped_by(signal.SIGKILL, home, *again).status == -signal.SIGKILL
    went_on = run(*again[:-1], "trainer.checkpoint_minutes=0", "trainer.workers=1")
    assert "lifter: resuming after epoch 1 and 2 batches" in went_on.err
    assert_same(run_folder(went_on, home), undisturbed)


@pytest.mark.parametrize(("step", "resumes"), [("validation_step", "after 8 batches"), ("test_step", "after epoch 3")])
def test_a_validation_and_a_test_begin_anew(
    step: str, resumes: str, home: Path, run: Run, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = ("train", *EPOCHS, f"paths.runs=stopped-in-{step}")
    with monkeypatch.context() as patched:
        patched.setattr(LiftingTask, step, sending(signal.SIGTERM, getattr(LiftingTask, step), at=1))
        ended = run(*again, ok=False)
    assert ended.status == 75
    went_on = run(*again)
    assert f"lifter: resuming {resumes}" in went_on.err
    assert_same(run_folder(went_on, home), whole)


def sending(number: int, call: Callable[..., Any], at: int) -> Callable[..., Any]:
    """A function that sends this process a signal when it is called for the time ``at``, counted from 1."""
    calls = 0

    def called(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), number)
        return call(*arguments, **named)

    return called


def test_a_signal_between_two_stages_ends_the_command_at_once(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = sending(signal.SIGUSR1, lambda *_: pytest.fail("it went on"), at=1)
    monkeypatch.setattr("egotap_pl.engine.experiment.ensure_data", prepare)
    ended = run("train", *EPOCHS, "paths.runs=no-data", ok=False)
    assert ended.status == 75
    assert ended.err.splitlines()[-1].startswith("egotap: ended by SIGUSR1, to be continued")


def test_a_grid_starts_no_further_job(home: Path, run: Run) -> None:
    with at_step(2, lambda _: os.kill(os.getpid(), signal.SIGTERM)):
        ended = run("train", "-m", *EPOCHS, "seed=91,92", "paths.runs=stopped-grid", ok=False)
    assert ended.status == 75
    assert "Traceback" not in ended.err
    assert "job 0 interrupted" in ended.out
    assert "job 1" not in ended.out
    assert len(list((home / "stopped-grid").rglob("last.ckpt"))) == 1


def test_gradients_that_are_being_summed_are_finished_first(home: Path, run: Run) -> None:
    more = ("trainer.accumulate_grad_batches=3", "training.epochs=2")
    whole = run_folder(run("train", *EPOCHS, *more, "paths.runs=summed"), home)
    again = ("train", *EPOCHS, *more, "paths.runs=summed-stopped")
    with at_step(1, lambda _: os.kill(os.getpid(), signal.SIGTERM)):
        assert run(*again, ok=False).status == 75
    went_on = run(*again)
    assert "resuming after 3 batches" in went_on.err
    assert_same(run_folder(went_on, home), whole)


def test_a_validation_between_summed_gradients_is_finished(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first step of the optimiser, too, when there is no checkpoint to go on from."""
    more = ("trainer.accumulate_grad_batches=4", "+trainer.val_check_interval=2", "training.epochs=2")
    whole = run_folder(run("train", *EPOCHS, *more, "paths.runs=between"), home)
    again = ("train", *EPOCHS, *more, "paths.runs=between-stopped")
    with monkeypatch.context() as patched:
        step = sending(signal.SIGTERM, LiftingTask.validation_step, at=1)
        patched.setattr(LiftingTask, "validation_step", step)
        assert run(*again, ok=False).status == 75
    went_on = run(*again)
    assert "resuming after 4 batches" in went_on.err
    assert_same(run_folder(went_on, home), whole)


def test_a_loss_that_is_not_finite_goes_back(home: Path, run: Run, whole: Path) -> None:
    again = ("train", *EPOCHS, "trainer.nan_retries=1", "paths.runs=returned")
    with at_step(WITHIN_EPOCH_2, spoil):
        ended = run(*again)
    assert f"going back to step {STEPS_PER_EPOCH}, with another order of frames (return 1 of 1)" in ended.err
    folder = run_folder(ended, home)
    (entry,) = json.loads((folder / "metrics.json").read_text())["nan_returns"]
    assert (entry["step"], entry["to_step"]) == (WITHIN_EPOCH_2 + 1, STEPS_PER_EPOCH)
    one, other = (
        torch.load(path / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for path in (folder, whole)
    )
    assert all(value.isfinite().all() for value in one.values())
    assert not all(torch.equal(value, other[key]) for key, value in one.items())


def test_it_goes_back_a_bounded_number_of_times(home: Path, run: Run) -> None:
    again = ("train", *EPOCHS, "trainer.nan_retries=2", "training.task.optimizer.lr=1e30", "paths.runs=returned-often")
    ended = run(*again, ok=False)
    assert ended.err.count("going back to step 0") == 2
    assert "is not a finite number" in ended.err.splitlines()[-1]
    assert "going back" not in run(*again, ok=False).err


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_processes_that_share_a_training_end_together(home: Path, run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """Only the second process gets the signal."""
    devices = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "+training.task.optimizer.rank=1")
    two = (*devices, "training.batch_size=4", "trainer.workers=1")
    whole = run_folder(run(*command("two", *two, stop_at=6)), home)
    (home / "break").write_text(str(int(signal.SIGTERM)))
    ended = run(*command("two-stopped", *two, stop_at=6), ok=False)
    (home / "break").unlink()
    assert ended.status == 75
    assert "Traceback" not in ended.err + capfd.readouterr().err
    (last,) = (home / "two-stopped").rglob("last.ckpt")
    position = torch.load(last, weights_only=True)["egotap_position"]
    assert (position["epoch"], position["batches"], len(position["random"])) == (1, 2, 2)
    went_on = run(*command("two-stopped", *two, stop_at=6))
    assert_same(run_folder(went_on, home), whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "moment", "status"),
    [
        (signal.SIGINT, "while they start", 130),
        (signal.SIGINT, "while they train", 130),
        (signal.SIGTERM, "while they train", 75),
    ],
)
def test_several_processes_end_without_a_traceback(
    number: signal.Signals, moment: str, status: int, home: Path
) -> None:
    """A terminal sends Ctrl-C to all of them; SIGTERM is sent to their parent."""
    devices = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.workers=1")
    runs = f"{number.name}-{moment.replace(' ', '-')}"
    long = ("train", *EPOCHS, "training.batch_size=4", "training.epochs=100000", *devices, f"paths.runs={runs}")
    method = "spawn" if moment == "while they start" else AT_ONCE
    started = Command(home, *long, group=True, start_method=method)
    pid = started.process.pid
    assert pid is not None
    if moment == "while they start":
        wait_until(lambda: len(members(pid)) > 2)
    else:
        wait_until(lambda: bool(list((home / runs).rglob("last.ckpt"))))
    (os.killpg if number == signal.SIGINT else os.kill)(pid, number)
    ended = started.end()
    assert ended.status == status, ended
    assert "Traceback" not in ended.err
    assert "run the same command" in ended.err.splitlines()[-1]
    wait_until(lambda: not members(pid))
