"""Runs put together for figures: the seeds of a method, and the methods that can be compared with each other."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.core.errors import EgotapError

NAMES = {
    "table1/egoglass": "EgoGlass",
    "table1/unrealego": "UnrealEgo",
    "table1/ego3dpose": "Ego3DPose",
    "table1/egotap": "EgoTAP",
    "table2/cnn": "CNN",
    "table2/channel_vit": "Channel ViT",
    "table2/grid_vit": "Grid ViT",
    "table2/grid_vit_rf": "+ RF",
    "table2/grid_vit_lstm": "+ LSTM",
    "table2/grid_vit_alter": "+ LSTM RF Alter",
    "table2/grid_vit_concat": "+ LSTM RF Concat",
    "table2/grid_vit_pu": "+ PU (EgoTAP)",
    "propagation/pu_tree_aligned": "PU (tree)",
    "propagation/pu_tree_shifted": "PU (tree, shifted rows)",
    "propagation/pu_chain_aligned": "PU (chain)",
    "propagation/pu_chain_shifted": "PU (chain, shifted rows)",
    "propagation/concat_tree_aligned": "Concat (tree)",
    "propagation/concat_tree_shifted": "Concat (tree, shifted rows)",
    "propagation/concat_chain_aligned": "Concat (chain)",
    "propagation/concat_chain_shifted": "Concat (chain, shifted rows)",
    "table3/cnn": "CNN",
    "table3/channel_vit": "Channel ViT",
    "table3/grid_vit": "Grid ViT",
}
"""What the paper calls its presets, in its order; others go by their own names."""
_NOT_THE_METHOD = ("seed", "name", "paths", "trainer", "logger", "estimators")


class Condition(NamedTuple):
    """What methods must have in common to be compared.

    Fields:
        table: what the experiment's name begins with.
        dataset: name of the data set.
        fingerprint: of its frames.
        split: name of the split.
        maps: where the heatmaps come from.
    """

    table: str
    dataset: str
    fingerprint: str
    split: str
    maps: str

    @property
    def ground(self) -> tuple[str, ...]:
        """All but the table."""
        return tuple(self[1:])

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.table}, {self.dataset}, {self.maps} heatmaps"

    @property
    def stem(self) -> str:
        """For names of files."""
        return f"{self.table}_{self.dataset}_{self.maps}".replace("/", "_")


@dataclass(frozen=True, eq=False)
class Method:
    """The runs of a method, which differ by their seeds only.

    Args:
        name: as figures call it.
        runs: one per seed, in the order of the seeds.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run of the lowest seed."""
        return self.runs[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs."""
        return tuple(run.seed for run in self.runs)

    @cached_property
    def error_mm(self) -> Float[np.ndarray, "n j"]:
        """Error of every frame and joint, mean over the seeds."""
        return np.mean([run.predictions.error_mm for run in self.runs], 0)

    def gain_mm(self, baseline: Method) -> Float[np.ndarray, "n j"]:
        """What it has less error than another method: over the seeds of both, or if there is none, over all."""
        common = set(self.seeds) & set(baseline.seeds)
        own, other = (
            np.mean([run.predictions.error_mm for run in method.runs if not common or run.seed in common], 0)
            for method in (self, baseline)
        )
        gain: np.ndarray = other - own
        return gain


Grouped = Mapping[Condition, Sequence[Method]]


def one_per_data_set(grouped: Grouped) -> dict[Condition, Sequence[Method]]:
    """Of every data set one condition: tables before other experiments, estimated heatmaps before true ones."""
    found: dict[str, Condition] = {}
    for condition in sorted(grouped, key=lambda c: (not c.table.startswith("table"), c.maps == "true", c.table)):
        found.setdefault(condition.fingerprint, condition)
    return {condition: grouped[condition] for condition in found.values()}


def is_lifting(run: Run) -> bool:
    """Whether a run estimates poses: probes rebuild heatmaps."""
    return "mpjpe" in run.metrics


def setting(run: Run, path: str) -> Any:
    """An entry of a run's configuration by its dotted path, None if there is no such entry."""
    found: Any = run.settings
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def class_name(run: Run, path: str) -> str:
    """Name of the class that a run's configuration names at a path, empty if there is none."""
    return str(setting(run, f"{path}._target_") or "").rpartition(".")[2]


def readable(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs whose predictions can be read, and what is said of the others."""
    good, missing = [], []
    for run in runs:
        try:
            assert isinstance(run.predictions, Predictions)
            good.append(run)
        except EgotapError as error:
            missing.append(f"{run.experiment}, seed {run.seed}: {error}")
    return good, missing


def conditions(runs: Sequence[Run]) -> tuple[dict[Condition, list[Method]], list[str]]:
    """The methods of every condition, both in the order of the runs, and what is said of runs of other frames."""
    found: dict[Condition, list[Run]] = defaultdict(list)
    first: dict[tuple[str, str], Run] = {}
    missing = []
    for run in runs:
        split, fingerprint = str(run.metrics["split"]), str(run.metrics["dataset_fingerprint"])
        reference = first.setdefault((fingerprint, split), run)
        if not np.array_equal(reference.predictions.row, run.predictions.row):
            told = f"{run.experiment}, seed {run.seed}"
            missing.append(f"{told}: its predictions are of other frames than those of {reference.folder}")
            continue
        table = run.experiment.rpartition("/")[0] or run.experiment
        found[Condition(table, run.dataset, fingerprint, split, maps_of(run))].append(run)
    return {condition: methods_of(members) for condition, members in found.items()}, missing


def origin_of(run: Run) -> str:
    """What a run's poses are relative to, in words."""
    if class_name(run, "data.source.origin") == "Device":
        return "the headset"
    return "the pelvis" if run.predictions.skeleton.estimates_root else "the left camera"


def maps_of(run: Run) -> str:
    """Where a run's heatmaps come from: ``true`` or ``estimated``."""
    return "true" if class_name(run, "heatmaps.source") == "TrueHeatmaps" else "estimated"


def methods_of(runs: Sequence[Run]) -> list[Method]:
    """The methods among runs; where a preset was run in several configurations, names tell what differs."""
    found: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        found[run.experiment, _identity(run)].append(run)
    presets = defaultdict(list)
    for (experiment, identity), members in found.items():
        presets[experiment].append((json.loads(identity), members))
    methods = []
    order = {experiment: k for k, experiment in enumerate(NAMES)}
    for experiment, variants in sorted(presets.items(), key=lambda item: order.get(item[0], len(order))):
        for settings, members in variants:
            differing = [
                f"{key.rpartition('.')[2]} {value}"
                for key, value in sorted(settings.items())
                if any(other.get(key) != value for other, _ in variants)
            ]
            name = NAMES.get(experiment, experiment.rpartition("/")[2])
            by_seed = {run.seed: run for run in members}  # of a seed that was run twice, the later
            told = f" ({', '.join(differing[:3])})" if differing else ""
            methods.append(Method(name + told, tuple(by_seed[seed] for seed in sorted(by_seed))))
    return methods


def _identity(run: Run) -> str:
    """What of a run's configuration makes the method, as JSON: leaves by their dotted paths."""
    leaves: dict[str, Any] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, Mapping):
            for key, value in node.items():
                walk(value, f"{path}.{key}" if path else str(key))
        else:
            leaves[path] = node

    walk({key: value for key, value in run.settings.items() if key not in _NOT_THE_METHOD}, "")
    kept = {k: v for k, v in leaves.items() if k.rpartition(".")[2] not in ("seed", "workers", "folder")}
    return json.dumps(kept, sort_keys=True, default=str)
