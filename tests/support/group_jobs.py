"""Functions for the processes of tests/engine/test_launch.py, which import them by name."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist

from egotap_pl.core.errors import EgotapError


@dataclass(frozen=True)
class Job:
    """The argument of the functions."""

    folder: Path


def add_ranks(job: Job) -> None:
    """Write the sum of the ranks, which every process has only if the processes reach each other."""
    dist.init_process_group("gloo")
    total = torch.tensor([float(dist.get_rank() + 1)])
    dist.all_reduce(total)
    (job.folder / f"sum-{os.environ['RANK']}").write_text(str(total.item()))
    dist.destroy_process_group()


def mistaken(job: Job) -> None:
    """Raise a user's mistake in the second process."""
    if os.environ["RANK"] == "1":
        raise EgotapError("the second process found a mistake")
    dist.init_process_group("gloo")


def defective(job: Job) -> None:
    """Raise an error that is not a user's mistake in the second process, while the first one waits for it."""
    dist.init_process_group("gloo")
    if os.environ["RANK"] == "1":
        raise ZeroDivisionError("a defect")
    dist.barrier()


def killed(job: Job) -> None:
    """End the second process as the system does when memory runs out, while the first one waits for it."""
    dist.init_process_group("gloo")
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    dist.barrier()


def endless(job: Job) -> None:
    """Write the process's id, and never end."""
    (job.folder / f"pid-{os.environ['RANK']}").write_text(str(os.getpid()))
    time.sleep(600)
