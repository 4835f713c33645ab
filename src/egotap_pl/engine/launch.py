"""Runs a function in this process, or in several new processes that form a process group."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egotap_pl.core.atomic import write_text
from egotap_pl.core.errors import EgotapError

ERROR = ".error"
"""File in a job's folder with the error message of one of its processes, until the parent process reads it."""

START_METHOD = "spawn"
"""How Python starts the processes. A fork would inherit the locks of torch's threads, and CUDA forbids it."""


def launch(function: Callable[[Any], None], job: Any, processes: int) -> None:
    """Call ``function(job)`` here, or in each of several new processes that form a process group.

    The processes end with the call, so that the next call starts with a new group, whatever happened to this one.
    Lightning finds the group by the environment variables of torchrun.

    Args:
        function: a function that child processes can import.
        job: its argument, which can be pickled; ``job.folder`` is the folder that it works in.
        processes: number of processes; 1: this process.

    Raises:
        EgotapError: if a process raises it.
        KeyboardInterrupt: if the processes are interrupted.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise EgotapError(
            "egotap starts its own processes: run it without torchrun, and give trainer=ddp trainer.devices=N"
        )
    if processes == 1:
        _set_rank(0)
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
        max_restarts=0,
        start_method=START_METHOD,
        monitor_interval=0.2,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),  # else a folder of temporary files is left behind
    )
    for part in ("distributed.elastic", "multiprocessing"):
        logging.getLogger(f"torch.{part}").setLevel(logging.CRITICAL)  # the processes report their own errors
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // processes, 1)))
    try:
        with _signals_restored():
            elastic_launch(config, _guarded)(function, job)
    except ChildFailedError as error:
        message = take_error(job)
        if message is None:
            raise
        raise EgotapError(message) from error
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from error
        raise SystemExit(128 + error.sigval) from error
    finally:
        if threads is None:
            os.environ.pop("OMP_NUM_THREADS", None)


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


def _guarded(function: Callable[[Any], None], job: Any) -> None:
    """Run the function in a new process. A user's mistake reaches the parent as a file: exceptions do not cross."""
    _end_with_parent()
    _set_rank(int(os.environ["RANK"]))
    try:
        function(job)
    except EgotapError as error:
        write_text(_error_file(job), str(error))  # several processes may report the same mistake
        raise SystemExit(1) from None
    except KeyboardInterrupt:  # the parent process gets it too, and reports it
        raise SystemExit(128 + signal.SIGINT) from None
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


def _set_rank(rank: int) -> None:
    """Tell Lightning the rank of this process, for loggers, which are created before the trainer.

    Lightning reads the rank when it is imported: before the group's variables are set, and in a SLURM job from SLURM's.
    A rank that was set before stays. This module of Lightning's is imported without the rest, which takes seconds.
    """
    from lightning_utilities.core.rank_zero import rank_zero_only

    rank_zero_only.rank = rank  # type: ignore[attr-defined]


def _end_with_parent() -> None:
    """End this process when its parent has ended, even by a kill: the same command must be able to run again."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def wait() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()


def take_error(job: Any) -> str | None:
    """Read and remove the error message that a process has written; None if there is none."""
    path = _error_file(job)
    if not path.is_file():
        return None
    message = path.read_text(encoding="utf-8")
    path.unlink()
    return message


def _error_file(job: Any) -> Path:
    folder: Path = job.folder
    return folder / ERROR
