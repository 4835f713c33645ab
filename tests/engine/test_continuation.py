"""A training with more epochs goes on from one with fewer, if that gives the result of a training from the start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from smoke import LIFTER, STEPS_PER_EPOCH, Run, at_step, run_folder

from egotap_pl.engine.fit import SEED_STRIDE
from egotap_pl.engine.resuming.continuation import continue_shorter
from egotap_pl.engine.resuming.history import History

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


def test_the_seed_of_a_restart_is_gone_on_with(home: Path, run: Run) -> None:
    common = (*CONSTANT, "training.restarts=1")
    shorter = run_folder(run("train", *common, "training.epochs=2", "paths.runs=restarted"), home)
    History(restarts=1).write(shorter)  # as if it had collapsed
    longer = run_folder(run("train", *common, "training.epochs=4", "paths.runs=restarted"), home)
    seeds = [json.loads((folder / "metrics.json").read_text())["seed"] for folder in (shorter, longer)]
    assert seeds[1] == seeds[0] + SEED_STRIDE


def test_what_cannot_be_gone_on_with_starts_anew(
    home: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shorter = run_folder(run("train", *CONSTANT, "training.epochs=2", "paths.runs=spoilt-last"), home)
    (shorter / "metrics.csv").unlink()
    longer = run("train", *CONSTANT, "training.epochs=4", "paths.runs=spoilt-last")
    assert "going on from the 2 epochs" in longer.err
    shutil.rmtree(run_folder(longer, home))
    History().returned(3, 0).write(shorter)
    longer = run("train", *CONSTANT, "training.epochs=4", "paths.runs=spoilt-last")
    assert "went back after a loss that was not finite; starting anew" in longer.err
    shutil.rmtree(run_folder(longer, home))
    best, training = shorter / "checkpoints" / "best.ckpt", cast(Any, SimpleNamespace(epochs=4, task={"schedule": {}}))
    whole = best.read_bytes()
    for damage in (lambda: best.write_bytes(whole[:1000]), best.unlink):  # the best epoch may be a shorter training's
        damage()
        continue_shorter("lifter", training, {}, tmp_path, lambda identity: {2: shorter}.get(identity["epochs"]))
        assert f"lifter: cannot go on from the 2 epochs of {shorter}: {best}" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())
    best.write_bytes(whole)
    last = shorter / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    longer = run("train", *CONSTANT, "training.epochs=4", "paths.runs=spoilt-last")
    assert "lifter: cannot go on from the 2 epochs of" in longer.err
    assert "epoch 1/4" in longer.err


@pytest.mark.parametrize("change", ["seed=1", "training.batch_size=4"])
def test_another_training_is_not_gone_on_with(change: str, run: Run) -> None:
    common = (*CONSTANT, "paths.runs=others")
    run("train", *common, "training.epochs=2")
    assert "going on" not in run("train", *common, "training.epochs=4", change).err
