"""Worker processes for preparation: one thread each, gone when their parent is."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from egotap_pl.core.errors import EgotapError

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

TASKS_AHEAD = 4
"""Tasks handed out per worker before their results are in."""


def usable_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_unordered(
    work: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: int
) -> Generator[ResultT, None, None]:
    """``work(task)`` of all tasks, in the order in which they are done, at one arithmetic whatever the workers.

    Args:
        work: a picklable function.
        tasks: its picklable arguments.
        workers: processes; 0 does the work in this one.

    Raises:
        EgotapError: if a worker process dies.
        Exception: what ``work`` raised, at once; tasks not begun by then are dropped.
    """
    if workers == 0 or not tasks:
        with _one_thread():
            yield from map(work, tasks)
        return
    # spawn: a fork would inherit locks of torch's threads, and CUDA allows nothing else
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), context, _begin_worker, (work,))
    try:
        waiting = iter(tasks)
        running: set[Future[ResultT]] = set()
        while True:
            for task in waiting:
                running.add(pool.submit(_do, task))
                if len(running) >= TASKS_AHEAD * workers:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise EgotapError(
            "a worker process died, perhaps for want of memory: try fewer workers; what is done is kept"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_work: Callable[[Any], Any] | None = None
"""A worker's function: sent once, since it may carry a whole source."""


def _begin_worker(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work
    torch.set_num_threads(1)
    # Ctrl-C reaches all processes of a terminal: the parent decides, workers finish the piece in hand.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _do(task: Any) -> Any:
    assert _work is not None
    return _work(task)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums may come out differently in the last bit with another number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
