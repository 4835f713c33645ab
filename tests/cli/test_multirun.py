"""Grids with several processes per job, and grids that were interrupted."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path

import pytest
from broken_optimiser import OVERRIDES, STOPPING
from offline_wandb import offline_runs
from processes import Command
from smoke import EPOCHS, LIFTER, STEPS_PER_EPOCH, Run

from egotap_pl.engine.processes.reported import ProcessError


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_with_several_processes_a_job_has_one_folder_and_one_run_and_its_failure_is_its_own(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second process of the first job fails while the first one waits for it."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"))
    numbers = ("training.batch_size=4", "training.epochs=2")
    defect = ("+training.task.optimizer.rank=1", "+training.task.optimizer.break_at=6,0")
    devices = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.workers=0")
    logger = ("logger=wandb", "logger.frames=1")
    (home / "break").touch()
    with pytest.raises(ProcessError, match=r"^ZeroDivisionError: a defect$"):
        run("train", "-m", *devices, *LIFTER, *numbers, *OVERRIDES, *defect, "paths.runs=several", *logger)
    (home / "break").unlink()
    parent = home / "several" / "custom" / "egosynth"
    failed, whole = sorted(path.parent for path in parent.glob("*/run.json"))
    if (failed / "metrics.json").is_file():
        failed, whole = whole, failed
    assert not (failed / "metrics.json").exists()
    metrics = json.loads((whole / "metrics.json").read_text())
    assert (metrics["processes"], metrics["frames"]) == (2, 8)
    with (whole / "metrics.csv").open(newline="") as file:  # the first process alone writes
        assert [row["epoch"] for row in csv.DictReader(file) if row["validation/mpjpe"]] == ["0", "1"]
    (first,), (second,) = offline_runs(failed), offline_runs(whole)
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert first.id != second.id
    assert len(first.values("validation/mpjpe")) == 1
    assert second.values("test/mpjpe") == [pytest.approx(metrics["mpjpe"])]
    assert len(second.values("validation_per_joint/head")) == 2
    (grid,) = (home / "several" / "multirun").iterdir()
    with (grid / "jobs.csv").open(newline="") as file:
        assert [job["message"] for job in csv.DictReader(file)] == ["ProcessError: ZeroDivisionError: a defect", ""]
    assert "in fail\n" in (grid / "jobs" / "0.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_grid_resumes_with_what_is_missing(stop: signal.Signals, home: Path, run: Run) -> None:
    runs = f"grid-{stop.name}"
    in_the_second_job = f"+training.task.optimizer.stop_at={3 * STEPS_PER_EPOCH + STEPS_PER_EPOCH + 3}"
    command = ("train", "-m", *EPOCHS, *STOPPING, in_the_second_job, "seed=81,82,83", f"paths.runs={runs}")
    (home / "break").write_text(str(int(stop)))
    Command(home, *command).end()
    (home / "break").unlink()
    done = {path.parent: path.stat().st_mtime_ns for path in (home / runs).rglob("metrics.json")}
    assert ["seed-81" in path.name for path in done] == [True]
    again = run(*command)
    assert again.err.count("lifter: already there") == 1
    assert again.err.count("lifter: resuming after epoch") == 1
    ended = {path.parent: path.stat().st_mtime_ns for path in (home / runs).rglob("metrics.json")}
    assert len(ended) == 3
    assert {path: ended[path] for path in done} == done
