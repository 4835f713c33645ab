"""Runs a function in a process with limited memory."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

MIB = 2**20


def run_within(mib: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Runs a function in a process that may take ``mib`` MiB more than it has at the start.

    Returns:
        What the function returns. If it takes more memory, it raises `MemoryError` or another exception of a library.
    """
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context, initializer=_limit, initargs=(mib,)) as pool:
        return pool.submit(function, *arguments).result()


def _limit(mib: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
