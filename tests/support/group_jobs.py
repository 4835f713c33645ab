"""Work for the processes of tests/cli/test_launch.py, which import it by name."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist

from egotap_pl.core.errors import EgotapError


@dataclass(frozen=True)
class Job:
    """What a process is given."""

    folder: Path


def add_ranks(job: Job) -> None:
    """Proves that the processes reach each other."""
    dist.init_process_group("gloo")
    total = torch.tensor([float(dist.get_rank() + 1)])
    dist.all_reduce(total)
    (job.folder / f"sum-{os.environ['RANK']}").write_text(str(total.item()))
    dist.destroy_process_group()


def mistaken(job: Job) -> None:
    """A user's mistake that only the second process notices."""
    if os.environ["RANK"] == "1":
        raise EgotapError("the second process found a mistake")
    dist.init_process_group("gloo")


def defective(job: Job) -> None:
    """A defect."""
    raise ZeroDivisionError("a defect")


def endless(job: Job) -> None:
    """Says who it is, and never ends."""
    (job.folder / f"pid-{os.environ['RANK']}").write_text(str(os.getpid()))
    time.sleep(600)
