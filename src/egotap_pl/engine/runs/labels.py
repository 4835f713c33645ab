"""Labels by which a dashboard groups, filters and colours runs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from egotap_pl.core.atomic import write_text
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec
from egotap_pl.engine.stages import fingerprint

ID_FILE = ".logger-id"
ASIDE = (
    "logger",
    "paths.",
    "name=",
    "trainer=",
    *(f"trainer.{k}=" for k in ("accelerator", "devices", "nodes", "workers")),
)
"""Beginnings of overrides that do not change the result."""
PARTS = ("scale", "heatmaps", "lifter", "lifter/encoder", "lifter/propagation", "lifter/head")
"""Configuration groups whose options become tags."""


@dataclass(frozen=True)
class Command:
    """The user's command."""

    choices: Mapping[str, str | None] = field(default_factory=dict)
    """The option of every configuration group, by the group's name."""

    overrides: Sequence[str] = ()
    """Overrides of this job, as typed."""

    grid: str | None = None
    """Name of the folder of the grid that the job belongs to, or None."""

    @property
    def experiment(self) -> str:
        """Name of the preset; ``custom`` without one."""
        return self.choices.get("experiment") or "custom"

    @property
    def words(self) -> str:
        """The overrides that change the result, in one line."""
        return ",".join(sorted(word for word in self.overrides if not word.startswith(ASIDE)))


@dataclass(frozen=True)
class Labels:
    """Labels of one training."""

    id: str
    """Id of the logger's run; the same when an interrupted training resumes."""

    stage: str
    """The network that is trained, e.g. ``joint estimator`` or ``lifter``."""

    group: str
    """Experiment and data set. Estimators, which experiments share, have their own groups."""

    name: str
    """Stage and overrides."""

    tags: tuple[str, ...]
    """Experiment, data, scale, heatmaps, encoder, propagation, seed."""

    config: Mapping[str, Any]
    """The tags by name, ``fit`` (what determines the result) and ``settings`` (the resolved configuration)."""

    def restarted(self, attempt: int, seed: int) -> Labels:
        """The labels of another attempt at the same training, which the logger shows as a separate run."""
        if attempt == 0:
            return self
        return replace(self, id=f"{self.id}-{attempt}", name=f"{self.name} (restart {attempt}, seed {seed})")


def labels_of(
    command: Command, stage: str, experiment: str | None, config: Spec, identity: Spec, folder: Path
) -> Labels:
    """Labels of a training.

    Args:
        command: the user's command.
        stage: the network that is trained.
        experiment: name of the preset; None for a stage that experiments share.
        config: the resolved configuration.
        identity: everything that determines the training's result.
        folder: the training's folder, which stores the id of the logger's run.
    """
    data, shared = config["data"]["name"], experiment is None
    parts = PARTS[:1] if shared else PARTS
    options = {part.rpartition("/")[-1]: str(command.choices[part]) for part in parts if command.choices.get(part)}
    run = {"stage": stage, "data": data, **options, "seed": identity["seed"], "fingerprint": fingerprint(identity)[:12]}
    if not shared:
        run = {"experiment": experiment, **run, "overrides": command.words, "multirun": command.grid}
    tags = [str(run[name]) for name in ("experiment", "data", *options) if name in run] + [f"seed {identity['seed']}"]
    words = f"{data} {options.get('scale', '')}" if shared else command.words or str(experiment)
    return Labels(
        id=_run_id(folder, identity),
        stage=stage,
        group=f"{'estimators' if shared else experiment}/{data}",
        name=f"{stage} {words}".strip()[:128],
        tags=tuple(dict.fromkeys(tag[:64] for tag in tags)),
        config={**run, "fit": identity, "settings": config},
    )


def was_logged(folder: Path) -> bool:
    """Whether a training in a folder had a logger besides metrics.csv."""
    return (folder / ID_FILE).is_file()


@cache  # once in a process: the jobs of a grid share estimators
def say_unlogged(title: str, folder: Path, key: str) -> None:
    """Say that a finished training, which had no logger, is not logged.

    Args:
        title: the network that was trained.
        folder: its folder.
        key: the key of the folder's parent.
    """
    what = "run" if key == "paths.runs" else "stage"
    say(
        f"{title}: was trained without a logger, and a finished {what} is not logged. To log it, delete {folder} and "
        f"train it again, or train it into another folder with {key}=FOLDER"
    )


def _run_id(folder: Path, identity: Spec) -> str:
    """An id made of the fingerprint and four random letters, so that a copy of the run elsewhere has another one."""
    path = folder / ID_FILE
    if not path.is_file() or not path.stat().st_size:
        write_text(path, f"{fingerprint(identity)[:12]}-{secrets.token_hex(2)}")
    return path.read_text(encoding="utf-8")


def renewed(labels: Labels, folder: Path) -> Labels:
    """The labels of a training with a new id, which the training keeps from now on.

    Args:
        labels: its labels.
        folder: its folder.
    """
    new = f"{labels.id.partition('-')[0]}-{secrets.token_hex(2)}"
    write_text(folder / ID_FILE, new)
    return replace(labels, id=new)
