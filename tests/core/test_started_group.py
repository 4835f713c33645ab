"""Which environments are those of a process group, and which only look like one."""

from __future__ import annotations

from pathlib import Path

import pytest
from groups import SCONTROL, step

from egotap_pl.core import hosts
from egotap_pl.core.started_group import first_host, started_group

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_RESTART_COUNT": "1",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
BATCH_SCRIPT = {
    "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
}


def test_torchrun() -> None:
    group = started_group(TORCHRUN)
    assert group is not None
    assert (group.starter, group.rank, group.size, group.local_rank, group.local_size) == ("torchrun", 3, 4, 1, 2)
    assert (group.node, group.address, group.port, group.is_hosted, group.attempt) == (1, "node1", 29500, True, 1)


def test_torchrun_inside_a_job_step_of_one_task_per_node() -> None:
    group = started_group({**step(2, 1, 0, 1), **TORCHRUN})
    assert group is not None
    assert (group.starter, group.size) == ("torchrun", 4)


def test_a_job_step_of_several_nodes() -> None:
    group = started_group(step(2, 2, 3, 29500))
    assert group is not None
    assert (group.starter, group.rank, group.size, group.local_rank, group.local_size) == ("srun", 3, 4, 1, 2)
    assert (group.node, group.address, group.port, group.is_hosted) == (1, "node1", 29500, False)


def test_a_job_step_of_one_node_meets_on_it() -> None:
    group = started_group(step(1, 2, 1, 29500))
    assert group is not None
    assert group.address == "127.0.0.1"


def test_steps_of_one_job_have_ports_of_their_own() -> None:
    first = {name: value for name, value in step(1, 2, 0, 0).items() if name != "MASTER_PORT"}
    groups = [started_group({**first, "SLURM_JOB_ID": job, "SLURM_STEP_ID": s}) for job in "12" for s in "01"]
    ports = [group.port for group in groups if group is not None]
    assert len(set(ports)) == 4
    assert all(1024 < port < 2**16 for port in ports)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        BATCH_SCRIPT,
        {**BATCH_SCRIPT, "SLURM_STEP_ID": "4294967291"},
        {**step(1, 1, 0, 1), "SLURM_NTASKS": "4"},
        {**step(1, 2, 0, 1), "SLURM_PROCID": "first"},
        {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"},
    ],
    ids=["shell", "batch script", "batch step", "step of one task", "not a number", "variables without torchrun"],
)
def test_environments_of_a_single_process(environment: dict[str, str]) -> None:
    assert started_group(environment) is None


def test_scontrol_expands_lists_of_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scontrol").write_text(SCONTROL)
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert first_host("node[1-2]") == "localhost"
    assert first_host("other[1-2]") == "other1"  # it fails


def test_a_machine_whose_name_has_no_address_meets_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> str:
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.gethostbyname", lambda _: "10.0.0.1")
    assert hosts.needed_interface() is None
    monkeypatch.setattr("socket.gethostbyname", unknown)
    assert hosts.needed_interface() in ("lo", "lo0")
