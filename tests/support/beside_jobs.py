"""Work for the processes of tests/engine/test_side_by_side.py, which import it by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.stopping import noted_signals


def meet(names: tuple[Path, Path]) -> None:
    """Write a file with the number of threads, and wait for that of the other process."""
    own, other = names
    own.write_text(str(torch.get_num_threads()))
    print(f"{own.name} has begun", file=sys.stderr)
    while not other.exists():
        time.sleep(0.01)


def do(job: tuple[str, Path]) -> None:
    """Wait for a signal and end in an orderly way, or fail once another process waits.

    Args:
        job: what to do, and a folder.
    """
    what, folder = job
    if what == "wait":
        with noted_signals() as stop:
            (folder / "waiting").touch()
            while not stop.number:
                time.sleep(0.01)
            (folder / "ended").write_text(signal.Signals(stop.number).name)
        return
    while not (folder / "waiting").exists():
        time.sleep(0.01)
    if what == "mistake":
        raise EgotapError("a mistake")
    if what == "defect":
        raise ZeroDivisionError("a defect")
    os.kill(os.getpid(), signal.Signals[what])
    time.sleep(600)
