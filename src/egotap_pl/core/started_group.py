"""The process group that torchrun or srun has started this process in, as their environment variables describe it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from egotap_pl.core.hosts import LOOPBACK

TORCHRUN, SRUN = "torchrun", "srun"
_FIRST_PORT, _PORTS = 20000, 20000  # below those that systems give to clients
_NO_STEP = 0xFFFFFFF0  # SLURM's numbers from here on mean a batch script or an interactive shell


@dataclass(frozen=True)
class StartedGroup:
    """Processes that something else has started to train together. This process is one of them."""

    starter: str
    """`TORCHRUN` or `SRUN`."""

    rank: int
    """Number of this process in the group, from 0."""

    size: int
    """Number of processes."""

    local_rank: int
    """Number of this process on its node, from 0."""

    local_size: int | None
    """Number of processes on its node; None if it is not known."""

    node: int
    """Number of its node, from 0."""

    address: str
    """Address of the node of the first process."""

    port: int
    """Port there at which the processes meet."""

    is_hosted: bool
    """Whether the starter listens at that port; otherwise the first process does."""

    attempt: int
    """How often the starter has started the group again."""

    def environment(self) -> dict[str, str]:
        """The variables by which torch and Lightning find the group."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "GROUP_RANK": str(self.node),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
        }


def started_group(environment: Mapping[str, str] | None = None) -> StartedGroup | None:
    """The group that this process was started in; None in a plain shell, also in one inside a SLURM job.

    Args:
        environment: the variables; None: those of this process.

    >>> started_group({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"})
    >>> step = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"}
    >>> started_group({**step, "SLURM_LOCALID": "1", "SLURM_NODEID": "1", "SLURM_STEP_NODELIST": "gpu[08-09]"})
    StartedGroup(starter='srun', rank=3, size=4, local_rank=1, local_size=None, node=1, address='gpu08', port=20217, \
is_hosted=False, attempt=0)
    """
    environment = os.environ if environment is None else environment
    try:
        return _of_torchrun(environment) if "TORCHELASTIC_RUN_ID" in environment else _of_srun(environment)
    except (KeyError, ValueError):  # not what these programs write
        return None


def _of_torchrun(environment: Mapping[str, str]) -> StartedGroup:
    return StartedGroup(
        starter=TORCHRUN,
        rank=int(environment["RANK"]),
        size=int(environment["WORLD_SIZE"]),
        local_rank=int(environment["LOCAL_RANK"]),
        local_size=int(environment["LOCAL_WORLD_SIZE"]) if "LOCAL_WORLD_SIZE" in environment else None,
        node=int(environment.get("GROUP_RANK", "0")),
        address=environment["MASTER_ADDR"],
        port=int(environment["MASTER_PORT"]),
        is_hosted=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
        attempt=int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")),
    )


def _of_srun(environment: Mapping[str, str]) -> StartedGroup | None:
    """The group of a job step. A batch script has the variables of the job, such as SLURM_NTASKS, but not of a step."""
    step = int(environment.get("SLURM_STEP_ID", environment.get("SLURM_STEPID", "-1")))
    size = int(environment.get("SLURM_STEP_NUM_TASKS", environment.get("SLURM_NTASKS", "1")))
    if not 0 <= step < _NO_STEP or size == 1:
        return None
    node = int(environment["SLURM_NODEID"])
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    job = int(environment["SLURM_JOB_ID"])
    local_sizes = _tasks_per_node(environment.get("SLURM_STEP_TASKS_PER_NODE", ""))
    return StartedGroup(
        starter=SRUN,
        rank=int(environment["SLURM_PROCID"]),
        size=size,
        local_rank=int(environment["SLURM_LOCALID"]),
        local_size=local_sizes[node] if node < len(local_sizes) else None,
        node=node,
        address=environment.get("MASTER_ADDR") or (LOOPBACK if len(local_sizes) == 1 else first_host(nodes)),
        port=int(environment.get("MASTER_PORT") or _FIRST_PORT + (31 * job + step) % _PORTS),
        is_hosted=False,
        attempt=int(environment.get("SLURM_RESTART_COUNT", "0")),
    )


def _tasks_per_node(text: str) -> list[int]:
    """The number of tasks on each node, from SLURM's short form.

    >>> _tasks_per_node("2(x3),1")
    [2, 2, 2, 1]
    """
    return [
        int(number) for number, repeated in re.findall(r"(\d+)(?:\(x(\d+)\))?", text) for _ in range(int(repeated or 1))
    ]


def first_host(nodes: str) -> str:
    """The first host of a list in SLURM's short form, which `scontrol` expands; without it, the usual forms are read.

    >>> first_host("login"), first_host("gpu[08-09,12],cpu1"), first_host("a1-b[3]-c")
    ('login', 'gpu08', 'a1-b3-c')
    """
    if nodes and shutil.which("scontrol"):
        command = ["scontrol", "show", "hostnames", nodes]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if answer.returncode == 0 and (hosts := answer.stdout.split()):
            return hosts[0]
    first = re.sub(r"\[(\w+)[^\]]*\]", r"\1", nodes)
    return first.partition(",")[0] or LOOPBACK
