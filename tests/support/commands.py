"""Runs of `egotap` at smoke size, shared by the tests of a session."""

from __future__ import annotations

import contextlib
import io
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_once import draw_once, make_once, try_once
from offline_wandb import OfflineRun, offline_runs
from smoke import EPOCHS, SMOKE, Outcome, Run, is_one_job, run_folder


@pytest.fixture(autouse=True)
def pythons_interrupt() -> None:
    """Ctrl-C as in a new process, whatever an earlier test has set. Processes that a test starts inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a session's commands run. They share data and estimators, as a user's commands do."""
    return tmp_path_factory.mktemp("cli")


@contextlib.contextmanager
def prepared(home: Path) -> Iterator[Run]:
    """Runs `egotap` in this process: the same code, without starting Python for each command."""
    # Imported here, after pytest has set up the shape checks of imports.
    from hydra._internal.hydra import Hydra
    from hydra.types import RunMode

    from egotap_pl.cli.main import main

    def call(*arguments: str, ok: bool = True) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        status = 0
        with (
            pytest.MonkeyPatch.context() as here,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            if is_one_job(arguments):
                here.setattr(Hydra, "get_mode", lambda *_, **__: RunMode.RUN)
            try:
                main(arguments)
            except SystemExit as end:
                status = int(end.code or 0)
        outcome = Outcome(status, out.getvalue(), err.getvalue())
        assert (status == 0) is ok, outcome
        return outcome

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(home)
        monkeypatch.setenv("COLUMNS", "160")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_SILENT", "true")
        # A run's picture is of one frame: drawing four takes longer than everything else in a run.
        monkeypatch.setattr("egotap_pl.engine.runs.pictures.QUANTILES", {"median": 0.5})
        monkeypatch.setattr("egotap_pl.engine.runs.pictures.REBUILT_FRAMES", 1)
        for once in (draw_once, make_once, try_once):
            once(monkeypatch)
        yield call


@pytest.fixture
def forked_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that commands start are forks of one that has imported the program: they start at once."""
    from processes import AT_ONCE  # imported here: importing it sets up that process

    engine, grids = ("engine.processes.launch", "engine.processes.side_by_side"), ("cli.grids.gpu_jobs",)
    for module in (*engine, *grids, "data.preparation.workers"):
        monkeypatch.setattr(f"egotap_pl.{module}.START_METHOD", AT_ONCE)


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    """Runs `egotap` in this process."""
    with prepared(home) as call:
        yield call


@pytest.fixture(scope="session")
def whole(home: Path) -> Path:
    """The folder of a run with `EPOCHS` that nothing happened to."""
    with prepared(home) as call:
        return run_folder(call("train", *EPOCHS, "paths.runs=whole"), home)


@pytest.fixture(scope="session")
def logged(home: Path) -> dict[str, OfflineRun]:
    """The offline runs that a training with logger=wandb logs, by stage."""
    pytest.importorskip("wandb")
    estimators = ("estimators.joint.batch_size=2", "estimators.joint.epochs=2")
    numbers = ("training.batch_size=2", "training.epochs=2", *estimators)
    where = ("paths.runs=logged/runs", "paths.stages=logged/stages")
    with prepared(home) as call:
        call("train", *SMOKE, *numbers, *where, "logger=wandb")
    return {run.job_type: run for run in offline_runs(home / "logged")}
