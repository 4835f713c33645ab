"""Processes and commands of `egotap`, forked from a process that has imported the program: they start at once."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import tempfile
from multiprocessing import context, forkserver, reduction
from pathlib import Path
from typing import Any

import pytest
from smoke import Outcome, is_one_job


class _Forked(context.ForkServerProcess):
    """A fork of a process that has imported the program and done what `warm` does."""

    @staticmethod
    def _Popen(process: Any) -> Any:
        folder, path = str(Path(__file__).parent), os.environ.get("PYTHONPATH")
        with pytest.MonkeyPatch.context() as monkeypatch:  # the server does not have its caller's path
            monkeypatch.setenv("PYTHONPATH", folder if path is None else os.pathsep.join([folder, path]))
            forkserver.ensure_running()
        return context.ForkServerProcess._Popen(process)


class _Unblocked(_Forked):
    """Begins with no signal blocked; the server, from which it has them, may have been started while some were."""

    def _bootstrap(self, *arguments: Any, **named: Any) -> int:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        gc.freeze()  # what the server has imported stays
        return int(super()._bootstrap(*arguments, **named))  # type: ignore[misc]


class _ForkServer(context.ForkServerContext):
    Process = _Unblocked


CONTEXT = _ForkServer()
CONTEXT.set_forkserver_preload(["egotap_pl.cli.train", "egotap_pl.cli.evaluate", "warm"])

AT_ONCE = "at once"
"""A start method of processes like ``spawn``, without its wait for imports."""


class _Process(_Forked):
    """Has what a process of ``spawn`` inherits from its parent: the group, environment, blocked signals and output."""

    def __getstate__(self) -> dict[str, Any]:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        output = [reduction.DupFd(number) for number in (1, 2)]
        return {**self.__dict__, "inherited": (os.getpgrp(), dict(os.environ), blocked, output)}

    def _bootstrap(self, *arguments: Any, **named: Any) -> int:
        group, environment, blocked, output = self.__dict__.pop("inherited")
        os.setpgid(0, group)
        _replace_environment(environment)
        for number, stream in enumerate(output, start=1):
            os.dup2(stream.detach(), number)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        gc.freeze()
        return int(super()._bootstrap(*arguments, **named))  # type: ignore[misc]


class _Context(context.ForkServerContext):
    _name = AT_ONCE
    Process = _Process


context._concrete_contexts[AT_ONCE] = _Context()  # type: ignore[attr-defined]


class Command:
    """A command that has been started.

    Args:
        folder: the working folder.
        arguments: of `egotap`.
        group: whether it leads a group of processes, as a terminal's command does.
        start_method: how it starts processes of its own.
    """

    def __init__(self, folder: Path, *arguments: str, group: bool = False, start_method: str = AT_ONCE) -> None:
        self.log = Path(tempfile.mkdtemp(dir=folder.parent))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
        self.process = CONTEXT.Process(
            target=_run, args=(arguments, folder, environment, self.log, group, start_method)
        )
        self.process.start()

    def end(self, timeout: float = 400) -> Outcome:
        """Wait for the end; the status of a process that a signal has ended is the signal's number, negative."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, "it did not end"
        return Outcome(self.process.exitcode, (self.log / "out").read_text(), (self.log / "err").read_text())


def _run(
    arguments: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    log: Path,
    group: bool,
    start_method: str,
) -> None:
    from hydra._internal.hydra import Hydra
    from hydra.types import RunMode

    from egotap_pl.cli.main import main
    from egotap_pl.engine.processes import launch, side_by_side
    from egotap_pl.engine.runs import pictures

    if group:
        os.setpgid(0, 0)
    launch.START_METHOD = side_by_side.START_METHOD = start_method
    pictures.QUANTILES = {"median": 0.5}  # as in `commands.prepared`
    if is_one_job(arguments):
        Hydra.get_mode = lambda *_, **__: RunMode.RUN  # type: ignore[method-assign]  # likewise
    _replace_environment(environment)
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(log / name, os.O_WRONLY | os.O_CREAT), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(arguments)


def _replace_environment(environment: dict[str, str]) -> None:
    """Give this process an environment that it would have had from its start."""
    import torch

    from egotap_pl.core.processors import usable_cpus

    os.environ.clear()
    os.environ.update(environment)
    threads = environment.get("OMP_NUM_THREADS", usable_cpus())
    torch.set_num_threads(int(threads))  # the server has loaded torch with its own


def members(group: int) -> list[int]:
    """The ids of the processes of a group that are running."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, number = path.read_text().rpartition(")")[2].split()[:3]
            if int(number) == group and state != "Z":
                pids.append(int(path.parent.name))
    return pids
