"""A composed configuration of `egotap train` as typed, read-only values, checked before any work begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import Spec
from egotap_pl.engine.devices import Devices
from egotap_pl.engine.labels import Command
from egotap_pl.engine.specs import check_arguments, check_spec, check_training_ranges


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
class TrainingSpec:
    """How one network is trained: a node of conf/training, conf/estimator or conf/probe."""

    seed: int
    epochs: int

    batch_size: int
    """Frames of a batch, all devices together."""

    gradient_clip: float | None
    monitor: str
    """Name of the logged number whose smallest value selects the best epoch."""

    restarts: int
    """How often a training that collapses may begin again with another seed."""

    guard: Any
    """Spec of the callback that notices a collapse, or None."""

    augment: Any
    """Spec of the augmentation, or None."""

    task: Any
    """Spec of the task."""

    node: Spec = field(repr=False)
    """The node as configured, which is part of the result's fingerprint."""

    @classmethod
    def parse(cls, node: Mapping[str, Any], where: str) -> TrainingSpec:
        """Check a node and keep it.

        Args:
            node: plain containers.
            where: the node's key, for messages.

        Raises:
            EgotapError: if a key is unknown or missing, or a value is of the wrong kind.
        """
        names = [column.name for column in fields(cls) if column.name != "node"]
        if missing := sorted(set(names) - node.keys()):
            raise EgotapError(f"{where} has no {', '.join(missing)}")
        if unknown := sorted(node.keys() - set(names)):
            raise EgotapError(f"{where}.{unknown[0]} is not a setting: it must be one of: {', '.join(names)}")
        check_arguments(cls, node, where)
        check_training_ranges(node, where)
        for key, value in node.items():
            check_spec(value, f"{where}.{key}")
        return cls(**{name: node[name] for name in names}, node=node)


@dataclass(frozen=True)
class ProbeSpec:
    """What is asked of a finished lifter (conf/probe)."""

    training: TrainingSpec
    title: str

    of: str | None
    """The preset in whose folder the lifter's run is found or made; None: the probe needs no lifter."""

    parts: Mapping[str, str]
    """Modules of the probe's task, each with the prefix of its weights in the lifter's checkpoint."""


@dataclass(frozen=True)
class HeatmapsSpec:
    """Where the lifter's heatmaps come from (conf/heatmaps)."""

    source: Spec
    estimators: tuple[str, ...]
    """Kinds of heatmaps that frozen estimators give: ``joint``, ``limb``."""

    cache: bool
    """Whether the heatmaps of the training and validation splits are estimated once and read from disk."""


@dataclass(frozen=True)
class DataSpec:
    """A data set (conf/data)."""

    name: str
    source: Spec
    codec: Spec
    workers: int | None
    """Processes that render or read; None: one per processor."""

    folder: Path | None
    """Of the prepared data; None: a folder under `Paths.data` that is named after the fingerprint."""

    has_source: bool
    """False where the source files are gone (``data.root=null``) and the prepared data are used as they are."""

    node: Spec = field(repr=False)
    """The node as configured."""

    @classmethod
    def parse(cls, node: Mapping[str, Any]) -> DataSpec:
        """Check a node and keep it.

        Raises:
            EgotapError: if a class is not found, or does not take an argument.
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
        )


@dataclass(frozen=True)
class Settings:
    """Everything that `egotap train` was asked for."""

    seed: int
    name: str | None
    """Wished name of the run's folder."""

    paths: Paths
    data: DataSpec
    heatmaps: HeatmapsSpec
    estimators: Mapping[str, TrainingSpec]
    training: TrainingSpec
    probe: ProbeSpec | None
    devices: Devices
    logger: Spec | None
    command: Command
    config: Spec = field(repr=False)
    """The whole configuration, for the run's config.yaml."""

    @property
    def trained(self) -> TrainingSpec:
        """The training that the run ends with."""
        return self.training if self.probe is None else self.probe.training

    @classmethod
    def parse(cls, config: Mapping[str, Any], command: Command) -> Settings:
        """Check a composed configuration and keep it.

        Args:
            config: the resolved configuration, as plain containers.
            command: what the user asked for.

        Raises:
            EgotapError: if a key is unknown or missing, or a value is of the wrong kind; the message names the key.
        """
        training = TrainingSpec.parse(config["training"], "training")
        heatmaps, probe, logger = config["heatmaps"], config["probe"] or None, config["logger"] or None
        kinds = tuple(heatmaps["estimators"])
        estimators = {kind: TrainingSpec.parse(config["estimators"][kind], f"estimators.{kind}") for kind in kinds}
        for part in ("heatmaps", "probe", "logger"):
            check_spec(config[part], part)
        return cls(
            seed=config["seed"],
            name=config["name"],
            paths=Paths(**{name: Path(config["paths"][name]) for name in ("data", "stages", "runs")}),
            data=DataSpec.parse(config["data"]),
            heatmaps=HeatmapsSpec(heatmaps["source"], kinds, bool(heatmaps["cache"])),
            estimators=estimators,
            training=training,
            probe=None if probe is None else _probe(probe),
            devices=Devices.parse(config["trainer"]),
            logger=logger,
            command=command,
            config=config,
        )


def _probe(node: Mapping[str, Any]) -> ProbeSpec:
    own = ("title", "of", "parts")
    training = TrainingSpec.parse({key: value for key, value in node.items() if key not in own}, "probe")
    return ProbeSpec(replace(training, node=node), node["title"], node["of"], node["parts"])
