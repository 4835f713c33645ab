"""Runs of `egotap` at smoke size, shared by the tests of a session."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from smoke import Outcome, Run

from egotap_pl.cli.main import main


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of a session run: they share data and estimators, as a user's do."""
    return tmp_path_factory.mktemp("cli")


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `egotap` in this process: the same code, without a start of Python for each command."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def call(*arguments: str, ok: bool = True) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        status = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(arguments)
            except SystemExit as end:
                status = int(end.code or 0)
        outcome = Outcome(status, out.getvalue(), err.getvalue())
        assert (status == 0) is ok, outcome
        return outcome

    return call
