"""Ctrl-C while a command's processes are still importing the program."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from processes import Command, members
from smoke import LIFTER, SMOKE

T = TypeVar("T")

FRESH = """
import multiprocessing, signal
from egotap_pl.core.stopping import SIGNALS, blocked

def report(connection):
    connection.send(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with blocked():
        ends = [context.Pipe(duplex=False) for _ in range(2)]
        processes = [context.Process(target=report, args=(theirs,)) for _, theirs in ends]
        for process in processes:
            process.start()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()).intersection(SIGNALS)
    print(all(set(SIGNALS) <= set(ours.recv()) for ours, _ in ends))
"""
"""A program whose first processes start with signals blocked: Python starts a process of its own before them."""


def test_the_first_processes_of_a_program_begin_with_signals_blocked(tmp_path: Path) -> None:
    script = tmp_path / "fresh.py"
    script.write_text(FRESH)
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ("prepare", *SMOKE, "data.workers=1"),
        ("train", "-m", *LIFTER, "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    ],
    ids=["rendering process", "job of a grid"],
)
def test_a_process_that_is_interrupted_while_it_imports_prints_no_traceback(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """A terminal sends the signal to all processes of the command; here, the new process gets it first."""
    folder = tmp_path / "home"
    folder.mkdir()
    started = Command(folder, *words, group=True)
    pid = started.process.pid
    assert pid is not None
    try:
        new, *_ = wait_for(lambda: [member for member in others(pid) if is_importing(member)])
        os.kill(new, signal.SIGINT)
        wait_for(lambda: new not in others(pid) or waits_for_interrupt(new))
        os.killpg(pid, signal.SIGINT)
        ended = started.end()
        assert ended.status == 130, ended
        assert "Traceback" not in ended.err + ended.out
        assert ended.err.splitlines()[-1] == "egotap: interrupted; run the same command to resume"
        wait_for(lambda: not members(pid))
    finally:
        for member in members(pid):
            os.kill(member, signal.SIGKILL)


def others(leader: int) -> list[int]:
    """The other processes of a group."""
    return [pid for pid in members(leader) if pid != leader]


def is_importing(pid: int) -> bool:
    """Whether a process has loaded a library of an installed package."""
    with contextlib.suppress(OSError):
        return "site-packages" in Path(f"/proc/{pid}/maps").read_text()
    return False


def waits_for_interrupt(pid: int) -> bool:
    """Whether a process has been sent Ctrl-C, and blocks it."""
    with contextlib.suppress(OSError):
        (pending,) = re.findall(r"^ShdPnd:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return bool(int(pending, 16) >> (signal.SIGINT - 1) & 1)
    return False


def wait_for(value: Callable[[], T], seconds: float = 120) -> T:
    """What a function gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (result := value()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return result
