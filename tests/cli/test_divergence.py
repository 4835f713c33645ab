"""A training that diverges ends with a message and leaves no results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from broken_optimiser import OVERRIDES, spoil
from smoke import EPOCHS, STEPS_PER_EPOCH, Run, at_step


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def epoch_of_the_last_checkpoint(folder: Path) -> int:
    """Its number, counted from 1. The weights must be finite."""
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert all(value.isfinite().all() for value in content["state_dict"].values())
    return content["epoch"] + 1


def test_a_learning_rate_that_is_too_large_is_an_error(home: Path, run: Run) -> None:
    """It is one every time that the command is run."""
    for _ in range(2):
        ended = run("train", *EPOCHS, "training.task.optimizer.lr=1e30", "paths.runs=too-fast", ok=False)
        assert ended.status == 1
        assert "Traceback" not in ended.err
        message = ended.err.splitlines()[-1]
        assert message.startswith("egotap: lifter: the loss is not a finite number at step ")
        assert ", in epoch 1; " in message
        for remedy in ("optimizer.lr", "gradient_clip", "trainer.precision"):
            assert remedy in message
        assert not {"metrics.json", "done.json", "last.ckpt", "best.ckpt"} & names(home / "too-fast")


@pytest.mark.parametrize(
    ("step", "what"), [(2 * STEPS_PER_EPOCH + 3, "the loss"), (3 * STEPS_PER_EPOCH, "validation/mpjpe")]
)
def test_it_goes_on_from_the_last_epoch_in_which_all_was_finite(
    step: int, what: str, whole: Path, home: Path, run: Run
) -> None:
    """Within an epoch the loss tells; after its last step the validation error does."""
    command = ("train", *EPOCHS, f"paths.runs=spoilt-{step}")
    with at_step(step, spoil):
        ended = run(*command, ok=False)
    assert f"lifter: {what}" in ended.err.splitlines()[-1]
    assert f"at step {step + (what == 'the loss')}, in epoch 3" in ended.err.splitlines()[-1]
    (folder,) = (path.parent for path in (home / f"spoilt-{step}").rglob("run.json"))
    assert not {"metrics.json", "done.json"} & names(folder)
    assert epoch_of_the_last_checkpoint(folder) == 2
    ended = run(*command)
    assert "resuming after epoch 2" in ended.err
    for name in ("mpjpe", "per_joint"):
        results = [json.loads((path / "metrics.json").read_text())[name] for path in (folder, whole)]
        assert results[0] == results[1]


def test_a_test_error_that_is_not_finite_is_an_error(whole: Path, run: Run, tmp_path: Path) -> None:
    content = torch.load(whole / "checkpoints" / "best.ckpt", weights_only=True)
    next(value for name, value in content["state_dict"].items() if name.startswith("lifter.")).fill_(torch.nan)
    torch.save(content, tmp_path / "spoilt.ckpt")
    ended = run("evaluate", f"checkpoint={tmp_path / 'spoilt.ckpt'}", f"output={tmp_path / 'out'}", ok=False)
    assert "test split of egosynth" in ended.err.splitlines()[-1]
    assert "not finite: mpjpe, pa_mpjpe" in ended.err.splitlines()[-1]
    assert not names(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_all_processes_stop_when_one_of_them_diverges(home: Path, run: Run) -> None:
    """In that step the loss of the first process is still finite."""
    devices = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.workers=0")
    optimiser = (*OVERRIDES, "training.task.optimizer._target_=broken_optimiser.Spoiling")
    two = ("training.batch_size=4", "+training.task.optimizer.rank=1", "+training.task.optimizer.break_at=6")
    (home / "break").touch()
    ended = run("train", *devices, *EPOCHS, *optimiser, *two, "paths.runs=one-of-two", ok=False)
    (home / "break").unlink()
    assert "Traceback" not in ended.err
    message = ended.err.splitlines()[-1]
    assert message.startswith("egotap: lifter: the loss is not a finite number at step 6, in epoch 2")
    (folder,) = (path.parent for path in (home / "one-of-two").rglob("run.json"))
    assert not {"metrics.json", "done.json", ".error"} & names(folder)
    assert epoch_of_the_last_checkpoint(folder) == 1
