"""What figures compare: the methods of a table under a condition, or of an ablation, on the same test frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Ablation, Condition, Variant, ablations
from egotap_pl.core.errors import EgotapError
from egotap_pl.report.names import display_name, is_own, names_by_table, place


@dataclass(frozen=True, eq=False)
class Method:
    """The runs of a variant that can be shown.

    Args:
        name: as a figure calls it.
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


class Study(NamedTuple):
    """Methods that belong in one figure.

    Fields:
        table: the table whose rows they are; ``ablation`` or ``others`` if they are none's.
        title: one line for a reader.
        stem: for names of files.
        methods: in the order of the table.
    """

    table: str
    title: str
    stem: str
    methods: tuple[Method, ...]


@dataclass(frozen=True, eq=False)
class Ground:
    """What can be shown of a condition.

    Args:
        condition: the condition.
        methods: all that estimate poses, each once.
        probes: all that rebuild heatmaps, each once.
        studies: of these methods; one may be in several, under other names. None if its methods are in ablations only.
    """

    condition: Condition
    methods: tuple[Method, ...]
    probes: tuple[Method, ...]
    studies: tuple[Study, ...]

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.condition.dataset

    @property
    def fingerprint(self) -> str:
        """Of its frames."""
        return self.condition.fingerprint


class Shown(NamedTuple):
    """Everything that figures may show.

    Fields:
        grounds: one per condition, in their order.
        ablations: a study for each preset that was run under several conditions, at least one of them for it alone.
    """

    grounds: list[Ground]
    ablations: list[Study]

    @property
    def studies(self) -> list[tuple[Study, Ground | None]]:
        """All studies, with the ground of those that have a single one."""
        own = [(study, ground) for ground in self.grounds for study in ground.studies]
        return [*own, *((study, None) for study in self.ablations)]

    def per_data_set(self) -> list[Study]:
        """Of every data set the first study: tables before others, estimated heatmaps before true ones."""
        order = [*names_by_table(), "others", "ablation"]

        def rank(study: Study) -> tuple[bool, bool, int]:
            is_true = all(method.first.maps == "true" for method in study.methods)
            return not study.table.startswith("table"), is_true, order.index(study.table)

        found: dict[str, Study] = {}
        for study in sorted((study for study, _ in self.studies), key=rank):
            found.setdefault(study.methods[0].first.predictions.dataset_fingerprint, study)
        return list(found.values())


def shown(conditions: Sequence[Condition], missing: list[str]) -> Shown:
    """What figures may show of conditions.

    Args:
        conditions: see `egotap_pl.analysis.variants.group`.
        missing: gets a line for every run whose predictions cannot be read or are of other frames than the others'.
    """
    readable = _Readable((variant for condition in conditions for variant in condition.variants), missing)
    grounds = [_ground(condition, readable) for condition in conditions]
    in_studies = {run for g in grounds for study in g.studies for method in study.methods for run in method.runs}
    found = []
    for ablation in ablations(conditions):
        study = _ablation(ablation, readable)
        if len(study.methods) > 1 and not all(method.first in in_studies for method in study.methods):
            found.append(study)
    return Shown([ground for ground in grounds if ground.methods or ground.probes], found)


class _Readable:
    """The runs of variants whose predictions can be read: of every data set, those of the frames that most are of."""

    def __init__(self, variants: Iterable[Variant], missing: list[str]) -> None:
        self._good: set[Run] = set()
        by_data: dict[tuple[str, str], dict[bytes, list[Run]]] = {}
        for run in (run for variant in variants for run in variant.runs):
            if not run.is_lifting:
                self._good.add(run)
                continue
            try:
                predictions: Predictions = run.predictions
            except EgotapError as error:
                missing.append(f"{run.experiment}, seed {run.seed}: {error}")
                continue
            data = (predictions.dataset_fingerprint, predictions.split)
            by_data.setdefault(data, {}).setdefault(predictions.row.tobytes(), []).append(run)
        for same_data in by_data.values():
            kept = max(same_data.values(), key=len)
            self._good.update(kept)
            missing += [
                f"{run.experiment}, seed {run.seed}: its predictions are of other frames than those of {kept[0].folder}"
                for runs in same_data.values()
                if runs is not kept
                for run in runs
            ]

    def __call__(self, variant: Variant) -> tuple[Run, ...]:
        return tuple(run for run in variant.runs if run in self._good)


def _ground(condition: Condition, readable: _Readable) -> Ground:
    variants = sorted(condition.variants, key=place)
    lifting = [variant for variant in variants if variant.runs[0].is_lifting]
    own = [(display_name(variant), variant) for variant in lifting if is_own(variant)]
    studies = []
    for table, names in names_by_table().items():
        found = [(name, condition.by_preset.get(preset)) for preset, name in names.items()]
        rows = [(name, variant) for name, variant in found if variant in lifting]
        if rows and condition.has_table(tuple(names)):
            title = f"{table.replace('table', 'Table ')}, {condition.title}"
            studies.append(Study(table, title, f"{table}_{condition.slug}", _methods([*rows, *own], readable)))
    if own and not studies:
        title, stem = f"others, {condition.title}", f"others_{condition.slug}"
        studies.append(Study("others", title, stem, _methods(own, readable)))
    probes = [variant for variant in variants if variant not in lifting]
    return Ground(
        condition,
        _methods([(display_name(variant), variant) for variant in lifting], readable),
        _methods([(display_name(variant), variant) for variant in probes], readable),
        tuple(study for study in studies if study.methods),
    )


def _ablation(ablation: Ablation, readable: _Readable) -> Study:
    condition, _ = ablation.members[0]
    rows = [(ablation.label(*member), member[1]) for member in ablation.members if member[1].runs[0].is_lifting]
    stem = f"ablation_{ablation.preset.replace('/', '_')}_{condition.dataset}_{condition.scale}"
    title = f"{ablation.preset}, {condition.dataset}, scale={condition.scale}"
    return Study("ablation", title, stem, _methods(rows, readable))


def _methods(rows: Iterable[tuple[str, Variant | None]], readable: _Readable) -> tuple[Method, ...]:
    return tuple(Method(name, runs) for name, variant in rows if variant and (runs := readable(variant)))
