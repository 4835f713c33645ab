"""What a dashboard groups, filters and colours runs by."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from egotap_pl.engine.stages import fingerprint

ID_FILE = ".logger-id"
ASIDE = ("logger", "paths.", "name=", "trainer")  # overrides that say nothing of what is run
PARTS = ("scale", "heatmaps", "lifter", "lifter/encoder", "lifter/propagation", "lifter/head")


@dataclass(frozen=True)
class Command:
    """What a job was asked for, in the user's words.

    Args:
        choices: option of every configuration group, by the group's name.
        overrides: of this job.
        multirun: folder of the grid that the job belongs to, or None.
    """

    choices: Mapping[str, str | None] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    multirun: str | None = None

    @property
    def words(self) -> str:
        """The overrides without those that change nothing about the result."""
        return ",".join(sorted(word for word in self.overrides if not word.startswith(ASIDE)))


@dataclass(frozen=True)
class Labels:
    """Labels of one training.

    Args:
        id: of the run: the same when an interrupted training goes on.
        stage: what is trained, e.g. ``joint estimator`` or ``lifter``.
        group: experiment and data set; estimators, which experiments share, have groups of their own.
        name: stage and overrides.
        tags: experiment, data, scale, heatmaps, encoder, propagation, seed.
        config: the tags by name, ``fit`` (what determines the result) and ``settings`` (the resolved configuration).
    """

    id: str
    stage: str
    group: str
    name: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]

    def restarted(self, attempt: int, seed: int) -> Labels:
        """Of another attempt at the same training: a run of its own."""
        if attempt == 0:
            return self
        return replace(self, id=f"{self.id}-{attempt}", name=f"{self.name} (restart {attempt}, seed {seed})")


def labels_of(
    command: Command, stage: str, experiment: str, settings: dict[str, Any], spec: dict[str, Any], folder: Path
) -> Labels:
    """Labels of a training.

    Args:
        command: what was asked for.
        stage: what is trained.
        experiment: name of the preset.
        settings: the resolved configuration.
        spec: what determines the training's result.
        folder: the training's; the run's id is kept in it.
    """
    data = settings["data"]["name"]
    shared = stage.endswith("estimator")
    parts = PARTS[:1] if shared else PARTS
    chosen = {part.rpartition("/")[-1]: str(command.choices[part]) for part in parts if command.choices.get(part)}
    run = {"stage": stage, "data": data, **chosen, "seed": spec["seed"], "fingerprint": fingerprint(spec)[:12]}
    if not shared:
        run = {"experiment": experiment, **run, "overrides": command.words, "multirun": command.multirun}
    tags = [str(run[name]) for name in ("experiment", "data", *chosen) if name in run] + [f"seed {spec['seed']}"]
    words = f"{data} {chosen.get('scale', '')}" if shared else command.words or experiment
    return Labels(
        id=_kept_id(folder, spec),
        stage=stage,
        group=f"{'estimators' if shared else experiment}/{data}",
        name=f"{stage} {words}".strip()[:128],
        tags=tuple(dict.fromkeys(tag[:64] for tag in tags)),
        config={**run, "fit": spec, "settings": settings},
    )


def _kept_id(folder: Path, spec: dict[str, Any]) -> str:
    """Of the run that was begun in a folder: its fingerprint, and four letters by which a copy elsewhere differs."""
    path = folder / ID_FILE
    if not path.is_file():
        path.write_text(f"{fingerprint(spec)[:12]}-{secrets.token_hex(2)}", encoding="utf-8")
    return path.read_text(encoding="utf-8")
