"""Checks all jobs of a grid before the first begins."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from egotap_pl import cli
from egotap_pl.cli.application import check_added_keys
from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.grids.job_call import JobCall
from egotap_pl.cli.mistakes import readable
from egotap_pl.core.errors import EgotapError

Check = Callable[[DictConfig], object]
_ON_THIS_MACHINE = ("basic", "joblib")
"""Launchers whose jobs run here. Others may run them on machines with other devices."""


def check_jobs(calls: Sequence[JobCall]) -> None:
    """Compose and check all jobs, as far as that is possible without their data.

    A verb's module may have a function ``job_check(on_this_machine)``, which gives the check of a job's configuration.

    Args:
        calls: the jobs, all of one verb.

    Raises:
        EgotapError: if there are jobs that cannot run; the message names them, with the reasons.
    """
    checks: dict[bool, Check] = {}
    faults: dict[str, list[JobCall]] = defaultdict(list)
    for call in calls:
        fault = _fault(call, checks)
        if fault is not None:
            faults[fault].append(call)
    if faults:
        raise EgotapError(_message(faults, len(calls)))


def _fault(call: JobCall, checks: dict[bool, Check]) -> str | None:
    """Why a job cannot run, or None. A defect of the program is left to the job, which ends with its traceback."""
    try:
        with _as_hydras(call.composed) as config:
            check_added_keys(call.verb)
            here = HydraConfig.get().runtime.choices.get("hydra/launcher") in _ON_THIS_MACHINE
            if here not in checks:
                checks[here] = _check_of(call.verb, here)
            checks[here](config)
    except Exception as error:
        return readable(error)
    return None


def _check_of(verb: str, on_this_machine: bool) -> Check:
    module = importlib.import_module(f"{cli.__name__}.{verb}")
    return module.job_check(on_this_machine) if hasattr(module, "job_check") else plain


@contextmanager
def _as_hydras(config: DictConfig) -> Iterator[DictConfig]:
    """A job's own configuration. Within the block, Hydra's node is that of the job, as it is when the job runs."""
    with open_dict(config), read_write(config):
        config.hydra.runtime.output_dir = str(Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir))
    current = HydraConfig.instance()
    before = current.cfg
    current.set_config(config)
    try:
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        yield own
    finally:
        current.cfg = before


def _message(faults: Mapping[str, Sequence[JobCall]], count: int) -> str:
    numbers = sum(map(len, faults.values()))
    if len(faults) == 1 and numbers == count:  # it has nothing to do with what the grid goes through
        return next(iter(faults))
    which = f"{numbers} of {count} jobs" if numbers < count else f"all {count} jobs"
    lines = [f"{which} cannot run, so none was started. Change them, or take them out of the grid:"]
    for fault, calls in faults.items():
        lines += [f"job {call.number}: {call.words}" for call in calls]
        lines += [f"    {line}" for line in fault.splitlines()]
    return "\n".join(lines)
