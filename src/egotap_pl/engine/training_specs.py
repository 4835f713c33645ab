"""The trainings of an experiment as typed, read-only values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import Spec
from egotap_pl.engine.specs import check_arguments, check_spec, check_training_ranges


@dataclass(frozen=True)
class TrainingSpec:
    """How a network is trained: a node of conf/training, conf/estimator or conf/probe."""

    seed: int
    """Seed of the initial weights, the order of frames, and augmentation."""

    epochs: int
    """Number of epochs; 0: nothing is trained, the task is only tested."""

    batch_size: int
    """Frames in a batch, over all devices."""

    gradient_clip: float | None
    """Largest norm of the gradient; None: not clipped."""

    monitor: str
    """Name of the logged number whose smallest value selects the best epoch."""

    restarts: int
    """How many times a training that collapses may start again with another seed."""

    guard: Any
    """Spec of the callback that detects a collapse, or None."""

    augment: Any
    """Spec of the augmentation, or None."""

    task: Any
    """Spec of the task."""

    node: Spec = field(repr=False)
    """The node as configured, without the two keys below. The fingerprint of the result includes it."""

    init: str | None = None
    """Checkpoint or run folder whose weights the training starts from, or None."""

    init_skip: Sequence[str] = ()
    """Modules and parameters that start anew all the same."""

    @classmethod
    def parse(cls, node: Spec, where: str) -> TrainingSpec:
        """Check a node of the configuration.

        Args:
            node: plain containers.
            where: the node's key, for messages.

        Raises:
            EgotapError: if a key is unknown or missing, or a value is wrong.
        """
        optional = {name: node[name] for name in ("init", "init_skip") if name in node}
        node = {key: value for key, value in node.items() if key not in optional}
        names = [column.name for column in fields(cls) if column.name not in ("node", "init", "init_skip")]
        if missing := sorted(set(names) - node.keys()):
            raise EgotapError(f"{where}.{missing[0]} is missing; {where} needs {', '.join(names)}")
        if unknown := sorted(node.keys() - set(names)):
            raise EgotapError(f"{where}.{unknown[0]}: unknown setting; must be one of: {', '.join(names)}")
        check_arguments(cls, {**node, **optional}, where)
        check_training_ranges(node, where)
        for key, value in node.items():
            check_spec(value, f"{where}.{key}")
        return cls(**{name: node[name] for name in names}, **optional, node=node)


@dataclass(frozen=True)
class ProbeSpec:
    """A network that is trained on what a finished lifter computes (conf/probe)."""

    training: TrainingSpec
    """How the probe is trained."""

    title: str
    """Name of the probe on the screen."""

    of: str | None
    """The preset of the lifter, whose run is looked up or made first; None: the probe needs no lifter."""

    parts: Mapping[str, str]
    """Modules of the probe's task, each with the prefix of its weights in the lifter's checkpoint."""

    @classmethod
    def parse(cls, node: Spec) -> ProbeSpec:
        """Check a node of the configuration.

        Raises:
            EgotapError: if a key is unknown or missing, or a value is wrong.
        """
        training = TrainingSpec.parse(_without(node, "title", "of", "parts"), "probe")
        return cls(replace(training, node=node), node["title"], node["of"], node["parts"])


@dataclass(frozen=True)
class PretrainingSpec:
    """A network that is trained before the lifter, which starts from parts of it (conf/pretraining)."""

    training: TrainingSpec
    """How it is trained."""

    title: str
    """Its name on the screen."""

    parts: Mapping[str, str]
    """Modules of the lifter's task, each with the prefix of its weights in the pretrained network's checkpoint."""

    @classmethod
    def parse(cls, node: Spec) -> PretrainingSpec:
        """Check a node of the configuration.

        Raises:
            EgotapError: if a key is unknown or missing, or a value is wrong.
        """
        return cls(TrainingSpec.parse(_without(node, "title", "parts"), "pretraining"), node["title"], node["parts"])


def _without(node: Spec, *keys: str) -> Spec:
    return {key: value for key, value in node.items() if key not in keys}
