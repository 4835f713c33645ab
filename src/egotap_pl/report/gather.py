"""Finished runs, read from their folders."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.analysis.runs import Run
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import read_yaml
from egotap_pl.engine.run_folders import ENTRY
from egotap_pl.engine.stages import is_done

# What a run's files must have, for tables and comparisons: keys, those of nested values by dots, and their types.
_SETTINGS: dict[str, tuple[type, ...]] = {
    "seed": (int,),
    "scale": (dict,),
    "data.name": (str,),
    "data.source": (dict,),
    "heatmaps.estimators": (list,),
    "estimators": (dict,),
    "training.seed": (int,),
    "trainer.precision": (str,),
    "paths.runs": (str,),
    "probe": (dict, type(None)),
}
_METRICS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("experiment", "dataset", "dataset_fingerprint", "split", "device"), (str,)),
    **dict.fromkeys(("frames", "seed", "parameters"), (int,)),
    **dict.fromkeys(("seconds", "test_seconds"), (int, float)),
}
_POSES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("mpjpe", "pa_mpjpe"), (int, float)),
    **dict.fromkeys(("per_joint", "per_category"), (dict,)),
}
_MAPS: dict[str, tuple[type, ...]] = {"mse": (int, float)}


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
        _require(metrics, _MAPS if "mse" in metrics else _POSES)
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise EgotapError(f"{folder}: {name} cannot be read ({reason}); delete the folder and run again") from error
    for key in ("mpjpe", "pa_mpjpe", "mse"):
        if not math.isfinite(metrics.get(key, 0)):
            raise EgotapError(f"{folder}: {key} is {metrics[key]}, so its training went wrong; it is not counted")
    return Run(folder, settings, metrics)


def _require(content: Any, types: Mapping[str, tuple[type, ...]]) -> None:
    for key, allowed in types.items():
        value = content
        for name in key.split("."):
            if not isinstance(value, dict) or name not in value:
                raise ValueError(f"it lacks {key}")
            value = value[name]
        if not isinstance(value, allowed):
            raise ValueError(f"{key} is {value!r}")
