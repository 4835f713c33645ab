"""`train` runs every stage of an experiment that has not been run yet, then the test."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.engine.allowlist import targets
from egotap_pl.engine.channel import ResultT
from egotap_pl.engine.checkpoint_files import BEST, FOLDER
from egotap_pl.engine.checkpoints import checked_task
from egotap_pl.engine.experiment import Experiment
from egotap_pl.engine.loggers import make_service
from egotap_pl.engine.results import Metrics, best_validation
from egotap_pl.engine.run_pictures import ensure_picture
from egotap_pl.engine.settings import Settings, TrainingSpec
from egotap_pl.engine.together import together


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

    In a group that torchrun or srun has started, all processes call this function, and all get the result.

    Args:
        settings: the experiment; see `egotap_pl.compose`.

    Raises:
        EgotapError: if the settings do not fit together, data are missing, or a training diverges.
    """
    return _together(lambda: _train(settings), settings)


def train_shared(settings: Settings) -> None:
    """Run the stages that an experiment shares with others: those of its data, estimators and cached heatmaps.

    Args:
        settings: the experiment.

    Raises:
        EgotapError: see `train`.
    """

    def run() -> None:
        check_tasks(settings)
        Experiment(settings).run_shared()

    _together(run, settings)


def _together(work: Callable[[], ResultT], settings: Settings) -> ResultT:
    command = shlex.join(["egotap", "train", *settings.command.overrides])
    return together(work, settings.devices.devices, settings.devices.nodes, command)


def _train(settings: Settings) -> TrainResult:
    check_tasks(settings)
    if settings.logger:
        make_service(settings.logger).check()
    experiment = Experiment(settings)
    folder = experiment.run()
    trained = settings.trained
    picture = ensure_picture(folder, experiment.data.folder, _named(trained))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return TrainResult(folder, metrics, best_validation(folder, trained.monitor), picture)


def check_tasks(settings: Settings) -> None:
    """Check, before any work begins, that checkpoints of the configured tasks can be loaded.

    Raises:
        EgotapError: if a task contains something that a checkpoint may not contain.
    """
    nodes = {f"estimators.{kind}": training for kind, training in settings.estimators.items()}
    nodes["training"] = settings.training
    if settings.pretraining is not None:
        nodes["pretraining"] = settings.pretraining.training
    if settings.probe is not None:
        nodes["probe"] = settings.probe.training
    for where, training in nodes.items():
        checked_task(dict(training.task), _named(training), f"{where}.task")


def _named(training: TrainingSpec) -> tuple[str, ...]:
    """Names of what a checkpoint of a training may use: everything that the user's own configuration names."""
    return "egotap_pl", *targets(training.task)
