"""A training with more epochs goes on from one with fewer, if that gives the result of a training from the start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from smoke import LIFTER, STEPS_PER_EPOCH, Run, at_step, run_folder

CONSTANT = (
    *(*LIFTER, "training.batch_size=2"),
    "training.task.schedule._target_=egotap_pl.tasks.schedules.constant_then_linear",
    "+training.task.schedule.constant_epochs=1000",
)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_with_constant_rates_it_gives_the_same_as_from_the_start(home: Path, run: Run) -> None:
    two = run_folder(run("train", *CONSTANT, "training.epochs=2", "paths.runs=longer"), home)
    before = files(two)
    steps = []
    with at_step(1, lambda optimizer: steps.append(len(optimizer.state))):
        longer = run("train", *CONSTANT, "training.epochs=4", "paths.runs=longer")
    assert f"lifter: going on from the 2 epochs of {two.relative_to(home)}" in longer.err
    assert steps[0] > 0  # the optimiser has its state: it is not the first step of the training
    assert files(two) == before
    whole = run_folder(run("train", *CONSTANT, "training.epochs=4", "paths.runs=from-the-start"), home)
    ours, theirs = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (run_folder(longer, home), whole)
    )
    assert ours["global_step"] == theirs["global_step"] == 4 * STEPS_PER_EPOCH
    assert all(torch.equal(value, theirs["state_dict"][name]) for name, value in ours["state_dict"].items())
    logs = [(folder / "metrics.csv").read_text() for folder in (run_folder(longer, home), whole)]
    assert logs[0] == logs[1]


def test_with_rates_that_depend_on_the_epochs_it_starts_anew(home: Path, run: Run) -> None:
    common = (*LIFTER, "training.batch_size=2", "paths.runs=cosine")
    run("train", *common, "training.epochs=2")
    err = run("train", *common, "training.epochs=3").err
    assert "has 2 of the 3 epochs, but with other learning rates" in err
    assert "epoch 1/3" in err


@pytest.mark.parametrize("change", ["seed=1", "training.batch_size=4"])
def test_another_training_is_not_gone_on_with(change: str, run: Run) -> None:
    common = (*CONSTANT, "paths.runs=others")
    run("train", *common, "training.epochs=1")
    assert "going on" not in run("train", *common, "training.epochs=2", change).err
