"""Commands of `egotap` in processes as srun starts them, on "nodes" that are all this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from processes import Command
from smoke import Outcome

SCONTROL = """#!/bin/sh
test "$1 $2 $3" = "show hostnames node[1-2]" || exit 1
echo localhost
echo node2.invalid
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def step(nodes: int, tasks_per_node: int, rank: int, port: int) -> dict[str, str]:
    """The variables that srun sets for a task of a job step."""
    size = nodes * tasks_per_node
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": str(size),
        "SLURM_NTASKS": str(size),
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank % tasks_per_node),
        "SLURM_NODEID": str(rank // tasks_per_node),
        "SLURM_STEP_TASKS_PER_NODE": f"{tasks_per_node}(x{nodes})" if nodes > 1 else str(tasks_per_node),
        "SLURM_STEP_NODELIST": "node[1-2]" if nodes > 1 else "node1",
        "MASTER_PORT": str(port),
    }


def srun(home: Path, nodes: int, tasks_per_node: int, *arguments: str, timeout: float = 300) -> list[Outcome]:
    """Run a command in every task of a job step; return how each ended, in the order of their ranks."""
    fakes, port, commands = home / "fake-slurm", free_port(), []
    fakes.mkdir(exist_ok=True)
    (fakes / "scontrol").write_text(SCONTROL)
    (fakes / "scontrol").chmod(0o755)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PATH", str(fakes), prepend=os.pathsep)
        for rank in range(nodes * tasks_per_node):
            for name, value in step(nodes, tasks_per_node, rank, port).items():
                monkeypatch.setenv(name, value)
            commands.append(Command(home, *arguments))
    try:
        return [command.end(timeout) for command in commands]
    finally:
        for command in commands:
            command.process.kill()
