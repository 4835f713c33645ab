"""How the processes of a started group talk: the first one calls functions that all run, and a failure ends all."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.core.started_group import StartedGroup
from egotap_pl.core.stopping import TO_BE_CONTINUED

ResultT = TypeVar("ResultT")

POLL_S = 0.2
"""Seconds between two looks into the store."""
GRACE_S = 10.0
"""Seconds that a process has left to end by itself after another one has failed."""
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

    def __init__(self, group: StartedGroup, meeting: timedelta) -> None:
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
                f"at {group.address}:{group.port}: {first_line(error)}; export MASTER_ADDR and MASTER_PORT "
                "to choose another address"
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
    return 1 if isinstance(error, Exception) else TO_BE_CONTINUED  # else a signal has asked it to stop
