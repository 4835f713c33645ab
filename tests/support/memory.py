"""Runs a function in a process that may take only so much more memory than it has."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

MIB = 2**20


def run_within(mib: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns or raises: `MemoryError`, or a library's word for it, where it takes more."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context, initializer=_limit, initargs=(mib,)) as pool:
        return pool.submit(function, *arguments).result()


def _limit(mib: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
