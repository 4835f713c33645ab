"""The configuration of `egotap train` as typed, read-only values, checked before any work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.windows import ALONE, Window
from egotap_pl.engine.build import Spec
from egotap_pl.engine.checkpoints.initial_weights import ESTIMATOR
from egotap_pl.engine.checks.estimators import check_estimators
from egotap_pl.engine.checks.windows import check_window
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.own_cameras import with_own_cameras
from egotap_pl.engine.runs.folders import check_name
from egotap_pl.engine.runs.labels import Command
from egotap_pl.engine.specs import check_spec
from egotap_pl.engine.training_specs import PretrainingSpec, ProbeSpec, TrainingSpec


@dataclass(frozen=True)
class Paths:
    """Folders that runs share."""

    data: Path
    """Prepared data."""

    stages: Path
    """Estimators and cached heatmaps."""

    runs: Path
    """Run folders."""


@dataclass(frozen=True)
class HeatmapsSpec:
    """Where the lifter's heatmaps come from (conf/heatmaps)."""

    source: Spec
    """Spec of the heatmap source."""

    estimators: tuple[str, ...]
    """The frozen estimators: ``joint`` and ``limb``, or ``shared``, which gives both kinds of heatmaps."""

    cache: bool
    """Whether the heatmaps of the training and validation splits are estimated once and read from disk."""

    @property
    def is_cached(self) -> bool:
        """Whether there are heatmaps to cache, and they are."""
        return bool(self.cache and self.estimators)


@dataclass(frozen=True)
class DataSpec:
    """A data set (conf/data)."""

    name: str
    """Name of the data set."""

    source: Spec
    """Spec of the source, which reads or renders the frames."""

    codec: Spec
    """Spec of the codec of images in the frame stores."""

    workers: int | None
    """Processes that render or read; None: one per processor."""

    folder: Path | None
    """Folder of the prepared data; None: a folder in `Paths.data` that is named after the fingerprint."""

    has_source: bool
    """False if the source files are not available (``data.root=null``) and prepared data are used as they are."""

    node: Spec = field(repr=False)
    """The node as configured."""

    window: Window = ALONE
    """The frames that a lifter reads for each pose."""

    @classmethod
    def parse(cls, node: Spec) -> DataSpec:
        """Check a node of the configuration.

        Raises:
            EgotapError: if a class does not exist, or does not accept an argument.
        """
        check_spec(node, "data")
        folder = node["folder"]
        return cls(
            name=node["name"],
            source=node["source"],
            codec=node["codec"],
            workers=node["workers"],
            folder=None if folder is None else Path(folder).absolute(),
            has_source="root" not in node or node["root"] is not None,
            node=node,
            window=Window.parse(node),
        )


@dataclass(frozen=True)
class Settings:
    """An experiment, as `egotap train` runs it."""

    seed: int
    """Seed of the run."""

    name: str | None
    """Name for the run's folder; None: the time."""

    paths: Paths
    """Folders that runs share."""

    data: DataSpec
    """The data set."""

    heatmaps: HeatmapsSpec
    """Where the lifter's heatmaps come from."""

    estimators: Mapping[str, TrainingSpec]
    """How the estimators are trained, by their kind (``joint``, ``limb``, ``shared``)."""

    training: TrainingSpec
    """How the lifter is trained."""

    probe: ProbeSpec | None
    """What is trained after the lifter, or None."""

    pretraining: PretrainingSpec | None
    """What is trained before the lifter, or None."""

    devices: Devices
    """The devices that every stage runs on."""

    logger: Spec | None
    """Spec of the logger besides metrics.csv, or None."""

    command: Command
    """The user's command."""

    config: Spec = field(repr=False)
    """The whole configuration, for the run's config.yaml."""

    @property
    def trained(self) -> TrainingSpec:
        """The training that the run ends with: the probe's or else the lifter's."""
        return self.training if self.probe is None else self.probe.training

    @classmethod
    def parse(cls, config: Spec, command: Command) -> Settings:
        """Check a composed configuration.

        Args:
            config: the resolved configuration, as plain containers.
            command: the user's command.

        Raises:
            EgotapError: if a key is unknown or missing, or a value is wrong; the message names the key.
        """
        if unread := sorted(set(config.get("experiment") or ())):
            raise EgotapError(
                f"experiment={command.experiment}: nothing reads its {', '.join(unread)}, because the file does not "
                "begin with the line # @package _global_"
            )
        if config.get("estimator"):
            raise EgotapError(
                "estimator: must be one of: unet, lean. The estimator of one kind of heatmap is chosen with "
                "estimator@estimators.joint=... or estimator@estimators.limb=..."
            )
        training = TrainingSpec.parse(config["training"], "training")
        heatmaps, probe, logger = config["heatmaps"], config["probe"] or None, config["logger"] or None
        kinds = tuple(heatmaps["estimators"])
        estimators = {kind: TrainingSpec.parse(config["estimators"][kind], f"estimators.{kind}") for kind in kinds}
        # A run of an earlier version has no pretraining. That of the option none has no task.
        pretraining = config.get("pretraining") or {}
        for part in ("heatmaps", "probe", "logger"):
            check_spec(config[part], part)
        check_spec(pretraining, "pretraining")
        settings = cls(
            seed=config["seed"],
            name=_name(config["name"]),
            paths=Paths(**{name: Path(config["paths"][name]) for name in ("data", "stages", "runs")}),
            data=DataSpec.parse(with_own_cameras(config)),
            heatmaps=HeatmapsSpec(heatmaps["source"], kinds, bool(heatmaps["cache"])),
            estimators=estimators,
            training=training,
            probe=None if probe is None else ProbeSpec.parse(probe),
            pretraining=PretrainingSpec.parse(pretraining) if pretraining.get("task") else None,
            devices=Devices.parse(config["trainer"]),
            logger=logger,
            command=command,
            config=config,
        )
        settings = settings._with_own_skips(config.get("init_skip") or ())
        check_estimators(settings.estimators, config["estimators"], command.choices)
        check_window(settings.data.window, training.task, training.augment)
        before = [] if settings.pretraining is None else [settings.pretraining.training]
        trainings = (*estimators.values(), *before, training, settings.trained)
        for trained in trainings:
            settings.devices.share_of(trained.batch_size)
        if (skip := config.get("init_skip")) and not any(trained.init for trained in trainings):
            raise EgotapError(f"init_skip=[{','.join(skip)}]: there is no init=CHECKPOINT whose weights it could skip")
        return settings

    def _with_own_skips(self, skip: Sequence[str]) -> Settings:
        """The same with each of the names in ``init_skip`` where it belongs: an estimator's, or the lifter's."""
        of_estimators = [name for name in skip if name.partition(".")[0] == ESTIMATOR]

        def own(training: TrainingSpec, names: Sequence[str]) -> TrainingSpec:
            is_own = list(training.init_skip) != list(skip)  # given for this training alone
            return training if is_own else replace(training, init_skip=names)

        return replace(
            self,
            estimators={kind: own(training, of_estimators) for kind, training in self.estimators.items()},
            training=own(self.training, [name for name in skip if name not in of_estimators]),
        )


def _name(value: Any) -> str | None:
    if value is None or value == "":
        return None
    check_name(str(value))
    return str(value)
