"""Which preset a run's configuration is: found by composing the presets again and comparing."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import IdentifiedRun
from egotap_pl.cli.composing import composing, conf_dir
from egotap_pl.engine.stages import fingerprint

Key = tuple[str, ...]
Changes = dict[Key, Any]

_NAME = re.compile(r"[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*")
"""Of a preset, a data set or a scale."""

# What changes no result: where things are, and who computes them.
_NO_MATTER = ("paths", "trainer", "logger", "seed", "name", "hydra")
_NO_MATTER_IN_DATA = ("folder", "root", "workers")


class _Gone:
    """Stands for the value of a key that a run's configuration does not have."""


class Identifier:
    """Finds the presets that a run's configuration is made of.

    Args:
        presets: the names that are to be recognised, whatever a run was started as.
    """

    def __init__(self, presets: Sequence[str]) -> None:
        self.presets = tuple(presets)
        self._composed: dict[tuple[str, str, str], dict[str, Any] | None] = {}
        self._found: dict[str, IdentifiedRun] = {}
        self._scales = _options("scale")
        self._heatmaps = _options("heatmaps")

    def __call__(self, run: Run) -> IdentifiedRun:
        """What a run's configuration is: the presets with the fewest changes."""
        settings = essentials(run.settings)
        key = fingerprint([_without_seeds(settings), run.metrics["dataset_fingerprint"]])
        if key not in self._found:
            scale = min(self._scales, key=lambda name: _distance(self._scales[name], settings["scale"]))
            presets, told = self._nearest(settings, scale, dict.fromkeys((run.experiment, *self.presets)))
            self._found[key] = IdentifiedRun(run, key, presets, scale, told, _setup(run.settings))
        found = self._found[key]
        own_first = sorted(found.presets, key=lambda preset: preset != run.experiment)
        return found._replace(run=run, presets=tuple(own_first), setup=_setup(run.settings))

    def _nearest(
        self, settings: dict[str, Any], scale: str, presets: Iterable[str]
    ) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The presets with the fewest changes, the same ones in each, and these changes."""
        data = str(settings["data"]["name"])
        candidates = []
        for preset in presets:
            composed = self._compose(preset, data, scale)
            if composed is None:
                continue
            candidates.append((_distance(composed, settings), preset, "", composed))
            for heatmaps, node in self._heatmaps.items():
                tree = {**composed, "heatmaps": node}
                candidates.append((_distance(tree, settings) + 1, preset, heatmaps, tree))
        candidates.sort(key=lambda candidate: candidate[0])  # stable: the first preset stays before its equals
        found: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        for number, preset, heatmaps, tree in candidates:
            if found and number > len(found[0][1]):  # what follows from the changes can only add to them
                break
            words = _words(changes(tree, settings))
            words = (("heatmaps", heatmaps), *words) if heatmaps else words
            if not found or len(words) < len(found[0][1]):
                found = []
            if not found or words == found[0][1]:
                found.append((preset, words))
        names = list(dict.fromkeys(preset for preset, _ in found))
        return tuple(name for name in names if name in self.presets) or tuple(names), found[0][1] if found else ()

    def _compose(self, preset: str, data: str, scale: str) -> dict[str, Any] | None:
        key = (preset, data, scale)
        if not all(_NAME.fullmatch(name) for name in key):  # a run's words become overrides, which can do much more
            return None
        if key not in self._composed:
            try:
                with composing():
                    config = hydra.compose("train", [f"experiment={preset}", f"data={data}", f"scale={scale}"])
                self._composed[key] = essentials(OmegaConf.to_container(config, resolve=False))
            except (HydraException, OmegaConfBaseException):  # a preset of somebody else's, or of another version
                self._composed[key] = None
        return self._composed[key]


def changes(composed: Mapping[str, Any], settings: Mapping[str, Any]) -> Changes:
    """The overrides that lead from a composed configuration to settings.

    Values that follow from others are not changes of their own: what is compared first are values that are no
    interpolations; then these are resolved with the changed values, and what still differs is changed one by one.

    Args:
        composed: with interpolations.
        settings: resolved.
    """
    found = dict(_differences(composed, settings, interpolated=False))
    while True:
        changed = copy.deepcopy(dict(composed)) | {"seed": settings["seed"]}
        for key, value in found.items():
            _set(changed, key, value)
        try:
            resolved = OmegaConf.to_container(OmegaConf.create(changed), resolve=True)
        except OmegaConfBaseException:  # what a value follows from is gone: nothing follows any more
            resolved = changed
        left = dict(_differences(resolved, settings, interpolated=True))
        if not left:
            return found
        if resolved is changed or found.keys() >= left.keys():
            return found | left
        key = next(key for key in left if key not in found)
        found[key] = left[key]


def essentials(settings: Any) -> dict[str, Any]:
    """Settings without what changes no result."""
    kept = {key: value for key, value in settings.items() if key not in _NO_MATTER}
    kept["trainer"] = {"precision": settings["trainer"]["precision"]}
    kept["seed"] = settings["seed"]  # others follow it
    kept["data"] = {key: value for key, value in settings["data"].items() if key not in _NO_MATTER_IN_DATA}
    source = dict(kept["data"]["source"])
    source.pop("root", None)  # the data are known by their fingerprint
    kept["data"]["source"] = source
    return kept


def _differences(one: Any, other: Any, interpolated: bool, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Keys, in the order of ``one``, whose values differ, with the values of ``other``."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys((*one, *other)):
            if (*key, name) == ("seed",):
                continue
            yield from _differences(one.get(name, _Gone), other.get(name, _Gone), interpolated, (*key, str(name)))
    elif not interpolated and isinstance(one, str) and "${" in one:
        return
    elif one != other:
        yield key, other


def _set(tree: dict[str, Any], key: Key, value: Any) -> None:
    for name in key[:-1]:
        node = tree.get(name)
        tree[name] = node if isinstance(node, dict) else {}
        tree = tree[name]
    if value is _Gone:
        tree.pop(key[-1], None)
    else:
        tree[key[-1]] = copy.deepcopy(value)


def _words(found: Changes) -> tuple[tuple[str, str], ...]:
    """Changes as overrides, by key."""
    return tuple(sorted((".".join(key), _word(".".join(key), value)) for key, value in found.items()))


def _word(key: str, value: Any) -> str:
    if value is _Gone:
        return f"~{key}"
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":")).replace('"', "")


def _options(group: str) -> dict[str, dict[str, Any]]:
    """The choices of a group, by name, with interpolations."""
    files: list[Path] = sorted((conf_dir() / group).glob("*.yaml"))
    return {path.stem: OmegaConf.to_container(OmegaConf.load(path), resolve=False) for path in files}  # type: ignore[misc]


def _distance(one: Any, other: Any) -> int:
    return len(list(_differences(one, other, interpolated=False)))


def _without_seeds(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without the seeds of the run and of what it does not use."""
    kept = {key: value for key, value in settings.items() if key != "seed"}
    used = set(settings["heatmaps"]["estimators"])
    kept["estimators"] = {kind: value for kind, value in settings["estimators"].items() if kind in used}
    for part in ("training", "probe"):  # one that does not follow the run's seed is a setting like any other
        node = settings[part] or {}
        kept[part] = {key: value for key, value in node.items() if (key, value) != ("seed", settings["seed"])}
    return kept


def _setup(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Overrides that say where data and runs are."""
    words = [f"data.{key}={settings['data'][key]}" for key in ("root", "folder") if settings["data"].get(key)]
    if settings["paths"]["runs"] != "runs":
        words.append(f"paths.runs={settings['paths']['runs']}")
    return tuple(words)
