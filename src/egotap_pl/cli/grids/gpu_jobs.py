"""Runs the jobs of a grid side by side on this machine, each in a process of its own and, with GPUs, on a GPU."""

from __future__ import annotations

import heapq
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from egotap_pl.cli.grids.job_call import JobCall, Outcome, sharing
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.processes import START_METHOD, end_with_parent
from egotap_pl.core.stopping import SIGNALS, Stopped, blocked
from egotap_pl.engine.processes import launch
from egotap_pl.engine.processes.channel import exit_status

VISIBLE = "CUDA_VISIBLE_DEVICES"
END_S = 60.0
"""Seconds that jobs have to end when the grid is ended."""


def run_jobs(calls: Sequence[JobCall], at_once: Any, folder: Path) -> list[JobReturn]:
    """Run jobs side by side; before them, the stages that several of them share.

    Args:
        calls: the jobs.
        at_once: number of jobs at the same time; None: one on each GPU; one if they do not use GPUs.
        folder: folder of the grid. The output of each job goes to ``jobs/<number>.out`` in it.

    Returns:
        How each of them ended.

    Raises:
        EgotapError: if the number is wrong.
    """
    if at_once is not None and (type(at_once) is not int or at_once < 1):
        raise EgotapError(f"hydra.launcher.n_jobs={at_once}: must be a whole number, 1 or more; null: one on each GPU")
    gpus = visible_gpus() if any(call.composed.trainer.accelerator != "cpu" for call in calls) else []
    number = min(at_once or len(gpus), len(gpus)) if gpus else at_once or 1
    (folder / "jobs").mkdir(parents=True, exist_ok=True)
    places = gpus[:number] if gpus else [None] * number
    failed: dict[int, Outcome] = {}
    with launch.environment_of(number):
        groups = sharing(calls) if number > 1 else []
        shared = _run_calls([group[0].shared() for group in groups], folder, "shared-", places)
        for group, outcome in zip(groups, shared, strict=True):
            if outcome.error is not None:
                failed.update({call.number: outcome for call in group})
        rest = [call for call in calls if call.number not in failed]
        outcomes = dict(zip((call.number for call in rest), _run_calls(rest, folder, "", places), strict=True))
    return [call.returned((failed | outcomes)[call.number]) for call in calls]


def _run_calls(calls: Sequence[JobCall], folder: Path, prefix: str, places: Sequence[str | None]) -> list[Outcome]:
    """Run calls side by side, with files for their output."""
    if prefix:
        names = [f"data, estimators and cached heatmaps that jobs share ({k})" for k in range(len(calls))]
        files = [f"{prefix}{k}" for k in range(len(calls))]
    else:
        names, files = [f"job {call.number}: {call.words}" for call in calls], [str(call.number) for call in calls]
    return side_by_side([call.run for call in calls], names, [folder / "jobs" / f"{f}.out" for f in files], places)


def visible_gpus() -> list[str | None]:
    """What CUDA_VISIBLE_DEVICES may name: the GPUs that this process sees."""
    import torch

    count = torch.cuda.device_count()  # does not initialise CUDA
    named = os.environ.get(VISIBLE)
    return [*(named.split(",") if named else map(str, range(count)))][:count]


def side_by_side(
    works: Sequence[Callable[[], Outcome]],
    names: Sequence[str],
    outputs: Sequence[Path],
    places: Sequence[str | None],
) -> list[Outcome]:
    """Run functions in processes of their own, each at the first place that is free.

    Args:
        works: functions that can be pickled.
        names: what to call each of them on the screen.
        outputs: a file for the output of each.
        places: the GPUs, one for each process; None: no particular one.

    Returns:
        The outcomes. Of a process that dies, it is an error.
    """
    context: Any = multiprocessing.get_context(START_METHOD)
    free, outcomes = list(range(len(places))), [Outcome(None, "not run")] * len(works)
    running: dict[Connection, tuple[int, int, BaseProcess]] = {}
    rest = iter(range(len(works)))
    started = 0
    try:
        while started < len(works) or running:
            while free and started < len(works):
                index, slot = next(rest), heapq.heappop(free)
                started += 1
                ours, theirs = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(
                    target=_run, args=(works[index], places[slot], outputs[index], theirs)
                )
                with blocked():
                    process.start()
                    running[ours] = index, slot, process
                theirs.close()
                where = f" on GPU {places[slot]}" if places[slot] is not None else ""
                say(f"{names[index]}: started{where}, output {outputs[index]}")
            for connection in multiprocessing.connection.wait(list(running)):
                assert isinstance(connection, Connection)
                index, slot, process = running.pop(connection)
                outcomes[index] = _received(connection, process, outputs[index])
                heapq.heappush(free, slot)
                error = outcomes[index].error
                say(f"{names[index]}: {'done' if error is None else error}")
    finally:
        _end([process for _, _, process in running.values()])
    return outcomes


def _received(connection: Connection, process: BaseProcess, output: Path) -> Outcome:
    try:
        outcome = connection.recv()
    except EOFError:
        process.join()
        outcome = Outcome(None, f"its process ended with status {process.exitcode}; see {output}")
    process.join()
    assert isinstance(outcome, Outcome)
    return outcome


def _run(work: Callable[[], Outcome], place: str | None, output: Path, connection: Connection) -> None:
    """Run a function in a new process."""
    if place is not None:
        os.environ[VISIBLE] = place
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    end_with_parent()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        connection.send(work())
    except (KeyboardInterrupt, Stopped) as interruption:
        raise SystemExit(exit_status(interruption)) from None


def _end(processes: Sequence[BaseProcess]) -> None:
    """End processes: Ctrl-C has reached them, too, and they write their checkpoints."""
    deadline = time.monotonic() + END_S
    for process in processes:
        with suppress(ProcessLookupError):
            process.terminate()
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0.1))
        if process.is_alive():
            process.kill()
