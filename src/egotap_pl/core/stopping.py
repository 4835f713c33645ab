"""Signals that end a command early: a training ends after the step that is running, everything else ends at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Ctrl-C; the signal of `kill`, `scancel` and time limits; SLURM's warning before a time limit (``--signal``)."""
TO_BE_CONTINUED = 75
"""Exit status of a command that SIGTERM or SIGUSR1 has ended: ``EX_TEMPFAIL`` of sysexits.h, "try again later"."""
REPEAT_S = 1.0
"""A signal that comes sooner after the first is the same one: a terminal, ``timeout`` and SLURM signal all processes of
a group, and a parent process passes on what it gets."""


class Stopped(BaseException):
    """Work was ended early by a signal, and can be continued. Like KeyboardInterrupt, not an `Exception`.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StopRequest:
    """Whether a signal has asked this process to end. Its `handle` is a handler of signals."""

    def __init__(self) -> None:
        self.number = 0
        """The first signal; 0: none."""
        self._at = 0.0

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """Note the first signal, and say so.

        Raises:
            Stopped: at a later signal, unless it follows the first within `REPEAT_S`.
        """
        if self.is_second(number):
            raise Stopped(number)

    def is_second(self, number: int, quiet: bool = False) -> bool:
        """Note a signal; whether it is a second one, which ends the process at once.

        Args:
            number: the signal.
            quiet: whether not to write a line about the first one.
        """
        now = time.monotonic()
        if self.number:
            return now - self._at >= REPEAT_S and not _parent_decides
        self.number, self._at = number, now
        if not (quiet or _parent_decides) and os.environ.get("RANK", "0") == "0":
            again = "press Ctrl-C again" if number == signal.SIGINT else "send it again"
            line = f"{signal.Signals(number).name}: ending after this step; {again} to end at once\n"
            os.write(2, line.encode())  # directly: a handler may interrupt a print
        return False


_current: StopRequest | None = None
"""The request that this process's handlers note signals in."""
_parent_decides = False


def let_the_parent_decide() -> None:
    """From now on, note a first signal without a line about it, and ignore others.

    The parent of this process passes signals on to several processes. It writes the line, and kills them at a second
    signal, which a terminal sends to all of them.
    """
    global _parent_decides
    _parent_decides = True


@contextmanager
def noted_signals() -> Iterator[StopRequest]:
    """Within the block, the first of `SIGNALS` is only noted: whoever works in the block ends when it is convenient.

    An inner block shares the request of the outer one. In a thread other than the main one, signals are not noted,
    because handlers cannot be set there. A signal that this process ignores stays ignored.

    Raises:
        KeyboardInterrupt: if the block ends by Ctrl-C, or after one that it has noted.
        Stopped: if the block ends by SIGTERM or SIGUSR1, or after one that it has noted.
    """
    global _current
    if _current is not None or threading.current_thread() is not threading.main_thread():
        yield _current or StopRequest()
        return
    request = _current = StopRequest()
    try:
        with handled(request.handle):
            yield request
    except Stopped as stopped:
        raise_stop(stopped.number)
    finally:
        _current = None
    if request.number:
        raise_stop(request.number)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within the block, SIGTERM and SIGUSR1 raise `Stopped` at once, as Ctrl-C raises KeyboardInterrupt."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    with handled(end, (signal.SIGTERM, signal.SIGUSR1)):
        yield


@contextmanager
def handled(
    handler: Callable[[int, FrameType | None], None], numbers: tuple[signal.Signals, ...] = SIGNALS
) -> Iterator[None]:
    """Handle signals within the block; afterwards their handlers are what they were.

    Args:
        handler: called with the signal's number and the current frame.
        numbers: the signals. One that this process ignores stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    changed = {n: old for n, old in before.items() if old is not None and old != signal.SIG_IGN}
    try:
        for number in changed:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in changed.items():
            signal.signal(number, old)


@contextmanager
def blocked() -> Iterator[None]:
    """Block `SIGNALS` within the block, in which processes are started: these begin with them blocked.

    A process that imports the program, or waits for the arguments that its parent sends, cannot handle a signal yet: it
    would print a traceback. It lets the signals through once it can, by `signal.pthread_sigmask`.
    """
    resource_tracker.ensure_running()  # Python starts it with the first process, and then unblocks SIGINT and SIGTERM
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def outlive_the_first_signal(_: int = 0) -> None:
    """Let a process that reads for another one outlive a signal to the whole group: the other one ends it.

    The first SIGTERM is ignored, the second ends the process: torch sends one to a worker that does not end by itself,
    and Python another.
    """

    def ignore_once(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, ignore_once)


def raise_stop(number: int) -> NoReturn:
    """Raise KeyboardInterrupt for SIGINT, else `Stopped`."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt from None
    raise Stopped(number) from None
