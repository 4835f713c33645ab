"""`train` runs every stage of an experiment that has not been run yet, then the test."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.random_numbers import random_numbers_kept
from egotap_pl.engine.checkpoints.files import BEST, FOLDER
from egotap_pl.engine.checks.early import EarlyChecks, check_tasks, names_in
from egotap_pl.engine.datasets import are_prepared
from egotap_pl.engine.experiment import Experiment
from egotap_pl.engine.loggers import make_service
from egotap_pl.engine.processes.channel import ResultT
from egotap_pl.engine.processes.together import together
from egotap_pl.engine.runs.pictures import ensure_picture
from egotap_pl.engine.runs.results import Metrics, best_validation
from egotap_pl.engine.settings import Settings


@dataclass(frozen=True)
class TrainResult:
    """A finished run."""

    folder: Path
    """The run's folder."""

    metrics: Metrics
    """Content of metrics.json: errors on the test split, and where they come from."""

    validation: float
    """Validation error of the best epoch (MPJPE in mm, or a probe's squared error); NaN if nothing was trained."""

    picture: Path
    """A picture of test frames."""

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of the best epoch."""
        return self.folder / FOLDER / BEST

    @cached_property
    def predictions(self) -> Predictions:
        """The poses that the lifter estimated for the test split.

        Raises:
            EgotapError: if there are none, because the run is of a probe.
        """
        return Predictions.read(self.folder / "predictions.h5")


def train(settings: Settings) -> TrainResult:
    """Run an experiment: those of its data, estimators, cached heatmaps, lifter and probe that do not exist yet.

    In a group that torchrun or srun has started, all processes call this function, and all get the result. The caller's
    random numbers stay as they are. Calls from several threads of a process run one after another.

    Args:
        settings: the experiment; see `egotap_pl.compose`.

    Raises:
        EgotapError: if the settings do not fit together, data are missing, or a training diverges.
    """
    if not isinstance(settings, Settings):
        raise EgotapError(
            f"train got a {type(settings).__name__}: give what egotap_pl.compose gives, e.g. "
            'train(compose("experiment=quickstart"))'
        )
    return _together(lambda: _train(settings), settings)


def train_shared(settings: Settings) -> None:
    """Run the stages that an experiment shares with others: those of its data, estimators and cached heatmaps.

    Args:
        settings: the experiment.

    Raises:
        EgotapError: see `train`.
    """

    def run() -> None:
        _check(settings)
        Experiment(settings).run_shared()

    _together(run, settings)


def _together(work: Callable[[], ResultT], settings: Settings) -> ResultT:
    command = shlex.join(["egotap", "train", *settings.command.overrides])
    with random_numbers_kept():
        return together(work, settings.devices.devices, settings.devices.nodes, command)


def _train(settings: Settings) -> TrainResult:
    _check(settings)
    if settings.logger:
        make_service(settings.logger).check()
    experiment = Experiment(settings)
    folder = experiment.run()
    trained = settings.trained
    picture = ensure_picture(folder, experiment.data.folder, names_in(trained))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return TrainResult(folder, metrics, best_validation(folder, trained.monitor), picture)


def _check(settings: Settings) -> None:
    """Check an experiment before any work begins. With prepared data, that takes as long as a step and comes then."""
    check_tasks(settings)
    if not are_prepared(settings.data, settings.paths.data):
        EarlyChecks().check_parts(settings)
