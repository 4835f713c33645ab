"""A job of a grid that runs in another process than the grid."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from egotap_pl.cli.application import job_function
from egotap_pl.cli.grids import grid
from egotap_pl.cli.mistakes import readable
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.stopping import TO_BE_CONTINUED
from egotap_pl.engine.processes.channel import exit_status

_OF_SHARED_STAGES = ("data", "codec", "rig", "mount", "heatmaps", "estimators", "pretraining", "init", "init_skip")
_ASIDE = ("accelerator", "devices", "nodes", "workers")
_INSTANCES = "instances"
KILLED_S = 120.0
"""Seconds within which SLURM ends a job that has asked to be queued again."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended; it travels to the process of the grid."""

    value: float | None
    """What the verb returned: of `train`, the validation error."""

    error: str | None = None
    """Why the job failed, or None."""


@dataclass(frozen=True)
class JobCall:
    """A job of a grid; calling it runs the job. It can be pickled."""

    verb: str
    """Name of the verb's module, e.g. ``train``."""

    number: int
    """Number of the job in the grid; -1: the stages that jobs share."""

    overrides: list[str]
    """Its overrides."""

    context: HydraContext
    """Hydra's loaders."""

    config: DictConfig
    """The grid's configuration, with Hydra's node."""

    swept: list[str]
    """The keys that the grid goes through, by which folders are named."""

    singletons: Any
    """Hydra's objects in the process of the grid, of which each process has one."""

    def __call__(self) -> Outcome:
        """Run the job. A job that was warned of its time limit asks SLURM to queue it again."""
        try:
            return self.run()
        except BaseException as error:
            # SIGTERM is the end: of scancel, or of a preemption, after which SLURM itself queues the job again.
            if exit_status(error) == TO_BE_CONTINUED and error.args[:1] != ("SIGTERM",):
                limit = OmegaConf.select(self.config, "hydra.launcher.requeues")
                before = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
                if limit is not None and before >= limit:
                    message = f"reached its time limit {before + 1} times (hydra.launcher.requeues={limit})"
                    return Outcome(None, f"{message}; run the same command again to continue")
                _queue_again()
            raise

    def run(self) -> Outcome:
        """Run the job in this process."""
        setup_globals()
        Singleton.set_state({**Singleton.get_state(), _INSTANCES: self.singletons})
        grid.note_swept(self.swept)
        returned = run_job(
            hydra_context=self.context,
            task_function=job_function(self.verb, only_shared=self.number < 0),
            config=self.composed,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        if returned.status == JobStatus.COMPLETED:
            return Outcome(returned.return_value)
        error = returned._return_value
        return Outcome(None, readable(error) or f"{type(error).__name__}: {error}")

    def checkpoint(self) -> Any:
        """Called by submitit when it gets the warning while nothing is trained: the same job again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    @cached_property
    def composed(self) -> DictConfig:
        """The job's configuration, with Hydra's node."""
        config = self.context.config_loader.load_sweep_config(self.config, self.overrides)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = self.number
        return config

    def shared_stages(self) -> str:
        """What determines the stages that this job shares with others; equal texts are the same stages."""
        config = self.composed
        content = cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True))
        node = {key: content[key] for key in _OF_SHARED_STAGES if key in content}
        trainer = {key: value for key, value in config.trainer.items() if key not in _ASIDE}
        return json.dumps({**node, "trainer": trainer}, sort_keys=True, default=str)

    def shared(self) -> JobCall:
        """A call of the stages alone that this job shares with others."""
        return replace(self, number=-1)

    @property
    def words(self) -> str:
        """The overrides in one line."""
        return " ".join(self.overrides)

    def returned(self, outcome: Outcome) -> JobReturn:
        """The job's end, for Hydra. A job that has not said itself how it ended is recorded.

        Args:
            outcome: how it ended.
        """
        config = self.composed
        if outcome.error is not None:
            grid.record_lost(Path(str(config.hydra.sweep.dir)), self.number, self.overrides, outcome.error)
            error: Any = EgotapError(outcome.error)
            return JobReturn(overrides=self.overrides, status=JobStatus.FAILED, _return_value=error)
        return JobReturn(overrides=self.overrides, status=JobStatus.COMPLETED, _return_value=outcome.value)


def job_calls(
    verb: str, context: HydraContext, config: DictConfig, overrides: Sequence[Sequence[str]], first: int
) -> list[JobCall]:
    """The jobs of a grid.

    Args:
        verb: name of the verb's module.
        context: Hydra's loaders.
        config: the grid's configuration.
        overrides: the overrides of each job.
        first: number of the first job.
    """
    state = Singleton.get_state()[_INSTANCES]  # without OmegaConf's resolvers, which the job registers itself
    return [
        JobCall(verb, number, list(words), context, config, grid.swept(), state)
        for number, words in enumerate(overrides, first)
    ]


def sharing(calls: Sequence[JobCall]) -> list[list[JobCall]]:
    """The groups of jobs that share their data, estimators and cached heatmaps; a job that shares none is in no group.

    Args:
        calls: the jobs.
    """
    groups = defaultdict(list)
    for call in calls:
        groups[call.shared_stages()].append(call)
    return [group for group in groups.values() if len(group) > 1]


def _queue_again() -> None:
    """Ask SLURM to run this submitit job again; SLURM then ends it."""
    from submitit import JobEnvironment

    environment = JobEnvironment()
    if environment.global_rank == 0:
        say("warned of the time limit; asking to be queued again")
        environment._requeue(0)
    time.sleep(KILLED_S)
