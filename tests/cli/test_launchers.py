"""Grids whose jobs run elsewhere: on the GPUs of this machine, and through submitit."""

from __future__ import annotations

import csv
import json
import os
import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from command_server import quick_python
from continued import Warned, empty, warned_once
from fake_slurm import install, scripts
from noting_jobs import Noting
from omegaconf import OmegaConf
from smoke import LIFTER, SMOKE, Run

from egotap_pl.cli.grids import gpu_jobs
from egotap_pl.cli.grids.job_call import JobCall, Outcome, sharing

pytest.importorskip("submitit")

SBATCH = """#!/bin/sh
# Keeps the script and says that the job is in the queue; the job is run by nobody.
count=$(ls "$FAKE_SLURM" | grep -c script)
if test "$count" = "$FAKE_SLURM_LIMIT"; then echo "QOSMaxSubmitJobPerUserLimit" >&2; exit 1; fi
cp "$1" "$FAKE_SLURM/$count.script"
echo "Submitted batch job $((100 + $(ls "$FAKE_SLURM" | grep -c script)))"
"""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_each_job_has_the_lowest_free_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four jobs, two GPUs: while the second job runs, the first GPU does the others."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
    gpus = gpu_jobs.visible_gpus()
    assert gpus == ["4", "6"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpu_jobs.visible_gpus() == ["0", "1"]
    works = [Noting(tmp_path, k) for k in range(4)]
    names, outputs = [f"job {k}" for k in range(4)], [tmp_path / f"{k}.out" for k in range(4)]
    outcomes = gpu_jobs.side_by_side(works, names, outputs, gpus)
    assert [outcome.value for outcome in outcomes] == [0.0, 1.0, 2.0, 3.0]
    assert [(tmp_path / f"{k}.gpu").read_text() for k in range(4)] == ["4", "6", "4", "4"]


@pytest.mark.slow
def test_a_job_whose_process_dies_is_a_failed_job(tmp_path: Path) -> None:
    works = [Noting(tmp_path, 0, die=True), Noting(tmp_path, 2)]
    first, second = gpu_jobs.side_by_side(works, ["job 0", "job 2"], [tmp_path / "0.out", tmp_path / "2.out"], [None])
    assert first.error == f"its process ended with status 3; see {tmp_path / '0.out'}"
    assert second == Outcome(2.0)


@pytest.mark.parametrize("number", [0, -1, 1.5])
def test_the_number_of_jobs_is_checked(number: float, run: Run) -> None:
    words = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={number}")
    assert "n_jobs" in run("train", "-m", *LIFTER, "seed=1,2", *words, ok=False).err


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_jobs_side_by_side_share_their_estimators_and_end_in_one_table(home: Path, run: Run) -> None:
    grid = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=side/grid")
    where = ("paths.runs=side/runs", "paths.stages=side/stages")
    words = ("seed=1,2", "training.task.optimizer.lr=1e-3,1e30")
    ended = run("train", "-m", *SMOKE, *where, *grid, *words, "training.batch_size=16", ok=False)
    jobs = rows(home / "side" / "grid" / "jobs.csv")
    assert [job["status"] for job in jobs] == ["done", "failed", "done", "failed"]
    assert "finite" in ended.err.splitlines()[-1]
    output = (home / "side" / "grid" / "jobs" / "shared-0.out").read_text()
    assert output.count("joint estimator: epoch") == 1
    assert "joint estimator: already there" in (home / "side" / "grid" / "jobs" / "0.out").read_text()
    alone = run("train", *SMOKE, "seed=1", "training.task.optimizer.lr=1e-3", "training.batch_size=16", *where)
    assert "lifter: already there" in alone.err


@pytest.fixture
def quick_jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jobs of submitit start at once; `test_a_job_that_was_warned_goes_on` has one in a new process."""
    with quick_python() as python:
        monkeypatch.setattr(sys, "executable", str(python))
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("quick_jobs")
def test_a_grid_through_submitit(home: Path, run: Run) -> None:
    grid = ("hydra/launcher=slurm", "hydra.launcher.executor=local", "hydra.sweep.dir=submitted/grid")
    where = ("paths.runs=submitted/runs", "paths.stages=submitted/stages")
    ended = run("train", "-m", *SMOKE, *where, *grid, "seed=1,2", "training.epochs=1")
    assert "data, estimators and cached heatmaps of jobs 0, 1: submitted as" in ended.err
    jobs = rows(home / "submitted" / "grid" / "jobs.csv")
    assert [job["status"] for job in jobs] == ["done", "done"]
    for job in jobs:
        metrics = json.loads((home / job["run folder"] / "metrics.json").read_text())
        assert float(job["MPJPE (mm)"]) == pytest.approx(metrics["mpjpe"], abs=0.1)
    files = (home / "submitted" / "grid" / "slurm").glob("*.err")
    assert sum(path.read_text().count("joint estimator: epoch") for path in files) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("quick_jobs")
def test_jobs_of_two_processes_through_slurm(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks of a job form the process group of its training."""
    tools = home / "slurm-tools"
    tools.mkdir()
    install(tools)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setattr("egotap_pl.cli.grids.slurm_jobs.POLL_S", 0.5)
    grid = ("hydra/launcher=slurm", "hydra.sweep.dir=by-slurm/grid", "paths.runs=by-slurm/runs")
    devices = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.workers=0")
    ended = run("train", "-m", *LIFTER, *grid, *devices, "seed=1,2")
    jobs = rows(home / "by-slurm" / "grid" / "jobs.csv")
    assert [job["status"] for job in jobs] == ["done", "done"], ended
    metrics = [json.loads((home / job["run folder"] / "metrics.json").read_text()) for job in jobs]
    assert [values["processes"] for values in metrics] == [2, 2]
    assert [values["seed"] for values in metrics] == [1, 2]
    assert ["afterok:101" in script for script in scripts(tools)] == [False, True, True]


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that gets the scripts of submitted jobs."""
    tools, scripts = tmp_path / "tools", tmp_path / "scripts"
    for folder in (tools, scripts):
        folder.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": "#!/bin/sh\n", "sacct": "#!/bin/sh\n"}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setenv("FAKE_SLURM", str(scripts))
    return scripts


def succeed(submitted: list[tuple[JobCall, Any]], _: object) -> dict[int, Outcome]:
    return {call.number: Outcome(1.0) for call, _ in submitted}


DEVICES = ("trainer=ddp", "trainer.nodes=2", "trainer.devices=4", "trainer.workers=3")


def test_what_slurm_is_asked_for(fake_slurm: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds share each of two estimators: two jobs make what is shared, and four wait for one of them each."""
    monkeypatch.setattr("egotap_pl.cli.grids.slurm_jobs._wait", succeed)
    words = ("hydra.launcher.partition=gpu", "hydra.launcher.timeout_min=90", "hydra.launcher.warn_s=120")
    grid = ("hydra/launcher=slurm", "hydra.sweep.dir=asked/grid", *words, "+hydra.launcher.parameters.gres=disk:1")
    run("train", "-m", "scale=smoke", *DEVICES, *grid, "seed=1,2", "estimators.joint.seed=0,1")
    scripts = [(fake_slurm / f"{k}.script").read_text() for k in range(6)]
    for script in scripts:
        options = dict(line[10:].partition("=")[::2] for line in script.splitlines() if line.startswith("#SBATCH --"))
        assert (options["nodes"], options["ntasks-per-node"], options["gpus-per-node"]) == ("2", "4", "4")
        assert (options["cpus-per-task"], options["time"], options["partition"]) == ("4", "90", "gpu")
        assert options["signal"].endswith("@120")
        assert (options["requeue"], options["open-mode"], options["gres"]) == ("", "append", "disk:1")
        assert "srun --unbuffered" in script
        assert "--kill-on-bad-exit=1 --cpus-per-task=4" in script
    needed = ["--dependency=afterok:" in script for script in scripts]
    assert needed == [False, False, True, True, True, True]
    jobs = [script.partition("afterok:")[2].splitlines()[0] for script in scripts[2:]]
    assert jobs == ["101", "102", "101", "102"]  # by the seed of the estimator
    assert all("--kill-on-invalid-dep=yes" in script for script in scripts[2:])


def test_a_single_job_makes_its_estimators_itself(fake_slurm: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egotap_pl.cli.grids.slurm_jobs._wait", succeed)
    run("train", "-m", *LIFTER, "trainer=gpu", "hydra/launcher=slurm", "hydra.sweep.dir=asked/one", "seed=1")
    (script,) = fake_slurm.iterdir()
    assert "dependency" not in script.read_text()
    assert "--gpus-per-node=1" in script.read_text()


@pytest.mark.usefixtures("fake_slurm")
@pytest.mark.parametrize(("limit", "ids"), [("", "101 102 103"), ("2", "101 102")])
def test_jobs_that_are_no_longer_waited_for_are_named(
    limit: str, ids: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C, and where SLURM refuses a job after others: also the one that makes what the jobs share."""

    def interrupt(*_: object) -> dict[int, Outcome]:
        raise KeyboardInterrupt

    monkeypatch.setenv("FAKE_SLURM_LIMIT", limit)
    monkeypatch.setattr("egotap_pl.cli.grids.slurm_jobs._wait", interrupt)
    grid = ("hydra/launcher=slurm", f"hydra.sweep.dir=asked/limit-{limit}", "trainer=gpu", "seed=1,2")
    ended = run("train", "-m", "scale=smoke", *grid, ok=False)
    assert f"To cancel them: scancel {ids}\n" in ended.err
    assert ("SLURM refused a job" in ended.err) == bool(limit)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer=auto"], "SLURM must be asked for a number of GPUs"),
        (["hydra.launcher.executor=pbs"], "must be one of: slurm, local"),
        (["hydra.launcher.timeout_min=1h"], "hydra.launcher.timeout_min=1h: must be a whole number"),
        (["+hydra.launcher.gpus=3"], "hydra.launcher.gpus"),
        ([], "hydra.launcher.executor=local needs no SLURM"),
        ([*DEVICES, "hydra.launcher.executor=local"], "executor=local has one node"),
    ],
    ids=["devices", "executor", "time", "key", "no SLURM", "nodes"],
)
def test_what_cannot_be_submitted(words: list[str], message: str, run: Run) -> None:
    grid = ("hydra/launcher=slurm", "hydra.sweep.dir=refused/grid", "seed=1,2")
    assert message in run("train", "-m", *LIFTER, *grid, *words, ok=False).err


@pytest.mark.parametrize(("name", "restarts"), [("SIGUSR1", 0), ("SIGUSR1", 1), ("SIGUSR1", 2), ("SIGTERM", 0)])
def test_a_job_that_is_warned_asks_to_be_queued_again(
    name: str, restarts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice at most. SIGTERM is no warning: of a job that is cancelled, or that SLURM itself queues again."""

    def stopped(_: JobCall) -> Outcome:
        raise Warned(name)

    monkeypatch.setattr(JobCall, "run", stopped)
    monkeypatch.setattr("egotap_pl.cli.grids.job_call.KILLED_S", 0.0)
    job = {"SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "4711", "SLURM_PROCID": "0"}
    for variable, value in {**job, "SLURM_RESTART_COUNT": str(restarts)}.items():
        monkeypatch.setenv(variable, value)
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\necho $* >> {tmp_path}/asked\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    call = replace(JobCall(*empty()), config=OmegaConf.create({"hydra": {"launcher": {"requeues": 2}}}))
    asked = tmp_path / "asked"
    if restarts == 2:
        assert "reached its time limit 3 times (hydra.launcher.requeues=2)" in str(call().error)
        assert not asked.exists()
        return
    with pytest.raises(Warned):
        call()
    assert (asked.read_text() if asked.exists() else "") == ("requeue 4711\n" if name == "SIGUSR1" else "")


def test_a_job_that_was_warned_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import submitit

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    executor = submitit.LocalExecutor(tmp_path / "submitit")
    executor.update_parameters(timeout_min=5)
    job = executor.submit(warned_once(tmp_path))
    assert job.results() == [Outcome(2.0)]


def test_a_pickled_job_is_the_same_job(tmp_path: Path) -> None:
    job = warned_once(tmp_path)
    assert pickle.loads(pickle.dumps(job)) == job
    assert job.checkpoint().function == job


def test_jobs_with_another_pretraining_share_other_stages() -> None:
    def call(number: int, epochs: int | None) -> JobCall:
        pretraining = {"task": None} if epochs is None else {"task": "${lifter.encoder}", "epochs": epochs}
        content = {
            "lifter": {"encoder": "x"},
            "pretraining": pretraining,
            "trainer": {"devices": number},
            "seed": number,
        }
        made = replace(JobCall(*empty()), number=number)
        made.__dict__["composed"] = OmegaConf.create(content)
        return made

    groups = sharing([call(0, None), call(1, 12), call(2, None), call(3, 12), call(4, 6)])
    assert [[job.number for job in group] for group in groups] == [[0, 2], [1, 3]]
