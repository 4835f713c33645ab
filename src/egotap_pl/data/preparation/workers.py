"""Worker processes for preparation. Each has one thread and ends with its parent."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import Any, Generic, TypeVar

import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.processes import START_METHOD, end_with_parent
from egotap_pl.core.processors import usable_cpus as usable_cpus
from egotap_pl.core.stopping import SIGNALS, blocked

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

TASKS_AHEAD = 4
"""Tasks per worker that are handed out before their results arrive."""
_IGNORED = (signal.SIGINT, signal.SIGUSR1)
"""Ctrl-C reaches all processes of a terminal, SLURM's warning all of a job. The parent decides; workers finish their
current piece."""


class Workers(Generic[TaskT, ResultT]):
    """Processes that apply one function to many tasks; a context manager. They start when they are first needed.

    Args:
        work: a picklable function.
        count: number of processes; 0 does the work in this process.
    """

    def __init__(self, work: Callable[[TaskT], ResultT], count: int) -> None:
        self.work, self.count = work, count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers[TaskT, ResultT]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def map_unordered(self, tasks: Sequence[TaskT]) -> Iterator[ResultT]:
        """The results for all tasks, in the order in which they are finished. They do not depend on the worker count.

        Raises:
            EgotapError: if a worker process dies.
            Exception: whatever the work raises, at once; tasks that have not begun by then are dropped.
        """
        if self.count == 0 or not tasks:
            with _one_thread():
                yield from map(self.work, tasks)
            return
        waiting = iter(tasks)
        running = {self._submit(task) for task in islice(waiting, TASKS_AHEAD * self.count)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running.update(self._submit(task) for task in islice(waiting, len(done)))
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise EgotapError(
                "a worker process died, perhaps for lack of memory: run again with fewer workers; finished work is kept"
            ) from error

    def _submit(self, task: TaskT) -> Future[ResultT]:
        if self._pool is None:
            context = multiprocessing.get_context(START_METHOD)
            self._pool = ProcessPoolExecutor(self.count, context, _begin_worker, (self.work,))
        with blocked():  # a task may start a process
            return self._pool.submit(_do, task)


_work: Callable[[Any], Any] | None = None
"""The function of this worker process. It is sent once, because it may contain a whole source."""


def _begin_worker(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work
    torch.set_num_threads(1)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    end_with_parent()


def _do(task: Any) -> Any:
    assert _work is not None
    return _work(task)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Computes with one thread, because the last bit of a sum may depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
