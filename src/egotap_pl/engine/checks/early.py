"""Checks, without data, whether experiments can run: before the first job of a grid begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.allowlist import targets
from egotap_pl.engine.checkpoints.loading import checked_task
from egotap_pl.engine.checks.trial import Planned, Sample, trainings_of, try_step
from egotap_pl.engine.datasets import folder_of_stores
from egotap_pl.engine.loggers import make_service
from egotap_pl.engine.settings import DataSpec, Settings
from egotap_pl.engine.training_specs import TrainingSpec

_NOT_TRIED = ("optimizer", "schedule")
"""Parts of a task that a trial step does not use."""


class EarlyChecks:
    """What can be known of experiments before their data exist. What several of them share is checked once.

    Args:
        on_this_machine: whether they run on this machine. Otherwise their devices and loggers are not checked.
    """

    def __init__(self, on_this_machine: bool = True) -> None:
        self.on_this_machine = on_this_machine
        self._results: dict[str, Any] = {}

    def check(self, settings: Settings) -> None:
        """Check that checkpoints to start from are there, the logger is ready, and the parts of each task fit together.

        For the latter, a step of each training is tried (`egotap_pl.engine.checks.trial`) on blank frames of the size
        that the data set's source gives, and the weights that it starts from are compared with its network. If the
        files of the source are not there yet, nothing is tried.

        Args:
            settings: the experiment, whose values have been checked.

        Raises:
            EgotapError: if the experiment cannot run.
        """
        check_tasks(settings)
        for planned in trainings_of(settings):
            planned.start()
        if settings.logger is not None and self.on_this_machine:
            logger = settings.logger
            self._once(["logger", logger], lambda: make_service(logger).check())
        self.check_parts(settings)

    def check_parts(self, settings: Settings) -> None:
        """Check that the parts of each task fit together, and the weights that it starts from: see `check`.

        Raises:
            EgotapError: if they do not.
        """
        data = settings.data
        sample = self._once(["data", data.source, data.has_source, str(data.folder)], lambda: _sample(data))
        if sample is None:
            return
        for planned in trainings_of(settings):
            self._try(planned, sample, settings)

    def _try(self, planned: Planned, sample: Sample, settings: Settings) -> None:
        training, cached = planned.training, settings.heatmaps.is_cached
        task = {key: value for key, value in training.task.items() if key not in _NOT_TRIED}
        how = [bool(training.epochs), training.augment, training.init, training.init_skip, cached]
        key = [planned.title, task, how, settings.data.source, str(settings.data.folder)]
        self._once(key, lambda: try_step(planned, sample, cached))

    def _once(self, key: Any, work: Callable[[], Any]) -> Any:
        """The result of some work, or the mistake that it found before, if it was done with an equal key."""
        text = json.dumps(key, sort_keys=True, default=str)
        if text not in self._results:
            try:
                self._results[text] = work()
            except EgotapError as error:
                self._results[text] = error
        result = self._results[text]
        if isinstance(result, EgotapError):
            raise EgotapError(str(result))
        return result


def check_tasks(settings: Settings) -> None:
    """Check that checkpoints of the configured tasks can be loaded.

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
        checked_task(dict(training.task), names_in(training), f"{where}.task")


def names_in(training: TrainingSpec) -> tuple[str, ...]:
    """Names of what a checkpoint of a training may use: everything that the user's own configuration names."""
    return "egotap_pl", *targets(training.task)


def _sample(data: DataSpec) -> Sample | None:
    """Two frames of the data set's size, or None if its files are not there: the experiment itself says so."""
    if not data.has_source:
        path = store_path(folder_of_stores(data), "train")
        return Sample.of(FrameStore(path)) if path.is_file() else None
    try:
        return Sample.blank(build(data.source))
    except (EgotapError, OSError):
        if "root" in data.node:
            return None
        raise


def on_any_machine(trainer: Spec) -> Spec:
    """A node of conf/trainer without what depends on the machine, so that its other values can be checked here.

    Args:
        trainer: the node.
    """
    devices = trainer["devices"]
    if isinstance(devices, (list, tuple)):
        devices = len(devices)
    elif isinstance(devices, str):  # auto, or the name of one
        devices = 1
    return {**trainer, "accelerator": "cpu", "devices": devices}
