"""An experiment in a group of processes that torchrun or srun has started.

The first process leads: it makes folders, holds locks, goes through the stages and prints. The others wait until it
calls a function that all of them run together, which is a training or a test. They may wait for hours, while data are
prepared: they wait for entries of a store, not in a collective operation, which would time out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hosts import needed_interface
from egotap_pl.core.messages import hush
from egotap_pl.core.started_group import SRUN, TORCHRUN, StartedGroup, started_group
from egotap_pl.engine.processes.channel import Channel, ResultT

MEETING = timedelta(minutes=10)
"""Time that the processes of a group may need to start."""
REPORTING = timedelta(minutes=1)
"""Time that a process with an early error waits for the others, to report it once."""

_channel: Channel | None = None
"""Of this process, once it has met the others."""
_leading = False


def together(work: Callable[[], ResultT], devices: int, nodes: int, command: str) -> ResultT:
    """Do some work here or, if this process belongs to a started group, in its first process.

    `egotap_pl.engine.processes.launch` calls functions in all processes of the group.

    Args:
        work: what the first process does. Its result can be pickled.
        devices: number of processes on each node.
        nodes: number of nodes.
        command: the user's command, for messages.

    Returns:
        The result of the work, in every process.

    Raises:
        EgotapError: if the group has another size, or the work fails.
    """
    global _leading
    group = started_group()
    check_group(group, devices, nodes, command)
    if group is None or group.size == 1:
        return work()
    os.environ.update(group.environment())
    if nodes == 1 and (interface := needed_interface()) is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    hush(group.rank > 0)
    channel = _opened(group)
    if group.rank > 0:
        result: ResultT = channel.follow()
        return result
    _leading = True
    try:
        return channel.lead(work)
    finally:
        _leading = False


def leading_channel() -> Channel | None:
    """The channel of this process while it leads a group; else None."""
    return _channel if _leading else None


def reports(status: int) -> bool:
    """Whether this process prints its error message: in a started group, only the first process that fails does.

    Args:
        status: its exit status.
    """
    group = started_group()
    if group is None or group.size == 1:
        return True
    is_new = _channel is None
    try:
        return _opened(group, REPORTING).reports(status)
    except (EgotapError, RuntimeError, OSError):  # the others have ended, or never began
        return is_new or group.rank == 0


def check_group(group: StartedGroup | None, devices: int, nodes: int, command: str) -> None:
    """Check that a process group is what the configuration asks for.

    Args:
        group: the group that this process was started in, or None.
        devices: number of processes on each node.
        nodes: number of nodes.
        command: the user's command, for messages.

    Raises:
        EgotapError: if it is not.
    """
    if group is None:
        if nodes > 1:
            _refuse(
                f"trainer.nodes={nodes}: this command alone cannot start processes on other nodes",
                devices,
                nodes,
                command,
            )
        return
    wanted = f"trainer.devices={devices}" + (f" trainer.nodes={nodes}" if nodes > 1 else "")
    if group.size != devices * nodes:
        started = f"{group.size} process{'es' * (group.size > 1)}"
        _refuse(f"{group.starter} has started {started}, but {wanted} needs {devices * nodes}", devices, nodes, command)
    if group.local_size not in (None, devices):
        started = f"{group.local_size} of {group.size} processes on node {group.node}"
        _refuse(f"{group.starter} has started {started}, but {wanted} needs {devices}", devices, nodes, command)


def _refuse(what: str, devices: int, nodes: int, command: str) -> NoReturn:
    commands = "\n".join(f"  {line}" for line in starting_commands(devices, nodes, command).values())
    raise EgotapError(
        f"{what}. Either change trainer.devices and trainer.nodes, or start it in one of these ways:\n{commands}"
    )


def starting_commands(devices: int, nodes: int, command: str) -> dict[str, str]:
    """Commands that start a group, by what starts it.

    Args:
        devices: number of processes on each node.
        nodes: number of nodes.
        command: the user's command.
    """
    arguments = command.removeprefix("egotap ")
    where = f"--nnodes={nodes} --rdzv-backend=c10d --rdzv-endpoint=FIRST_NODE:29500" if nodes > 1 else "--standalone"
    ways = {
        SRUN: f"srun --nodes={nodes} --ntasks-per-node={devices} --kill-on-bad-exit=1 {command}",
        TORCHRUN: f"torchrun {where} --nproc-per-node={devices} -m egotap_pl {arguments}"
        + ("  # on every node" if nodes > 1 else ""),
    }
    return ways if nodes > 1 else {**ways, "a shell": command}


def _opened(group: StartedGroup, meeting: timedelta = MEETING) -> Channel:
    global _channel
    if _channel is None or _channel.group != group:
        _channel = Channel(group, meeting)
    return _channel
