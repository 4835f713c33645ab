"""The stages of an experiment in order: data, estimators, cached heatmaps, lifter, probe.

A stage runs only if its result does not exist yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import torch

from egotap_pl.data.sampling import check_shares
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.windows import ALONE, Window
from egotap_pl.engine.build import Spec
from egotap_pl.engine.checkpoints.files import BEST, FOLDER, PREVIOUS, mend_checkpoints
from egotap_pl.engine.checkpoints.initial_weights import start_of
from egotap_pl.engine.checkpoints.loading import About
from egotap_pl.engine.checks.trial import Trial
from egotap_pl.engine.checks.windows import warn_of_gaps
from egotap_pl.engine.datasets import PreparedData, ensure_data
from egotap_pl.engine.fit import FitJob, Parts, fit
from egotap_pl.engine.heatmap_cache import CACHED_SPLITS, cache_heatmaps
from egotap_pl.engine.processes.launch import launch
from egotap_pl.engine.processes.side_by_side import side_by_side
from egotap_pl.engine.resuming.continuation import continue_shorter
from egotap_pl.engine.resuming.history import History
from egotap_pl.engine.runs.folders import run_stage, runs_by_fingerprint
from egotap_pl.engine.runs.labels import labels_of, say_unlogged, was_logged
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.stages import Stage, fingerprint, is_done, shared_folder, shared_stage
from egotap_pl.engine.training_specs import TrainingSpec


class Experiment:
    """Runs the stages of an experiment that have not been run yet.

    Args:
        settings: the experiment.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._estimators: dict[str, Path] = {}
        self._trial = Trial(settings)
        # A lifter that starts from a checkpoint gets all its weights there.
        self._pretraining = None if settings.training.init else settings.pretraining

    def run(self) -> Path:
        """Train and test the lifter; if there is a probe, then train the probe on the finished lifter and test it.

        Returns:
            The run's folder: an earlier one if the same configuration was run before.
        """
        settings, probe = self.settings, self.settings.probe
        experiment, window = settings.command.experiment, settings.data.window
        lifter = {**self._run_identity(settings.training), **({"window": list(window)} if window.frames > 1 else {})}
        if probe is None:
            return self._run(
                "lifter", settings.training, lifter, experiment, settings.name, settings.config, window=window
            )
        identity, parts = self._run_identity(probe.training), {}
        if probe.of is not None:
            identity = {**identity, "lifter": lifter}
            without_probe = {**settings.config, "probe": {}}
            folder = self._run("lifter", settings.training, lifter, probe.of, None, without_probe, window=window)
            best = folder / FOLDER / BEST
            parts = {module: (best, prefix) for module, prefix in probe.parts.items()}
        return self._run(probe.title, probe.training, identity, experiment, settings.name, settings.config, parts)

    def run_shared(self) -> None:
        """Run the stages that experiments share: prepare the data, train the estimators, cache their heatmaps."""
        _ = self.data
        _ = self.estimators
        if self._pretraining is not None:
            _ = self.pretrained
        if self._run_identity(self.settings.training)["heatmaps_kept"]:
            _ = self.heatmaps

    @cached_property
    def data(self) -> PreparedData:
        """The prepared data."""
        return ensure_data(self.settings.data, self.settings.paths.data)

    @property
    def estimators(self) -> Mapping[str, Path]:
        """Checkpoints of all estimators, by the kind of heatmap."""
        stages = {kind: self._estimator_stage(kind) for kind in self.settings.heatmaps.estimators}
        missing = [kind for kind, stage in stages.items() if kind not in self._estimators and not is_done(stage.folder)]
        if self.settings.devices.shares(len(missing)) > 1:
            self._train_side_by_side(missing)
            self._estimators |= {kind: stages[kind].folder / FOLDER / BEST for kind in missing}
        return {kind: self.estimator(kind) for kind in stages}

    def estimator(self, kind: str) -> Path:
        """Checkpoint of the estimator of one kind (``joint``, ``limb`` or ``shared``)."""
        if kind not in self._estimators:
            stage = self._estimator_stage(kind)
            if self.settings.estimators[kind].epochs:
                self._say_if_unlogged(stage, "stages")
            folder = stage.ensure(lambda folder: self._fit_estimator(kind, folder))
            self._estimators[kind] = folder / FOLDER / BEST
        return self._estimators[kind]

    def _train_side_by_side(self, kinds: list[str]) -> None:
        """Train estimators at the same time: each process has an experiment of its own, and asks it for one."""
        self._try(f"{kinds[0]} estimator")
        settings = replace(self.settings, devices=replace(self.settings.devices, beside=len(kinds)))
        jobs = {f"{kind} estimator": EstimatorJob(settings, self.data, kind) for kind in kinds}
        side_by_side(train_estimator, jobs, max(torch.get_num_threads() // len(kinds), 1))

    def _estimator_stage(self, kind: str) -> Stage:
        identity = self._identity(self.settings.estimators[kind], kind)
        return shared_stage(f"{kind} estimator", identity, self.settings.paths.stages)

    def _fit_estimator(self, kind: str, folder: Path) -> None:
        training = self.settings.estimators[kind]
        self._fit(f"{kind} estimator", training, self._identity(training, kind), folder, kind=kind)

    def _try(self, title: str) -> FrameStore:
        """Try a training, unless that was done; return the training frames."""
        store = FrameStore(store_path(self.data.folder, "train"))
        self._trial.before(title, store)
        return store

    @cached_property
    def pretrained(self) -> Path:
        """Checkpoint of the network that is trained before the lifter."""
        assert self._pretraining is not None
        title, training = self._pretraining.title, self._pretraining.training
        identity = self._identity(training)
        stage = shared_stage(title, identity, self.settings.paths.stages)
        self._say_if_unlogged(stage, "stages")
        return stage.ensure(lambda folder: self._fit(title, training, identity, folder)) / FOLDER / BEST

    @cached_property
    def heatmaps(self) -> Path:
        """Folder of the estimated heatmaps of the training and validation splits."""
        source = self.settings.heatmaps.source
        spec = {"data": self.data.fingerprint, "source": source, "estimators": self._estimator_identities()}
        weights = self.estimators
        files = tuple(f"{split}.h5" for split in CACHED_SPLITS)
        return shared_stage("heatmaps", spec, self.settings.paths.stages, files).ensure(
            lambda folder: cache_heatmaps(source, weights, self.data.folder, folder, self.settings.devices)
        )

    def _run(
        self,
        title: str,
        training: TrainingSpec,
        identity: Spec,
        experiment: str,
        name: str | None,
        config: Spec,
        parts: Parts | None = None,
        window: Window = ALONE,
    ) -> Path:
        """Train and test in a run's folder. The task starts with the weights of the estimators and of ``parts``."""
        heatmaps = self.heatmaps if identity["heatmaps_kept"] else None
        weights: dict[str, tuple[Path, str]] = {
            f"heatmaps.{kind}.module": (path, "estimator") for kind, path in self.estimators.items()
        }
        if self._pretraining is not None and training is self.settings.training:
            weights |= {module: (self.pretrained, prefix) for module, prefix in self._pretraining.parts.items()}
        weights |= dict(parts or {})
        parent = self.settings.paths.runs / experiment / self.settings.data.name
        if fingerprint(identity) not in runs_by_fingerprint(parent):
            self._try(title)  # before there is a folder, which reports would list as an unfinished run
        stage = run_stage(title, identity, parent, name, config, self.settings.command)
        self._say_if_unlogged(stage, "runs")
        return stage.ensure(
            lambda folder: self._fit(title, training, identity, folder, experiment, heatmaps, weights, window=window)
        )

    def _say_if_unlogged(self, stage: Stage, paths: str) -> None:
        """Say that a finished training is not logged; ``paths`` is the key of its parent folder."""
        if self.settings.logger and is_done(stage.folder) and not was_logged(stage.folder):
            say_unlogged(stage.title, stage.folder.absolute(), f"paths.{paths}")

    def _fit(
        self,
        title: str,
        training: TrainingSpec,
        identity: Spec,
        folder: Path,
        experiment: str | None = None,
        heatmaps: Path | None = None,
        parts: Parts | None = None,
        kind: str | None = None,
        window: Window = ALONE,
    ) -> None:
        """Train and test in the configured processes. Without ``experiment``, the stage is one that presets share."""
        settings, command = self.settings, self.settings.command
        for split in SPLITS:
            store = FrameStore(store_path(self.data.folder, split))
            check_shares(len(store), settings.devices.processes, f"{store.path}: ")
        header = self._try(title)
        warn_of_gaps(header, window)
        about = About(
            task=training.task,
            skeleton=header.skeleton.to_dict(),
            categories=list(header.categories),
            data=dict(settings.data.node),
            data_fingerprint=self.data.fingerprint,
            batch_size=training.batch_size,
            seed=training.seed,
            experiment=experiment or command.experiment,
            rig=header.rig.to_dict(),
        )
        labels = labels_of(command, title, experiment, settings.config, identity, folder) if settings.logger else None
        job = FitJob(
            title=title,
            training=training,
            about=about,
            folder=folder,
            store=self.data.folder,
            heatmaps=heatmaps,
            parts=parts or {},
            start=start_of(training.init, training.init_skip, kind),
            devices=settings.devices,
            logger=settings.logger,
            labels=labels,
            window=window,
        )
        mend_checkpoints(folder, title)
        if job.last.is_file():
            History.read(folder).resumed_now().write(folder)
        continue_shorter(title, training, identity, folder, self._earlier(title, folder, experiment is None))
        launch(fit, job, settings.devices.processes)
        (folder / FOLDER / PREVIOUS).unlink(missing_ok=True)

    def _earlier(self, title: str, folder: Path, is_shared: bool) -> Callable[[Spec], Path | None]:
        """A function that finds the folder of an earlier training by what determines its result."""
        if is_shared:
            return lambda identity: shared_folder(title, identity, self.settings.paths.stages)
        runs = cache(lambda: runs_by_fingerprint(folder.parent))  # read only if the training is a new one
        return lambda identity: runs().get(fingerprint(identity))

    # What determines a training's result. Existing runs have fingerprints of these dictionaries: do not change them.

    def _identity(self, training: TrainingSpec, kind: str | None = None) -> Spec:
        devices, options = self.settings.devices, self.settings.devices.determining
        identity = {**training.node, "data": self.data.fingerprint, "precision": devices.precision}
        start = start_of(training.init, training.init_skip, kind)
        return identity | ({"trainer": options} if options else {}) | ({"init": start.identity()} if start else {})

    def _run_identity(self, training: TrainingSpec) -> Spec:
        heatmaps, before = self.settings.heatmaps, self._pretraining
        pretrained = {} if before is None else {"pretrained": self._identity(before.training)}
        return {
            **self._identity(training),
            **pretrained,
            "estimators": self._estimator_identities(),
            "heatmaps_kept": heatmaps.is_cached and bool(training.epochs),  # in half precision
        }

    def _estimator_identities(self) -> Spec:
        return {
            kind: self._identity(self.settings.estimators[kind], kind) for kind in self.settings.heatmaps.estimators
        }


@dataclass(frozen=True)
class EstimatorJob:
    """An estimator to train in a process of its own. The experiment has tried it."""

    settings: Settings
    """The experiment."""

    data: PreparedData
    """Its prepared data."""

    kind: str
    """The kind of heatmap."""


def train_estimator(job: EstimatorJob) -> None:
    """Train an estimator, unless another job has done it in the meantime."""
    experiment = Experiment(job.settings)
    experiment.data, experiment._trial = job.data, Trial.none()
    experiment.estimator(job.kind)
