"""Runs a function in a process with limited memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from processes import CONTEXT

MIB = 2**20
SECONDS = 300


def run_within(mib: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Runs a function in a process that may take ``mib`` MiB more than it has at the start.

    The process is not a fork of this one, whose threads may hold locks that nobody would release there.

    Returns:
        What the function returns.

    Raises:
        AssertionError: the process was ended by a signal, or did not end.
        Exception: what the function raises; `MemoryError` or another exception of a library if it takes more memory.
    """
    receiving, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_run, args=(sending, mib, function, arguments))
    process.start()
    sending.close()
    try:
        assert receiving.poll(SECONDS), "it did not end"
        succeeded, answer = receiving.recv()
    except EOFError:
        process.join()
        raise AssertionError(f"the process ended with status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
    if not succeeded:
        raise answer
    return answer


def _run(sending: Connection, mib: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + mib * MIB, before[1]))
    try:
        answer = True, function(*arguments)
    except Exception as error:
        answer = False, error
    resource.setrlimit(resource.RLIMIT_AS, before)  # the answer takes memory, too
    sending.send(answer)
