"""Runs a function in this process, in several new processes that form a process group, or in a group that exists."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hosts import LOOPBACK, needed_interface
from egotap_pl.core.processes import START_METHOD, end_with_parent
from egotap_pl.core.processors import usable_cpus
from egotap_pl.core.started_group import TORCHRUN, started_group
from egotap_pl.core.stopping import SIGNALS, Stopped, StopRequest, blocked, handled, noted_signals, raise_stop
from egotap_pl.engine.processes.channel import set_rank
from egotap_pl.engine.processes.reported import Reported
from egotap_pl.engine.processes.together import leading_channel

ERROR = ".error"
"""File in a job's folder with what one of its processes has reported, until the parent process reads it."""


def launch(function: Callable[[Any], None], job: Any, processes: int) -> None:
    """Call ``function(job)`` here, or in each of several processes that form a process group.

    New processes end with the call, so that the next call starts with a new group, whatever happened to this one. If
    torchrun or srun has started this process as one of a group, the function is called in each of these instead.
    Lightning finds the group by the environment variables of torchrun.

    Args:
        function: a function that child processes can import.
        job: its argument, which can be pickled; ``job.folder`` is the folder that it works in.
        processes: number of processes; 1: this process.

    Raises:
        EgotapError: if a process raises it, or torchrun has started this process, and it does not lead a group
            (`egotap_pl.engine.processes.together`), or a process dies.
        ProcessError: if a process raises another error.
        KeyboardInterrupt: if the processes are interrupted.
        Stopped: if SIGTERM or SIGUSR1 has ended them.
    """
    if (channel := leading_channel()) is not None:
        set_rank(0)
        channel.call(function, job)
        return
    group = started_group()
    if processes > 1 and group is not None and group.starter == TORCHRUN:
        raise EgotapError(
            "torchrun has started this process: call egotap_pl.train or egotap_pl.evaluate in all of them"
        )
    if processes == 1:
        set_rank(0)
        function(job)
        return
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr=LOOPBACK,  # else the machine's name, which need not have an address
        max_restarts=0,
        start_method=START_METHOD,
        monitor_interval=0.2,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),  # else a folder of temporary files is left behind
    )
    for part in ("distributed.elastic", "multiprocessing"):
        logging.getLogger(f"torch.{part}").setLevel(logging.CRITICAL)  # the processes report their own errors
    (job.folder / ERROR).unlink(missing_ok=True)  # of a group whose parent was killed
    request = StopRequest()
    forward = forwarder(request, multiprocessing.active_children)
    try:
        with environment_of(processes), _signals_restored(), _torchs_handler_replaced(forward), forwarding(forward):
            stops = elastic_launch(config, _guarded)(function, job)
    except ChildFailedError as error:
        reported = _taken(job)
        if request.number and not (reported is not None and reported.is_mistake):
            raise_stop(request.number)  # one was about to end by itself when it got the signal
        if reported is not None and not reported.is_consequence:
            raised = reported.error()
            raise raised from raised.__cause__
        _, failure = error.get_first_failure()
        if failure.exitcode >= 0 and reported is None:
            raise
        how = f" ({failure.signal_name()})" if failure.exitcode < 0 else ""
        raise EgotapError(
            f"one of {processes} processes died{how}, perhaps for lack of memory: fewer trainer.devices or "
            "trainer.workers need less. Run the same command again; a training resumes"
        ) from error
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from error
    except Stopped as stopped:
        raise_stop(stopped.number)
    if number := max(stops.values()):
        raise_stop(number)


@contextmanager
def environment_of(processes: int) -> Iterator[None]:
    """Set variables for new processes that the user has not set: shares of threads, and an interface to meet at."""
    values = {"OMP_NUM_THREADS": str(max(usable_cpus() // processes, 1))}
    if (interface := needed_interface()) is not None:
        values["GLOO_SOCKET_IFNAME"] = interface
    own = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in own})
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)


@contextmanager
def _signals_restored() -> Iterator[None]:
    """Restore the handlers of Ctrl-C and similar signals, which torch's launcher replaces by its own."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # only there can handlers be set, by torch or by us
            for number, handler in handlers.items():
                if handler is not None:  # None: a handler that was not set by Python
                    signal.signal(number, handler)


def forwarder(
    request: StopRequest, processes: Callable[[], Iterable[BaseProcess]], quiet: bool = True
) -> Callable[[int, Any], None]:
    """A handler that passes signals on to processes, which end by themselves, and kills them at a second signal.

    Args:
        request: notes the first signal.
        processes: gives the processes that have begun.
        quiet: whether the line about the first signal is left to them.
    """

    def forward(number: int, frame: Any) -> None:
        is_second = request.is_second(number, quiet)
        for process in processes():
            if is_second:
                process.kill()
            elif process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        if is_second:
            raise Stopped(number)

    return forward


@contextmanager
def forwarding(forward: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle signals within the block by a `forwarder`.

    New processes inherit that signals are blocked (`blocked`). Signals to this process reach it through a thread of its
    own, so that the block must not wait in a system call for long.

    Args:
        forward: the handler.
    """
    ended = threading.Event()
    threading.Thread(target=ended.wait, daemon=True).start()
    try:
        with handled(forward), blocked():
            yield
    finally:
        ended.set()


@contextmanager
def _torchs_handler_replaced(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Let torch's launcher set this handler of SIGINT, SIGTERM, SIGHUP and SIGQUIT instead of its own."""
    from torch.distributed.elastic.multiprocessing import api

    before = api._terminate_process_handler

    def handle(signum: int, frame: Any) -> None:
        (handler if signum in SIGNALS else before)(signum, frame)

    api._terminate_process_handler = handle
    try:
        yield
    finally:
        api._terminate_process_handler = before


def _guarded(function: Callable[[Any], None], job: Any) -> int:
    """Run the function in a new process. A user's mistake reaches the parent as a file: exceptions do not cross.

    Returns:
        The signal that has ended it; 0: none.
    """
    end_with_parent()
    set_rank(int(os.environ["RANK"]))
    try:
        with noted_signals():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            function(job)
    except Stopped as stopped:
        return stopped.number
    except KeyboardInterrupt:
        return signal.SIGINT
    except Exception as error:
        Reported.of(error).write(job.folder / ERROR)
        raise SystemExit(1) from None
    return 0


def _taken(job: Any) -> Reported | None:
    """Read and remove what a process has reported; None if none has."""
    reported = Reported.read(job.folder / ERROR)
    (job.folder / ERROR).unlink(missing_ok=True)
    return reported
