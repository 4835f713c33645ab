"""Egotap's sweeper of grids, as a plugin of Hydra, which looks for plugins in this namespace package.

Hydra imports every plugin at every start, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(BasicSweeper):
    """Hydra's own sweeper, with a check of all jobs before the first begins; see conf/hydra/sweeper/grid.yaml."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before the jobs.

        Args:
            hydra_context: Hydra's loaders.
            task_function: the application.
            config: the configuration, with Hydra's node.
        """
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.verb = task_function.__module__.rpartition(".")[2]

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Called by Hydra before each batch of jobs is launched; the first time, all jobs of all batches are checked.

        Raises:
            EgotapError: if jobs cannot run.
        """
        if self.batch_index > 1:
            return
        from egotap_pl.cli.grids.job_call import job_calls
        from egotap_pl.cli.grids.job_checks import check_jobs

        assert self.overrides is not None
        assert self.hydra_context is not None
        assert self.config is not None
        jobs = [overrides for some in self.overrides for overrides in some]
        check_jobs(job_calls(self.verb, self.hydra_context, self.config, jobs, 0))
