"""What figures compare: the methods of a table under a condition, or of an ablation, on the same test frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from egotap_pl.analysis.comparison import over_common_seeds
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Ablation, Condition, Variant, ablations
from egotap_pl.core.errors import EgotapError
from egotap_pl.report.names import display_names, is_own, names_by_table
from egotap_pl.report.network_parts import NetworkParts, parts_of


@dataclass(frozen=True, eq=False)
class MethodRuns:
    """The runs of a variant that figures can show."""

    name: str
    """What a figure calls it."""

    runs: tuple[Run, ...]
    """One per seed, in the order of the seeds."""

    parts: NetworkParts
    """What its network is made of."""

    @property
    def first(self) -> Run:
        """The run of the lowest seed."""
        return self.runs[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs."""
        return tuple(run.seed for run in self.runs)

    @cached_property
    def error_mm(self) -> Float[np.ndarray, "n j"]:
        """Error of every frame and joint, mean over the seeds."""
        return np.mean([run.predictions.error_mm for run in self.runs], 0)

    def gain_mm(self, baseline: MethodRuns) -> Float[np.ndarray, "n j"]:
        """By how much the error is lower than a baseline's: over the seeds of both or, if there are none, over all."""
        _, each = over_common_seeds(self.runs, baseline.runs)
        own, other = (np.mean([run.predictions.error_mm for run in runs], 0) for runs in each)
        gain: np.ndarray = other - own
        return gain


class Study(NamedTuple):
    """Methods that belong in one figure."""

    table: str
    """The table whose rows they are; ``ablation`` or ``others`` without one."""

    title: str
    """One line for a reader."""

    stem: str
    """Part of the names of files."""

    methods: tuple[MethodRuns, ...]
    """In the order of the table."""


@dataclass(frozen=True, eq=False)
class ConditionStudies:
    """What figures can show of a condition."""

    condition: Condition
    methods: tuple[MethodRuns, ...]
    """All that estimate poses, each once."""

    probes: tuple[MethodRuns, ...]
    """All that rebuild heatmaps, each once."""

    studies: tuple[Study, ...]
    """Studies of these methods. A method may be in several, under other names; empty if all are in ablations only."""

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.condition.dataset

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data set's frames."""
        return self.condition.fingerprint


class Studies(NamedTuple):
    """Everything that figures can show."""

    conditions: list[ConditionStudies]
    """One per condition with methods or probes."""

    ablations: list[Study]
    """A study for each preset that was run under several conditions, at least one of them for its sake alone."""

    @property
    def every(self) -> list[tuple[Study, ConditionStudies | None]]:
        """All studies, with the condition of those that have a single one."""
        own = [(study, each) for each in self.conditions for study in each.studies]
        return [*own, *((study, None) for study in self.ablations)]

    def per_data_set(self) -> list[Study]:
        """The first study of every data set: tables before others, estimated heatmaps before true ones."""
        order = [*names_by_table(), "others", "ablation"]

        def rank(study: Study) -> tuple[bool, bool, int]:
            is_true = all(method.parts.reads_true_heatmaps for method in study.methods)
            return not study.table.startswith("table"), is_true, order.index(study.table)

        first: dict[str, Study] = {}
        for study in sorted((study for study, _ in self.every), key=rank):
            first.setdefault(study.methods[0].first.predictions.dataset_fingerprint, study)
        return list(first.values())


def find_studies(conditions: Sequence[Condition], trust: Sequence[str], missing: list[str]) -> Studies:
    """What figures can show of conditions.

    Args:
        conditions: see `egotap_pl.analysis.variants.group`.
        trust: packages of the user's own whose classes are recognised.
        missing: gets a line for every run whose predictions cannot be read, or are of other frames than the others'.
    """
    readable = readable_runs([variant for condition in conditions for variant in condition.variants], missing)
    maker = _MethodMaker(readable, trust)
    by_condition = [_of_condition(condition, maker) for condition in conditions]
    in_studies = {run for c in by_condition for study in c.studies for method in study.methods for run in method.runs}
    studies = [_of_ablation(ablation, maker) for ablation in ablations(conditions)]
    return Studies(
        [each for each in by_condition if each.methods or each.probes],
        [s for s in studies if len(s.methods) > 1 and not all(method.first in in_studies for method in s.methods)],
    )


def readable_runs(variants: Iterable[Variant], missing: list[str]) -> set[Run]:
    """The runs whose predictions can be compared: of every data set, those on the frames that most runs were tested on.

    Probes, which have no predictions, are among them.

    Args:
        variants: variants of any data sets.
        missing: gets a line for every other run.
    """
    readable: set[Run] = set()
    by_data: dict[tuple[str, str], dict[object, list[Run]]] = {}
    for run in (run for variant in variants for run in variant.runs):
        if not run.is_lifting:
            readable.add(run)
            continue
        try:
            predictions = run.predictions
        except EgotapError as error:
            missing.append(f"{run.experiment}, seed {run.seed}: {error}")
            continue
        if not np.isfinite(predictions.pose_cm).all() or np.isinf(predictions.truth_cm).any():  # NaN: not known
            missing.append(f"{run.experiment}, seed {run.seed}: some of its predictions in {run.folder} are not finite")
            continue
        data = (predictions.dataset_fingerprint, predictions.split)
        frames = (predictions.row.tobytes(), predictions.motion, predictions.category, predictions.skeleton)
        by_data.setdefault(data, {}).setdefault(frames, []).append(run)
    for by_frames in by_data.values():
        kept = max(by_frames.values(), key=len)
        readable.update(kept)
        missing += [
            f"{run.experiment}, seed {run.seed}: its predictions are for other frames than those of {kept[0].folder}"
            for runs in by_frames.values()
            if runs is not kept
            for run in runs
        ]
    return readable


class _MethodMaker:
    """Makes methods of the runs that can be read."""

    def __init__(self, readable: set[Run], trust: Sequence[str]) -> None:
        self.readable, self.trust = readable, trust

    def __call__(self, rows: Iterable[tuple[str, Variant]]) -> tuple[MethodRuns, ...]:
        """The methods of named variants; one without a readable run is missing."""
        methods: dict[str, MethodRuns] = {}
        for name, variant in rows:
            runs = tuple(run for run in variant.runs if run in self.readable)
            if runs:
                free = next(free for free in _numbered(name) if free not in methods)
                methods[free] = MethodRuns(free, runs, parts_of(runs[0], self.trust))
        return tuple(methods.values())


def _numbered(name: str) -> Iterator[str]:
    """A name, and then the name with numbers."""
    yield name
    yield from (f"{name} ({number})" for number in itertools.count(2))


def _of_condition(condition: Condition, methods_of: _MethodMaker) -> ConditionStudies:
    called = display_names(condition)
    lifting = [variant for variant in called if variant.runs[0].is_lifting]
    own = [(called[variant], variant) for variant in lifting if is_own(variant)]
    studies = []
    for table, names in names_by_table().items():
        named = [(name, condition.by_preset.get(preset)) for preset, name in names.items()]
        rows = [(name, variant) for name, variant in named if variant is not None and variant in lifting]
        if rows and condition.has_table(tuple(names)):
            title = f"{table.replace('table', 'Table ')}, {condition.title}"
            studies.append(Study(table, title, f"{table}_{condition.slug}", methods_of([*rows, *own])))
    if own and not studies:
        studies.append(Study("others", f"others, {condition.title}", f"others_{condition.slug}", methods_of(own)))
    probes = [variant for variant in called if variant not in lifting]
    return ConditionStudies(
        condition,
        methods_of((called[variant], variant) for variant in lifting),
        methods_of((called[variant], variant) for variant in probes),
        tuple(study for study in studies if study.methods),
    )


def _of_ablation(ablation: Ablation, methods_of: _MethodMaker) -> Study:
    condition, _ = ablation.members[0]
    rows = [(ablation.label(*member), member[1]) for member in ablation.members if member[1].runs[0].is_lifting]
    stem = f"ablation_{ablation.preset.replace('/', '_')}_{condition.dataset}_{condition.scale}"
    title = f"{ablation.preset}, {condition.dataset}, scale={condition.scale}"
    return Study("ablation", title, stem, methods_of(rows))
