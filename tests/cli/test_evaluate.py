"""`egotap evaluate` gives the run's numbers, in one process and in several."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from smoke import LIFTER, Run, run_folder

TWO = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")


def numbers(folder: Path) -> dict[str, float]:
    """The errors of a metrics.json, flat."""
    metrics = json.loads((folder / "metrics.json").read_text())
    flat = {name: metrics[name] for name in ("mpjpe", "pa_mpjpe", "mean_pose_mpjpe", "frames", "pck", "auc")}
    flat |= metrics["per_joint"]
    flat |= {f"{c} {kind}": value for c, of in metrics["per_category"].items() for kind, value in of.items()}
    flat |= {state: errors["mpjpe"] for state, errors in metrics["per_visibility"].items()}
    return flat


def predictions(folder: Path) -> dict[str, np.ndarray]:
    with h5py.File(folder / "predictions.h5") as file:
        return {name: file[name][...] for name in file}


@pytest.mark.slow
def test_a_checkpoint_gives_its_runs_numbers(run: Run, home: Path) -> None:
    folder = run_folder(run("train", *LIFTER), home)
    run("evaluate", f"checkpoint={folder}/checkpoints/best.ckpt", "output=again")
    assert numbers(home / "again") == pytest.approx(numbers(folder), rel=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_two_processes_give_the_numbers_of_one(run: Run, home: Path) -> None:
    """Of seven frames, so that they have unlike numbers of frames, and one of them a batch of a single frame."""
    frames = 7
    checkpoint = run_folder(run("train", *LIFTER), home) / "checkpoints" / "best.ckpt"
    store = home / "seven"
    sizes = f"data.frames={{train: 2, validation: 2, test: {frames}}}"
    run("prepare", "scale=smoke", sizes, f"data.folder={store}")
    command = ("evaluate", f"checkpoint={checkpoint}", f"store={store}", "batch_size=4")
    run(*command, "output=one")
    run(*command, "output=two", *TWO)
    one, two = home / "one", home / "two"
    assert numbers(two) == pytest.approx(numbers(one), rel=1e-6)
    assert numbers(two)["frames"] == frames
    alone, together = predictions(one), predictions(two)
    assert alone.keys() == together.keys()
    assert together["row"].tolist() == list(range(frames))
    np.testing.assert_allclose(together.pop("pose_cm"), alone.pop("pose_cm"), rtol=1e-6, atol=1e-5)
    for name, values in alone.items():
        np.testing.assert_array_equal(together[name], values)


def test_a_batch_that_two_processes_cannot_share_is_named_before_they_begin(run: Run, home: Path) -> None:
    wrong = run("train", *LIFTER, *TWO, "training.batch_size=31", "paths.runs=uneven", ok=False)
    assert not (home / "uneven").exists()
    assert wrong.err.splitlines()[-1].startswith("egotap: batch_size=31 must be a multiple")
    assert "Traceback" not in wrong.err


def test_a_missing_checkpoint_is_named(run: Run) -> None:
    outcome = run("evaluate", "checkpoint=none.ckpt", ok=False)
    assert outcome.status == 1
    assert outcome.err.startswith("egotap: none.ckpt")


def test_a_missing_argument_is_named(run: Run) -> None:
    assert "checkpoint" in run("evaluate", ok=False).err
