"""Finished runs, read from their folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.analysis.runs import Run
from egotap_pl.cli.config import read_yaml
from egotap_pl.cli.runs import ENTRY
from egotap_pl.cli.stages import is_done
from egotap_pl.core.errors import EgotapError

_SETTINGS = ("seed", "scale", "data", "heatmaps", "estimators", "training", "trainer", "paths", "probe")
_METRICS = ("experiment", "dataset", "dataset_fingerprint", "split", "frames", "seed")


class Gathered(NamedTuple):
    """What lies under some folders.

    Fields:
        runs: the finished ones, in the order of their folders.
        missing: a sentence for each that is not finished or cannot be read.
    """

    runs: list[Run]
    missing: list[str]


def gather(folders: Sequence[Path], visited: Callable[[Path], None] = lambda _: None) -> Gathered:
    """Read the finished runs under folders; one that is damaged is named, and the others are read.

    Args:
        folders: run folders, or folders with run folders at any depth; a run that is found twice counts once.
        visited: called with each run folder.

    Raises:
        EgotapError: if one of the folders is not there, or there is no finished run in any.
    """
    for folder in folders:
        if not folder.is_dir():
            raise EgotapError(f"runs={folder}: no such folder")
    entries = {path.parent.resolve(): path.parent for folder in folders for path in sorted(folder.rglob(ENTRY))}
    runs, missing = [], []
    for folder in entries.values():
        visited(folder)
        if not is_done(folder):
            missing.append(f"{folder}: not finished; the command that began it goes on from there")
            continue
        try:
            runs.append(read_run(folder))
        except EgotapError as error:
            missing.append(str(error))
    if not runs:
        told = "".join(f"\n  {line}" for line in missing[:5])
        raise EgotapError(f"no finished run in {', '.join(map(str, folders))}: train first, e.g. egotap train{told}")
    return Gathered(runs, missing)


def read_run(folder: Path) -> Run:
    """A finished run.

    Raises:
        EgotapError: if one of its files is missing or damaged, or it is of an older version of this program.
    """
    name = "config.yaml"
    try:
        settings = read_yaml(folder / name)
        _require(settings, _SETTINGS)
        name = "metrics.json"
        metrics = json.loads((folder / name).read_text(encoding="utf-8"))
        _require(metrics, _METRICS)
        _require(metrics, ("mpjpe", "pa_mpjpe", "per_joint", "per_category") if "mse" not in metrics else ("mse",))
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EgotapError(f"{folder}: {name} cannot be read ({reason}); delete the folder and run again") from error
    return Run(folder, settings, metrics)


def _require(content: object, keys: Sequence[str]) -> None:
    lacking = [key for key in keys if not isinstance(content, dict) or key not in content]
    if lacking:
        raise ValueError(f"it lacks {', '.join(lacking)}")
