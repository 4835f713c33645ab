"""Egotap's launchers of jobs on a cluster and on several GPUs, as plugins of Hydra, which looks for plugins here.

Hydra imports every plugin at every start, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class _ElsewhereLauncher(Launcher):
    """A launcher of jobs in other processes."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before the jobs.

        Args:
            hydra_context: Hydra's loaders.
            task_function: the application.
            config: the configuration, with Hydra's node.
        """
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Called by Hydra with the overrides of the jobs.

        Args:
            job_overrides: the overrides of each job.
            initial_job_idx: number of the first job.
        """
        from egotap_pl.cli.grids.job_call import job_calls

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        folder = Path(str(self.config.hydra.sweep.dir))
        folder.mkdir(parents=True, exist_ok=True)
        verb = self.task_function.__module__.rpartition(".")[2]
        return self.run(job_calls(verb, self.hydra_context, self.config, job_overrides, initial_job_idx), folder)

    def run(self, calls: Sequence[Any], folder: Path) -> Sequence[JobReturn]:
        """Run the jobs; see `egotap_pl.cli.grids.job_call.JobCall`.

        Args:
            calls: the jobs.
            folder: folder of the grid.
        """
        raise NotImplementedError


class SlurmLauncher(_ElsewhereLauncher):
    """Runs jobs through SLURM; see conf/hydra/launcher/slurm.yaml.

    Args:
        **parameters: the keys of that file.
    """

    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters

    def run(self, calls: Sequence[Any], folder: Path) -> Sequence[JobReturn]:
        """Submit the jobs and wait for their ends."""
        from egotap_pl.cli.grids.slurm_jobs import SlurmParameters, run_jobs

        return run_jobs(calls, SlurmParameters.parse(self.parameters))


class JoblibLauncher(_ElsewhereLauncher):
    """Runs jobs side by side, one on each GPU; see conf/hydra/launcher/joblib.yaml.

    Args:
        n_jobs: number of jobs at the same time; None: one on each GPU.
    """

    def __init__(self, n_jobs: int | None) -> None:
        self.n_jobs = n_jobs

    def run(self, calls: Sequence[Any], folder: Path) -> Sequence[JobReturn]:
        """Run the jobs in processes of their own."""
        from egotap_pl.cli.grids.gpu_jobs import run_jobs

        return run_jobs(calls, self.n_jobs, folder)
