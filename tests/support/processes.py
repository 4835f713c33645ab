"""Commands of `egotap` in processes of their own, forked from one that has imported the program: they start at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

from smoke import Outcome

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["egotap_pl.cli.train", "egotap_pl.cli.evaluate"])


class Command:
    """A command that has been started.

    Args:
        folder: the working folder.
        arguments: of `egotap`.
        group: whether it leads a group of processes, as a terminal's command does.
    """

    def __init__(self, folder: Path, *arguments: str, group: bool = False) -> None:
        self.log = Path(tempfile.mkdtemp(dir=folder.parent))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
        self.process = CONTEXT.Process(target=_run, args=(arguments, folder, environment, self.log, group))
        self.process.start()

    def end(self, timeout: float = 400) -> Outcome:
        """Wait for the end; the status of a process that a signal has ended is the signal's number, negative."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, "it did not end"
        return Outcome(self.process.exitcode, (self.log / "out").read_text(), (self.log / "err").read_text())


def _run(arguments: tuple[str, ...], folder: Path, environment: dict[str, str], log: Path, group: bool) -> None:
    import torch

    from egotap_pl.cli.main import main

    if group:
        os.setsid()
    torch.set_num_threads(1)  # the server had loaded torch before it had our environment
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(log / name, os.O_WRONLY | os.O_CREAT), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(arguments)


def members(group: int) -> list[int]:
    """The ids of the processes of a group that are running."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, number = path.read_text().rpartition(")")[2].split()[:3]
            if int(number) == group and state != "Z":
                pids.append(int(path.parent.name))
    return pids
