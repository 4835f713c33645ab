"""Finished runs, read from their folders."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from egotap_pl.analysis.runs import Run
from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.data.untrusted.readers import read_text
from egotap_pl.engine.runs.config import read_run_config
from egotap_pl.engine.runs.folders import ENTRY
from egotap_pl.engine.stages import is_done
from egotap_pl.report.tables.measures import MEASURES

# What tables and comparisons need of a run's files: keys, with dots where they are nested, and types of the values.
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
    "mpjpe": (int, float),
    "pa_mpjpe": (int, float, type(None)),
    **dict.fromkeys(("per_joint", "per_category"), (dict,)),
}
_CATEGORY: dict[str, tuple[type, ...]] = {
    "mpjpe": (int, float),
    "pa_mpjpe": (int, float, type(None)),
    "frames": (int,),
}
_MEASURE = (int, float, type(None))
"""Of measures that runs of earlier versions lack."""
_VISIBILITY: dict[str, tuple[type, ...]] = {"mpjpe": _MEASURE, "joints": (int,)}
_HEATMAPS: dict[str, tuple[type, ...]] = dict.fromkeys(("mse", "zeros_mse"), (int, float))
_LARGEST = 2**53  # whole numbers beyond it have no exact float
_MAX_METRICS_BYTES = 4 * 2**20
_MAX_ENTRY_BYTES = 2**20


class Gathered(NamedTuple):
    """The runs under some folders."""

    runs: list[Run]
    """The finished runs, in the order of their folders."""

    missing: list[str]
    """A sentence for each run that is unfinished or damaged."""


def gather(folders: Sequence[Path], visited: Callable[[Path], None] = lambda _: None) -> Gathered:
    """Read the finished runs under folders. A damaged run does not keep the others from being read.

    Args:
        folders: run folders, or folders that hold run folders at any depth. A run that is found twice counts once.
        visited: called with each run folder.

    Raises:
        EgotapError: if a folder does not exist, or none holds a finished run.
    """
    for folder in folders:
        if not folder.is_dir():
            raise EgotapError(f"runs={folder}: no such folder")
    entries = {path.parent.resolve(): path.parent for folder in folders for path in sorted(folder.rglob(ENTRY))}
    runs, missing = [], []
    for folder in entries.values():
        visited(folder)
        if not is_done(folder):
            missing.append(f"{folder}: not finished; the command that began it continues it")
            continue
        try:
            runs.append(read_run(folder))
        except EgotapError as error:
            missing.append(str(error))
    if not runs:
        reasons = "".join(f"\n  {line}" for line in missing[:5])
        raise EgotapError(f"no finished run in {', '.join(map(str, folders))}: train first, e.g. egotap train{reasons}")
    return Gathered(runs, missing)


def read_run(folder: Path) -> Run:
    """A finished run.

    Raises:
        EgotapError: if one of its files is missing or damaged, or they do not fit together.
    """
    name = "config.yaml"
    try:
        settings = read_run_config(folder / name)
        _require(settings, _SETTINGS)
        _check_encoding(settings)
        if not all(isinstance(kind, str) for kind in settings["heatmaps"]["estimators"]):
            raise ValueError("heatmaps.estimators are not names")
        name = "metrics.json"
        metrics = json.loads(read_text(folder / name, _MAX_METRICS_BYTES))
        _check_metrics(metrics, is_probe=bool(settings["probe"]))
        _check_encoding(metrics)
    except (ValueError, RecursionError, EgotapError) as error:
        reason = first_line(error).removeprefix(str(folder / name))[:300]
        reason = reason.lstrip(" .:")
        raise EgotapError(
            f"{folder}: {name} cannot be read ({reason}); run the same command again, which makes it again"
        ) from error
    for key in ("mpjpe", "pa_mpjpe", "mse"):
        if not math.isfinite(metrics.get(key) or 0):
            raise EgotapError(f"{folder}: {key} is {metrics[key]}, as its training diverged; it is not counted")
    return Run(folder, settings, metrics, _choices(folder / ENTRY))


def _check_encoding(content: Any) -> None:
    """Make sure that names can be written to a file: an escape such as ``\\ud800`` may be half a surrogate pair.

    Raises:
        UnicodeEncodeError: if one cannot.
    """
    json.dumps(content, ensure_ascii=False).encode()


def _check_metrics(metrics: Any, is_probe: bool) -> None:
    """Make sure that tables can be made of a metrics.json.

    Args:
        metrics: its content.
        is_probe: whether the run is a probe's, which rebuilds heatmaps.

    Raises:
        ValueError: if a number is missing, or something else stands in its place, or they are of another split.
    """
    _require(metrics, _METRICS)
    if metrics["split"] != "test":
        raise ValueError(f"it is of the {metrics['split'][:80]} split, not of the test split")
    _require(metrics, _HEATMAPS if is_probe else _POSES)
    if not is_probe:
        _require_numbers(metrics["per_joint"], "per_joint")
        for category, errors in metrics["per_category"].items():
            _require({category: errors}, {category: (dict,)})
            _require(errors, _CATEGORY)
            _require_numbers(errors, f"per_category.{category}")
            _require(errors, {name: _MEASURE for name in MEASURES if name in errors})
        _require(metrics, {name: _MEASURE for name in MEASURES if name in metrics})
        _require({"per_visibility": {}, **metrics}, {"per_visibility": (dict,)})
        for state, errors in metrics.get("per_visibility", {}).items():
            _require({state: errors}, {state: (dict,)})
            _require(errors, _VISIBILITY)


def _choices(path: Path) -> dict[str, str | None]:
    """The options that the run was started with; none if the run.json is damaged, or of version 0.1.0."""
    try:
        choices = json.loads(read_text(path, _MAX_ENTRY_BYTES))["choices"]
    except (ValueError, TypeError, KeyError, RecursionError, EgotapError):
        return {}
    pairs = choices.items() if isinstance(choices, dict) else ()
    return {group: option for group, option in pairs if option is None or isinstance(option, str)}


def _require(content: Any, types: Mapping[str, tuple[type, ...]]) -> None:
    for key, allowed in types.items():
        value = content
        for name in key.split("."):
            if not isinstance(value, dict) or name not in value:
                raise ValueError(f"it lacks {key}")
            value = value[name]
        if not isinstance(value, allowed) or (isinstance(value, int) and abs(value) > _LARGEST):
            raise ValueError(f"{key} is {str(value)[:80]}")


def _require_numbers(content: Any, key: str) -> None:
    """Make sure that something is a number, or numbers by name. None is that of joints that are never known."""
    if isinstance(content, dict):
        for name, value in content.items():
            _require_numbers(value, f"{key}.{name}")
    elif content is not None and (not isinstance(content, (int, float)) or abs(content) > _LARGEST):
        raise ValueError(f"{key} is {str(content)[:80]}")
