"""The door through which Hydra finds egotap's Optuna sweeper: plugins must lie in this namespace package.

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
        study: name of the search; begun again under that name, it goes on.
        trials: how many trials it has at the end, failed ones included.
        sampler: spec of a factory of an Optuna sampler, called with ``seed``.
        seed: of the sampler.
        params: what is searched, as sweeps in Hydra's grammar.
    """

    launcher: Launcher

    def __init__(
        self, study: str, trials: int, sampler: DictConfig, seed: int, params: Mapping[str, str] | None
    ) -> None:
        self.study, self.trials, self.sampler, self.seed = study, trials, sampler, seed
        self.params = dict(params or {})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Called by Hydra with the overrides of the command line."""
        from egotap_pl.cli.search import Search, search

        assert self.config is not None
        assert self.hydra_context is not None
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        sampler = OmegaConf.to_container(self.sampler, resolve=True)
        task = Search(self.study, self.trials, sampler, self.seed, folder, self._run)
        return search(task, parser.parse_overrides(given))

    def _run(self, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        self.validate_batch_is_legal(jobs)
        return self.launcher.launch(jobs, initial_job_idx=first)
