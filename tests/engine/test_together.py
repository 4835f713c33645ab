"""Processes that srun or torchrun has started train together: one leads and prints, all end together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from broken_optimiser import OVERRIDES
from command_server import quick_python
from groups import srun
from smoke import LIFTER, SMOKE, Outcome, Run, run_folder

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.started_group import StartedGroup
from egotap_pl.engine.processes.channel import exit_status
from egotap_pl.engine.processes.together import check_group

DDP = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.workers=0")
NUMBERS = ("training.batch_size=2", "training.epochs=2")
TWO = (*LIFTER, *NUMBERS, *DDP, "trainer.devices=2")


def errors(folder: Path) -> dict[str, Any]:
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics[name] for name in ("mpjpe", "pa_mpjpe", "per_joint", "per_category", "processes")}


@pytest.fixture(scope="session")
def own(home: Path) -> dict[str, Any]:
    """The errors after a training in two processes that egotap has started."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        from processes import Command

        ended = Command(home, "train", *TWO, "paths.runs=own-processes").end()
    assert ended.status == 0, ended
    return errors(run_folder(ended, home))


def only_first_prints(ended: list[Outcome]) -> None:
    assert [outcome.status for outcome in ended] == [0] * len(ended), ended
    assert [outcome.out for outcome in ended[1:]] == [""] * (len(ended) - 1)
    assert not any("lifter" in outcome.err for outcome in ended[1:])


@pytest.mark.slow
def test_srun_on_two_nodes_gives_the_same_as_own_processes(home: Path, own: dict[str, Any]) -> None:
    devices = ("trainer.devices=1", "trainer.nodes=2")
    ended = srun(home, 2, 1, "train", *LIFTER, *NUMBERS, *DDP, *devices, "paths.runs=two-nodes")
    only_first_prints(ended)
    assert errors(run_folder(ended[0], home)) == own


@pytest.mark.slow
def test_torchrun_gives_the_same_as_own_processes(home: Path, own: dict[str, Any]) -> None:
    arguments = ("train", *TWO, "paths.runs=torchrun")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    with quick_python() as python:  # in what torchrun starts
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160", "PYTHON_EXEC": str(python)}
        ended = subprocess.run(
            [*command, "--nproc-per-node=2", "-m", "egotap_pl", *arguments],
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    outcome = Outcome(0, ended.stdout, ended.stderr)
    assert outcome.out.count("run folder") == 1
    assert errors(run_folder(outcome, home)) == own


@pytest.mark.slow
def test_several_stages_a_grid_and_a_test(home: Path) -> None:
    """The processes train two estimators, cache heatmaps, and train and test two lifters."""
    ended = srun(
        home, 1, 2, "train", "-m", *SMOKE, *DDP, "trainer.devices=2", "seed=1,2", "paths.stages=group/stages",
        "paths.runs=group/runs", "hydra.sweep.dir=group/grid", "training.batch_size=2", "estimators.joint.batch_size=2",
    )  # fmt: skip
    only_first_prints(ended)
    assert ended[0].err.count("joint estimator: epoch") == 1
    folders = sorted(path.parent for path in (home / "group" / "runs").rglob("metrics.json"))
    assert [errors(folder)["processes"] for folder in folders] == [2, 2]
    records = [json.loads(path.read_text()) for path in sorted((home / "group" / "grid" / "jobs").glob("*.json"))]
    assert [record["status"] for record in records] == ["done", "done"]
    evaluated = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "workers=0")
    checkpoint = f"checkpoint={folders[0] / 'checkpoints' / 'best.ckpt'}"
    ended = srun(home, 1, 2, "evaluate", checkpoint, *evaluated, "output=group/again")
    only_first_prints(ended)
    assert errors(home / "group" / "again") == errors(folders[0])


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_all_processes_end_with_one_that_fails_and_one_error_is_printed(rank: int, home: Path) -> None:
    """The other process waits for the one that fails: for its gradients."""
    defect = (f"+training.task.optimizer.rank={rank}", "+training.task.optimizer.break_at=6")
    (home / "break").touch()
    ended = srun(home, 1, 2, "train", *TWO, *OVERRIDES, *defect, f"paths.runs=group-failed-{rank}")
    (home / "break").unlink()
    assert [outcome.status for outcome in ended] == [1, 1], ended
    assert sum(outcome.err.count("ZeroDivisionError: a defect") for outcome in ended) == 1, ended
    assert ended[rank].err.count("Traceback") == sum(outcome.err.count("Traceback") for outcome in ended)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainer.devices=3", "training.batch_size=3"], "srun has started 2 processes, but trainer.devices=3 needs 3"),
        (["trainer.devices=2", "seeed=1"], "seeed: unknown key"),
        (["trainer.devices=2", "training.task.optimizer.lr=two"], "lr"),
        (["trainer.devices=2", "init=nowhere.ckpt"], "nowhere.ckpt"),
        (["trainer.devices=2", "sweep=optuna"], "each would search by itself"),
    ],
    ids=["size", "key", "value", "file", "search"],
)
def test_a_mistake_is_reported_once(words: list[str], message: str, home: Path) -> None:
    ended = srun(home, 1, 2, "train", *LIFTER, *DDP, *words, "paths.runs=group-mistake")
    assert [outcome.status for outcome in ended] == [1, 1]
    reports = [line for outcome in ended for line in outcome.err.splitlines() if line.startswith("egotap: ")]
    assert len(reports) == 1, ended
    assert message in reports[0]


def test_nodes_need_a_starter_and_the_message_has_its_commands(run: Run) -> None:
    err = run("train", *LIFTER, "trainer=ddp", "trainer.accelerator=cpu", "trainer.nodes=2", ok=False).err
    assert "trainer.nodes=2: this command alone cannot start processes on other nodes" in err
    assert "srun --nodes=2 --ntasks-per-node=2 --kill-on-bad-exit=1 egotap train scale=smoke heatmaps=truth" in err
    assert "torchrun --nnodes=2 " in err
    assert "--nproc-per-node=2 -m egotap_pl train scale=smoke heatmaps=truth" in err


@pytest.mark.parametrize(
    ("size", "local_size", "devices", "nodes", "fits"),
    [
        (4, 4, 4, 1, True),
        (4, 2, 2, 2, True),
        (4, None, 2, 2, True),
        (4, 4, 2, 2, False),
        (4, 2, 4, 1, False),
        (1, 1, 2, 1, False),
        (2, 2, 1, 1, False),
    ],
)
def test_a_group_has_the_configured_size(
    size: int, local_size: int | None, devices: int, nodes: int, fits: bool
) -> None:
    group = StartedGroup("torchrun", 0, size, 0, local_size, 0, "127.0.0.1", 1, True, 0)
    if fits:
        check_group(group, devices, nodes, "egotap train")
    else:
        with pytest.raises(EgotapError, match=r"torchrun has started \d.* trainer.devices=\d"):
            check_group(group, devices, nodes, "egotap train")


def test_a_group_ends_with_the_status_of_the_process_that_failed() -> None:
    class Stopped(BaseException):
        """Of a process that a signal has asked to stop."""

    errors = (KeyboardInterrupt(), SystemExit(3), SystemExit("why"), EgotapError(), ZeroDivisionError(), Stopped())
    assert [exit_status(error) for error in errors] == [130, 3, 1, 1, 1, 75]
