"""`egotap train`: runs every stage of an experiment that has not been run yet, then the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import own_folders, plain
from egotap_pl.cli.configuration.repeating import compare, parse
from egotap_pl.cli.error_tables import print_errors
from egotap_pl.cli.grids.grid import note_run, print_report_command, swept
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.checks.early import EarlyChecks
from egotap_pl.engine.resuming.history import describe_resumed
from egotap_pl.engine.runs.folders import folder_name
from egotap_pl.engine.runs.labels import Command
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.training import train, train_shared


def main(config: DictConfig) -> float:
    """Run the experiment.

    Returns:
        The validation error of the best epoch, by which sweepers select: the test must not select anything.
    """
    is_grid, settings = HydraConfig.get().mode == RunMode.MULTIRUN, _settings(config)
    command = settings.command
    if settings.name is None and is_grid:
        settings = replace(settings, name=folder_name(command.overrides, swept()))
    result = train(settings)
    note_run(result.folder)
    if config.repeat is not None:
        compare(Path(config.repeat), result)
    print_errors(f"{command.experiment} on {result.metrics['dataset']}, test split", result.metrics)
    if resumed := describe_resumed(result.metrics.get("resumed", [])):
        RESULT.print(f"resumed                 {resumed}", soft_wrap=True)
    RESULT.print(f"picture of test frames  {result.picture}", soft_wrap=True)
    RESULT.print(f"run folder              {result.folder}", soft_wrap=True)
    if not is_grid:
        print_report_command(settings.paths.runs, own_folders())
    return result.validation


def main_shared(config: DictConfig) -> None:
    """Run nothing but the stages that this experiment shares with others."""
    train_shared(_settings(config))


def job_check(on_this_machine: bool) -> Callable[[DictConfig], None]:
    """A check of the configurations of a grid's jobs, before the first of them begins.

    Args:
        on_this_machine: whether the jobs run on this machine.
    """
    checks = EarlyChecks(on_this_machine)
    return lambda config: checks.check(_settings(config, on_this_machine))


def _settings(config: DictConfig, on_this_machine: bool = True) -> Settings:
    hydra = HydraConfig.get()
    choices = {str(group): option for group, option in hydra.runtime.choices.items()}
    grid = Path(hydra.sweep.dir).name if hydra.mode == RunMode.MULTIRUN else None
    return parse(plain(config), Command(choices, list(hydra.overrides.task), grid), on_this_machine)
