"""Which presets have a run's configuration: found by composing the presets and comparing."""

from __future__ import annotations

import itertools
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import IdentifiedRun
from egotap_pl.cli.configuration.composing import composing, own_folders
from egotap_pl.cli.configuration.conf_dir import as_option, conf_dir
from egotap_pl.cli.configuration.differences import Overrides, as_overrides, changes, distance, size
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.devices.trainer_options import determining
from egotap_pl.engine.stages import fingerprint

_NAME = re.compile(r"[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*")
"""Name of a preset, a data set or a scale."""

# Keys that change no result: they say where things are, and what computes them.
_IGNORED = ("paths", "trainer", "logger", "seed", "name", "repeat", "trust", "hydra")
_IGNORED_IN_DATA = ("folder", "root", "workers")


_PARTS = ("estimator", "estimators", "augment", "temporal", "doubt")
"""Groups whose options are one change each, however many keys they set."""


class _Nearest(NamedTuple):
    """Presets, and how a configuration differs from them."""

    changes: tuple[int, int]
    """How many changes there are, and how many of them are options that were chosen."""
    presets: tuple[str, ...]
    overrides: Overrides


class Identifier:
    """Finds the presets that have the runs' configurations, by composing them and comparing.

    What a run was started with (`Run.choices`) names its scale, its heatmaps and options such as its estimator. It does
    not name its presets: several may have one configuration, and changes may lead from one to another.

    Args:
        presets: the presets to be found, whatever a run was started as.
    """

    def __init__(self, presets: Sequence[str]) -> None:
        self.presets = tuple(presets)
        self._composed: dict[tuple[str, ...], dict[str, Any] | None] = {}
        folders = own_folders()
        self._config_dirs = tuple(as_option(folder) for folder in folders)
        self._scales = _options("scale", *folders)
        self._heatmaps = _options("heatmaps")
        self._parts = {group: _options(group, *folders) for group in _PARTS}
        self._of_trainer = _options("trainer")["base"]

    def __call__(self, runs: Iterable[Run]) -> Iterator[IdentifiedRun]:
        """Runs, in their order, with the presets that their configurations have the fewest changes from.

        Runs of one configuration have the same presets, in whatever order they come: what one of them was started as
        may name the others.
        """
        runs = list(runs)
        keys = [
            fingerprint([_without_seeds(essentials(run.settings)), run.metrics["dataset_fingerprint"]]) for run in runs
        ]
        same: dict[str, list[Run]] = defaultdict(list)
        for key, run in zip(keys, runs, strict=True):
            same[key].append(run)
        identified: dict[str, IdentifiedRun] = {}
        for key, run in zip(keys, runs, strict=True):
            if key not in identified:
                identified[key] = self._identify(key, sorted(same[key], key=lambda each: str(each.folder)))
            own_first = sorted(identified[key].presets, key=lambda preset: preset != run.experiment)
            setup = (*self._config_dirs, *_setup(run.settings))
            yield identified[key]._replace(run=run, presets=tuple(own_first), setup=setup)

    def _identify(self, key: str, runs: Sequence[Run]) -> IdentifiedRun:
        """The first of some runs of one configuration, with the presets that fit what any of them was started as."""
        settings = essentials(runs[0].settings)
        presets = dict.fromkeys((*sorted(run.experiment for run in runs), *self.presets))
        started = dict.fromkeys(
            (_chosen(run, "scale", self._scales), _chosen(run, "heatmaps", self._heatmaps), self._chosen_parts(run))
            for run in runs
        )
        found = []
        for chosen, heatmaps, parts in started:
            scale = chosen or min(self._scales, key=lambda name: distance(self._scales[name], settings["scale"]))
            options = {heatmaps: self._heatmaps[heatmaps]} if heatmaps else self._heatmaps
            # Composing takes nearly all of the time. So all presets are composed with all parts that were chosen;
            # whether fewer parts do is found out for the nearest of them.
            nearest = self._nearest(settings, scale, presets, options, [parts])
            if parts:
                subsets = [some for n in range(len(parts) + 1) for some in itertools.combinations(parts, n)]
                nearest = self._nearest(settings, scale, nearest.presets or presets, options, subsets)
            found.append((nearest, scale))
        nearest, scale = min(found, key=lambda each: each[0].changes)
        known = tuple(name for name in nearest.presets if name in self.presets)
        return IdentifiedRun(runs[0], key, known or nearest.presets, scale, nearest.overrides, ())

    def _chosen_parts(self, run: Run) -> Overrides:
        """The options that a run was started with, without those that change nothing, such as none."""
        chosen = ((group, _chosen(run, group, options) or "") for group, options in self._parts.items())
        return tuple((group, option) for group, option in chosen if self._parts[group].get(option))

    def _nearest(
        self,
        settings: dict[str, Any],
        scale: str,
        presets: Iterable[str],
        heatmaps: Mapping[str, Any],
        some_parts: Iterable[Overrides],
    ) -> _Nearest:
        """The presets with the fewest changes, which are the same for all of them.

        Args:
            settings: essentials of a run's configuration.
            scale: name of its scale.
            presets: candidates.
            heatmaps: options of the group that may have been chosen instead of the preset's own.
            some_parts: options of other groups that may have been chosen together instead of the preset's own.
        """
        data = str(settings["data"]["name"])
        candidates: list[tuple[int, str, Overrides, Overrides, dict[str, Any]]] = []
        for preset, own in itertools.product(presets, some_parts):
            composed = self._compose(preset, data, scale, *(f"{group}={option}" for group, option in own))
            if composed is None:
                continue
            candidates.append((distance(composed, settings), preset, own, (), composed))
            for name, node in heatmaps.items():
                tree = {**composed, "heatmaps": node}
                candidates.append((distance(tree, settings) + 1, preset, own, (("heatmaps", name),), tree))
        candidates.sort(key=lambda candidate: candidate[0])  # stable: the first preset stays before its equals
        nearest: list[str] = []
        found: Overrides = ()
        fewest = (sys.maxsize, 0)
        for at_least, preset, own, other, tree in candidates:
            if at_least > fewest[0]:  # what follows from the changes can only add to them
                break
            values = changes(tree, settings)
            known = {**tree, "trainer": {**self._of_trainer, **tree["trainer"]}}
            changed = (*other, *as_overrides(values, known))
            # Options that were chosen are preferred to the keys that they set, if they set any that differ.
            count = len(other) + sum(map(size, values.values())), len(own)
            if count < fewest:
                nearest, fewest, found = [], count, (*own, *changed)
            if (*own, *changed) == found:
                nearest.append(preset)
        return _Nearest(fewest, tuple(dict.fromkeys(nearest)), found)

    def _compose(self, preset: str, data: str, scale: str, *overrides: str) -> dict[str, Any] | None:
        key = (preset, data, scale, *overrides)
        if not all(map(_NAME.fullmatch, key[:3])):  # a run's words become overrides, which can do much more
            return None
        if key not in self._composed:
            try:
                with composing():
                    chosen = [f"experiment={preset}", f"data={data}", f"scale={scale}", *overrides]
                    config = hydra.compose("train", chosen)
                self._composed[key] = essentials(OmegaConf.to_container(config, resolve=False))
            except (HydraException, OmegaConfBaseException):  # a preset of somebody else's, or of another version
                self._composed[key] = None
        return self._composed[key]


def essentials(settings: Any) -> dict[str, Any]:
    """A configuration without the keys that change no result."""
    kept = {key: value for key, value in settings.items() if key not in _IGNORED and (value or key not in _PARTS)}
    kept["trainer"] = {"precision": settings["trainer"]["precision"], **determining(settings["trainer"])}
    kept = _with_init(kept)
    kept["training"] = _with_init(settings["training"])
    pretraining = settings.get("pretraining") or {}  # runs of earlier versions have none
    kept["pretraining"] = pretraining if pretraining.get("task") else {}
    kept["estimators"] = {kind: _with_init(node) for kind, node in settings["estimators"].items()}
    kept["seed"] = settings["seed"]  # other values follow from it
    kept["data"] = {key: value for key, value in settings["data"].items() if key not in _IGNORED_IN_DATA}
    kept["data"] = {"window": 1, "stride": 1, **kept["data"]}  # which runs of earlier versions do not have
    source = dict(kept["data"]["source"])
    source.pop("root", None)  # the fingerprint says which data they are
    kept["data"]["source"] = source
    return kept


def _with_init(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node with the keys of initial weights, which runs of earlier versions do not have."""
    return {"init": None, "init_skip": [], **node}


def _chosen(run: Run, group: str, options: Mapping[str, Any]) -> str | None:
    """The option that a run was started with; None if it was not recorded, or there is no such option."""
    option = run.choices.get(group)
    return option if option in options else None


def _options(group: str, *folders: Path) -> dict[str, dict[str, Any]]:
    """The options of a group by name, with interpolations; this package's take precedence, as Hydra's do."""
    options: dict[str, dict[str, Any]] = {}
    for path in (path for folder in (conf_dir(), *folders) for path in sorted((folder / group).glob("*.yaml"))):
        if path.stem not in options:
            options[path.stem] = _option(path)
    return options


def _option(path: Path) -> dict[str, Any]:
    try:
        option = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, UnicodeDecodeError, OmegaConfBaseException) as error:  # those of YAML's name file and line
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise EgotapError(f"{path}: cannot be read as configuration ({reason})") from error
    if not isinstance(option, dict):
        raise EgotapError(f"{path}: must be a mapping of keys to values, as configuration is")
    return {str(key): value for key, value in option.items()}


def _without_seeds(settings: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the run's seed, seeds that follow it, and estimators that are not used."""
    kept = {key: value for key, value in settings.items() if key != "seed"}
    used = set(settings["heatmaps"]["estimators"])
    kept["estimators"] = {kind: value for kind, value in settings["estimators"].items() if kind in used}
    for part in ("training", "probe"):  # another seed than the run's is a setting like any other
        node = settings[part] or {}
        kept[part] = {key: value for key, value in node.items() if (key, value) != ("seed", settings["seed"])}
    return kept


def _setup(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The overrides that say where data and runs are."""
    words = [f"data.{key}={settings['data'][key]}" for key in ("root", "folder") if settings["data"].get(key)]
    if settings["paths"]["runs"] != "runs":
        words.append(f"paths.runs={settings['paths']['runs']}")
    return tuple(words)
