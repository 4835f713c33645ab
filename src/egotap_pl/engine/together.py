"""An experiment in a group of processes that torchrun or srun has started.

The first process leads: it makes folders, holds locks, goes through the stages and prints. The others wait until it
calls a function that all of them run together, which is a training or a test. They may wait for hours, while data are
prepared: they wait for entries of a store, not in a collective operation, which would time out.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hosts import needed_interface
from egotap_pl.core.messages import hush
from egotap_pl.core.started_group import SRUN, TORCHRUN, StartedGroup, started_group

ResultT = TypeVar("ResultT")

MEETING = timedelta(minutes=10)
"""Time that the processes of a group may need to start."""
POLL_S = 0.2
"""Seconds between two looks into the store."""
GRACE_S = 10.0
"""Seconds that a process has left to end by itself after another one has failed."""
CONTINUES = 75
"""Exit status of a process that has stopped in time, and whose command is to be run again."""
_CALL, _END, _FAILED, _EXIT = "call", "end", "failed", "exit"
_FAILURES, _STATUS = "failures", "status"


class Channel:
    """The store through which the processes of a group talk. Their messages are pickles, as those of torch are.

    Args:
        group: the group.
        meeting: time that the processes may need to start.

    Raises:
        EgotapError: if the processes do not reach each other.
    """

    def __init__(self, group: StartedGroup, meeting: timedelta = MEETING) -> None:
        from torch.distributed import PrefixStore, TCPStore

        self.group = group
        self._number = 0
        self._is_reporter: bool | None = None
        self._status: int | None = None
        self._reports_last: bool | None = None  # whether this process reports the failure that all have been told of
        self._hosts = not group.is_hosted and group.rank == 0
        try:
            store = TCPStore(
                group.address,
                group.port,
                None,
                self._hosts,
                meeting,
                wait_for_workers=False,
                multi_tenant=not group.is_hosted,
            )
        except (RuntimeError, OSError) as error:
            raise EgotapError(
                f"process {group.rank} of {group.size} cannot {'listen' if self._hosts else 'reach the first process'} "
                f"at {group.address}:{group.port}: {next(iter(str(error).splitlines()), '')}; export MASTER_ADDR and "
                "MASTER_PORT to choose another address"
            ) from error
        self._store = PrefixStore(f"egotap/{group.attempt}", store)

    def lead(self, work: Callable[[], ResultT]) -> ResultT:
        """Do the work in the first process, and tell the others how it ended."""
        self._begin()
        with _Watch(self):
            try:
                result = work()
            except Exception as error:
                if self._is_reporter is None:
                    self._reports_last = True
                    self._publish(_FAILED, str(error))
                raise
            except BaseException as error:
                if self._is_reporter is None:
                    self._publish(_EXIT, exit_status(error))
                raise
            self._publish(_END, result)
        return result

    def follow(self) -> Any:
        """In another process, do its part of everything that the first one calls; return the result of its work.

        Raises:
            EgotapError: if the work of the first process fails.
        """
        self._begin()
        with _Watch(self):
            while True:
                kind, content = self._next()
                if kind == _CALL:
                    function, job = content
                    self._run(function, job)
                elif kind == _END:
                    return content
                elif kind == _FAILED:
                    self._reports_last = False
                    raise EgotapError(content)
                else:
                    raise SystemExit(content)

    def call(self, function: Callable[[Any], None], job: Any) -> None:
        """Run ``function(job)`` in all processes. Called by the first one while it leads."""
        self._publish(_CALL, (function, job))
        self._run(function, job)

    def reports(self, status: int) -> bool:
        """Whether this process is the one that reports the group's failure: the first that asks.

        Args:
            status: the exit status of this process, which the others take over.
        """
        if self._reports_last is not None:
            return self._reports_last
        if self._is_reporter is None:
            self._is_reporter = self._store.add(_FAILURES, 1) == 1
            if self._is_reporter:
                self._store.set(_STATUS, str(status))
                self._status = status
            if self._hosts:  # the store ends with this process
                self._wait_for(lambda: self._store.add(_FAILURES, 0) >= self.group.size)
        return self._is_reporter

    def failure(self) -> int | None:
        """The exit status of the process that has failed, or None."""
        if self._status is None and self._store.check([_STATUS]):
            self._status = int(self._store.get(_STATUS))
            if self._is_reporter is None:
                self._is_reporter = False
                self._store.add(_FAILURES, 1)
        return self._status

    def _run(self, function: Callable[[Any], None], job: Any) -> None:
        set_rank(self.group.rank)
        try:
            function(job)
        except BaseException as error:
            # The others may be waiting for this process inside the function, so the whole group ends.
            if not self.reports(exit_status(error)):
                raise SystemExit(self.failure() or 1) from None
            raise

    def _begin(self) -> None:
        self._reports_last = None
        if self.failure() is not None:
            raise SystemExit(self._status)

    def _publish(self, kind: str, content: Any) -> None:
        self._store.set(f"message/{self._number}", pickle.dumps((kind, content)))  # type: ignore[arg-type]  # bytes, too
        if kind != _CALL and self._hosts:  # the store may end with this process
            last = self._number
            self._wait_for(lambda: self._store.add(f"read/{last}", 0) >= self.group.size - 1)
        self._number += 1

    def _next(self) -> tuple[str, Any]:
        key = f"message/{self._number}"
        while not self._store.check([key]):
            if (status := self.failure()) is not None:
                raise SystemExit(status)
            time.sleep(POLL_S)
        kind, content = pickle.loads(self._store.get(key))
        if kind != _CALL:
            self._store.add(f"read/{self._number}", 1)
        self._number += 1
        return kind, content

    def _wait_for(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + GRACE_S
        while not holds() and time.monotonic() < end:
            time.sleep(POLL_S / 4)


class _Watch:
    """A thread that ends this process when another one of the group has failed: it may be waiting for that one."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._over = channel, threading.Event()

    def __enter__(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            try:
                status = self._channel.failure()
            except (RuntimeError, OSError):  # the process that listens has ended
                os._exit(1)
            if status is not None:
                if not self._channel.reports(status) and not self._over.wait(GRACE_S):
                    os._exit(status)
                return


_channel: Channel | None = None
"""Of this process, once it has met the others."""
_leading = False


def together(work: Callable[[], ResultT], devices: int, nodes: int, command: str) -> ResultT:
    """Do some work here or, if this process belongs to a started group, in its first process.

    `egotap_pl.engine.launch` calls functions in all processes of the group.

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
    try:
        return _opened(group, timedelta(seconds=GRACE_S)).reports(status)
    except (EgotapError, RuntimeError, OSError):  # it has ended
        return group.rank == 0


def set_rank(rank: int) -> None:
    """Tell Lightning the rank of this process, for loggers, which are created before the trainer.

    Lightning reads the rank when it is imported: before the group's variables are set, and in a SLURM job from SLURM's.
    A rank that was set before stays. This module of Lightning's is imported without the rest, which takes seconds.
    """
    from lightning_utilities.core.rank_zero import rank_zero_only

    rank_zero_only.rank = rank  # type: ignore[attr-defined]


def exit_status(error: BaseException) -> int:
    """The exit status of a process that an error ends."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    return 1 if isinstance(error, Exception) else CONTINUES  # else a signal has asked it to stop


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
