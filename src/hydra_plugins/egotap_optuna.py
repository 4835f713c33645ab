"""Egotap's Optuna sweeper, as a plugin of Hydra, which looks for plugins in this namespace package.

Hydra imports every plugin at every start, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class OptunaSweeper(Sweeper):
    """Searches for the overrides with the smallest value of the application; see conf/hydra/sweeper/optuna.yaml.

    Args:
        study: name of the study; under the same name, an earlier one is continued.
        trials: number of trials at the end, including failed ones.
        sampler: spec of a factory of an Optuna sampler, called with ``seed``.
        seed: seed of the sampler.
        params: sweeps in Hydra's grammar, by the key that is searched; None, as after ``~hydra.sweeper.params``: none.
    """

    launcher: Launcher

    def __init__(
        self, study: str, trials: int, sampler: DictConfig | None, seed: int, params: Mapping[str, str] | None = None
    ) -> None:
        self.study, self.trials, self.sampler, self.seed = study, trials, sampler, seed
        self.params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before the search.

        Args:
            hydra_context: Hydra's loaders.
            task_function: the application.
            config: the configuration, with Hydra's node.
        """
        self.hydra_context, self.config = hydra_context, config
        self.verb = task_function.__module__.rpartition(".")[2]
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Called by Hydra with the overrides of the command line."""
        from egotap_pl.cli.grids.search import Search, check_search, search
        from egotap_pl.core.errors import EgotapError
        from egotap_pl.core.started_group import started_group

        if (group := started_group()) is not None and group.size > 1:
            raise EgotapError(
                f"{group.starter} has started {group.size} processes, and each would search by itself: start the "
                "search in a plain shell; it starts the processes of its trials"
            )
        assert self.config is not None
        assert self.hydra_context is not None
        sampler = self.sampler if self.sampler is None else OmegaConf.to_container(self.sampler, resolve=True)
        check_search(self.study, self.trials, sampler)
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        task = Search(self.study, self.trials, sampler, self.seed, folder, self._run, self._check)
        return search(task, parser.parse_overrides(overrides))

    def _run(self, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        self.validate_batch_is_legal(jobs)
        return self.launcher.launch(jobs, initial_job_idx=first)

    def _check(self, jobs: Sequence[Sequence[str]]) -> None:
        from egotap_pl.cli.grids.job_call import job_calls
        from egotap_pl.cli.grids.job_checks import check_jobs

        assert self.config is not None
        assert self.hydra_context is not None
        check_jobs(job_calls(self.verb, self.hydra_context, self.config, jobs, 0))
