"""Independent work side by side: each piece in a process of its own, with its share of the threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from egotap_pl.core.bars import SharedBars, send_bars
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS
from egotap_pl.core.processes import START_METHOD, end_with_parent
from egotap_pl.core.processors import set_thread_defaults
from egotap_pl.core.stopping import SIGNALS, Stopped, StopRequest, ended_by_signals, let_the_parent_decide, raise_stop
from egotap_pl.engine.processes import launch
from egotap_pl.engine.processes.reported import Reported
from egotap_pl.engine.processes.together import leading_channel

_LOOK_S = 0.2
"""Seconds between two looks at signals; see `launch.forwarding`."""
_BLOCK = 2**16


def may_start_processes() -> bool:
    """Whether this process can do work in processes of its own: it leads no group, and is no daemon of another one."""
    return leading_channel() is None and not multiprocessing.current_process().daemon


def side_by_side(work: Callable[[Any], None], jobs: Mapping[str, Any], threads: int) -> None:
    """Call ``work(job)`` for each of several jobs at the same time.

    What the processes write to standard error, and their progress bars, are shown here. If one fails or is stopped, the
    others are asked to end as by SIGTERM: a training ends after its step, with a checkpoint.

    Args:
        work: a function that child processes can import.
        jobs: its arguments, which can be pickled, by their titles.
        threads: number of threads of each process.

    Raises:
        EgotapError: if the work raises it in a process, or a process dies.
        ProcessError: if the work raises another error.
        KeyboardInterrupt: if Ctrl-C has ended the work.
        Stopped: if SIGTERM or SIGUSR1 has ended it.
    """
    request, members = StopRequest(), list[_Member]()
    forward = launch.forwarder(request, lambda: [member.process for member in members], quiet=False)
    try:
        with launch.forwarding(forward), SharedBars(PROGRESS) as bars:
            try:
                with _threads_of_new_processes(threads):
                    for title, job in jobs.items():
                        members.append(_Member.start(title, work, job, threads))
                _follow(members, bars, request)
            finally:
                for member in members:  # they have ended, unless this process is to end at once
                    member.process.kill()
                    member.process.join()
    except Stopped as stopped:
        raise_stop(stopped.number)
    if request.number:
        raise_stop(request.number)
    for member in members:
        member.check()
    if number := max(member.stopped for member in members):
        raise_stop(number)


class _Member:
    """A process, as its parent sees it."""

    def __init__(self, title: str, process: Any, events: Connection, output: Connection) -> None:
        self.title, self.process, self.events, self.output = title, process, events, output
        self.open = [events, output]
        """The connections that the process has not closed."""
        self.error: Exception | None = None
        self.stopped = 0
        """The signal that has ended the work; 0: none."""
        self.is_whole = False
        """Whether the process has said how its work ended."""
        self._line = b""

    @classmethod
    def start(cls, title: str, work: Callable[[Any], None], job: Any, threads: int) -> _Member:
        """Start a process.

        Args:
            title: what it does.
            work: see `side_by_side`.
            job: see `side_by_side`.
            threads: see `side_by_side`.
        """
        context: Any = multiprocessing.get_context(START_METHOD)
        events, sent_events = context.Pipe(duplex=False)
        output, sent_output = context.Pipe(duplex=False)
        parent = _Parent(sent_events, sent_output, PROGRESS.is_terminal)
        process = context.Process(target=_work, args=(work, job, threads, parent), name=title)
        process.start()
        for connection in (sent_events, sent_output):  # open in the process alone, so that they end with it
            connection.close()
        return cls(title, process, events, output)

    def read(self, connection: Connection, bars: SharedBars) -> None:
        """Show what has arrived, or note how the work has ended."""
        try:
            if connection is self.output:
                self._print(os.read(connection.fileno(), _BLOCK))
                return
            kind, content = connection.recv()
        except EOFError:
            self.open.remove(connection)
            return
        if kind == "bar":
            bars.show(self.title, content)
            return
        self.is_whole = True
        if kind == "stopped":
            self.stopped = content
        elif kind != "done":
            self.error = content.error()

    @property
    def is_cut_short(self) -> bool:
        """Whether an error, a signal or a crash has ended its work."""
        return self.error is not None or bool(self.stopped) or (not self.open and not self.is_whole)

    def check(self) -> None:
        """Raise the error that has ended it."""
        if self.error is not None:
            raise self.error
        if not self.is_whole:
            code = self.process.exitcode
            how = signal.Signals(-code).name if code and code < 0 else f"exit status {code}"
            raise EgotapError(
                f"{self.title}: its process died ({how}), perhaps for lack of memory; trainer.side_by_side=false does "
                "one thing after the other"
            )

    def _print(self, text: bytes) -> None:
        if not text:
            raise EOFError
        *lines, self._line = (self._line + text).split(b"\n")
        for line in lines:
            PROGRESS.print(line.decode(errors="replace"), markup=False, soft_wrap=True)


def _follow(members: list[_Member], bars: SharedBars, request: StopRequest) -> None:
    """Show what the processes send until all have ended. When one is cut short, ask the others to end.

    Args:
        members: the processes.
        bars: their progress bars.
        request: a signal that they have got already.
    """
    is_asked = False
    while waiting := {connection: member for member in members for connection in member.open}:
        for connection in wait(list(waiting), _LOOK_S):
            assert isinstance(connection, Connection)
            waiting[connection].read(connection, bars)
        if not (is_asked or request.number) and any(member.is_cut_short for member in members):
            is_asked = True
            for member in members:
                if member.open:
                    member.process.terminate()


@dataclass(frozen=True)
class _Parent:
    """The way from a process to its parent."""

    events: Connection
    """Takes pairs: a kind and its content."""

    output: Connection
    """Takes what would go to standard error."""

    has_terminal: bool
    """Whether the parent shows bars."""

    def send(self, content: Any) -> None:
        """Send values of a bar."""
        self.events.send(("bar", content))


def _work(work: Callable[[Any], None], job: Any, threads: int, parent: _Parent) -> None:
    """Do the work in a new process, and tell the parent how it ends."""
    end_with_parent()
    let_the_parent_decide()
    os.dup2(parent.output.fileno(), 2)
    if parent.has_terminal:
        send_bars(parent)
    torch.set_num_threads(threads)
    end: tuple[str, Any] = ("done", None)
    try:
        with ended_by_signals():
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
                work(job)
            finally:
                signal.pthread_sigmask(
                    signal.SIG_BLOCK, SIGNALS
                )  # the same one may come from a terminal and the parent
    except Stopped as stopped:
        end = "stopped", stopped.number
    except KeyboardInterrupt:
        end = "stopped", signal.SIGINT
    except Exception as error:
        end = "failed", Reported.of(error)
    parent.events.send(end)


@contextmanager
def _threads_of_new_processes(threads: int) -> Iterator[None]:
    """Give processes that start within the block so many threads. Libraries read that when they are loaded."""
    names = ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ["OMP_NUM_THREADS"] = str(threads)
    set_thread_defaults(os.environ)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
