"""Measures besides MPJPE and PA-MPJPE: shares of correct joints, movement, and errors by visibility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.metrics.visibility import STATES, state_name
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.names import display_names
from egotap_pl.report.tables.cells import MISSING, facts_of_table, mark_lowest, mean_cell, number_cell, of_some


class _Column(NamedTuple):
    title: str
    best: int
    """1 if the highest value is the best, -1 if the lowest, 0 if none is."""


MEASURES = {
    "pck": _Column("PCK (%)", 1),
    "auc": _Column("AUC (%)", 1),
    "mpjve": _Column("MPJVE (mm/frame)", -1),
    "acceleration_error": _Column("accel. error (mm/frame²)", -1),
    "jitter": _Column("jitter (mm/frame³)", 0),
    "true_jitter": _Column("jitter of the truth", 0),
}
CAPTION = (
    "Mean over seeds, ± half of the 95% interval (Student's t over the seeds). PCK: share of joints whose error is "
    "below 150 mm; AUC: its mean over thresholds from 0 to 150 mm. MPJVE and acceleration error: of a joint's movement "
    "between consecutive frames of a motion; jitter: mean third difference. They are missing where the test frames are "
    "single pictures of motions."
)
VISIBILITY_CAPTION = (
    "MPJPE (mm) of joints by how the two views see them, whichever of them is left. Mean over seeds, ± half of the 95% "
    "interval over the seeds. The lowest of each row is marked."
)


def measures_tables(condition: Condition) -> list[Table]:
    """Measures of every variant, overall and per category, and errors by visibility; what no run has is omitted.

    Args:
        condition: the condition of the runs.
    """
    variants = {variant: name for variant, name in display_names(condition).items() if variant.runs[0].is_lifting}
    names = [name for name in MEASURES if any(name in run.metrics for variant in variants for run in variant.runs)]
    tables = []
    if names:
        tables.append(_overall(condition, variants, names))
        tables += [_per_category(condition, variants, name) for name in names if name != "true_jitter"]
    return tables + _by_visibility(condition, variants)


def _overall(condition: Condition, variants: Mapping[Variant, str], names: Sequence[str]) -> Table:
    columns = [
        _marked([_cell([run.metrics.get(name) for run in variant.runs]) for variant in variants], MEASURES[name].best)
        for name in names
    ]
    return Table(
        name=f"measures_{condition.slug}",
        title=f"Correct joints and movement ({condition.title})",
        caption=CAPTION,
        columns=("variant", *(MEASURES[name].title for name in names), "seeds"),
        rows=tuple(
            (Cell(variants[variant]), *cells, number_cell(len(variant.runs)))
            for variant, *cells in zip(variants, *columns, strict=True)
        ),
        facts=facts_of_table(condition, variants),
    )


def _per_category(condition: Condition, variants: Mapping[Variant, str], name: str) -> Table:
    categories = dict.fromkeys(category for variant in variants for category in variant.runs[0].metrics["per_category"])

    def value(run: Run, category: str) -> Any:
        return run.metrics["per_category"].get(category, {}).get(name)

    rows = []
    for category in categories:
        cells = [_cell([value(run, category) for run in variant.runs]) for variant in variants]
        if any(cell is not MISSING for cell in cells):
            rows.append((Cell(category), *_marked(cells, MEASURES[name].best)))
    return Table(
        name=f"measures_category_{name}_{condition.slug}",
        title=f"{MEASURES[name].title} per category ({condition.title})",
        caption="Mean over seeds, ± half of the 95% interval over the seeds.",
        columns=("category", *variants.values()),
        rows=tuple(rows),
        facts=facts_of_table(condition, variants),
    )


def _by_visibility(condition: Condition, variants: Mapping[Variant, str]) -> list[Table]:
    rows = []
    for state in map(state_name, STATES):
        found = [[run.metrics.get("per_visibility", {}).get(state) for run in variant.runs] for variant in variants]
        cells = [_cell([entry and entry["mpjpe"] for entry in of_variant]) for of_variant in found]
        joints = [entry["joints"] for of_variant in found for entry in of_variant if entry]
        if joints:
            rows.append((Cell(state), *mark_lowest(cells), number_cell(joints[0])))
    if not rows:
        return []
    table = Table(
        name=f"visibility_{condition.slug}",
        title=f"Error by visibility ({condition.title})",
        caption=VISIBILITY_CAPTION,
        columns=("how the two views see a joint", *variants.values(), "joints"),
        rows=tuple(rows),
        facts=facts_of_table(condition, variants),
    )
    return [table]


def _cell(values: Sequence[Any]) -> Cell:
    """The mean over the runs that have the number, of which some may be of earlier versions."""
    numbers = [float(value) for value in values if value is not None]
    return of_some(mean_cell(seeds_interval(numbers), 1), len(numbers), len(values)) if numbers else MISSING


def _marked(cells: Sequence[Cell], best: int) -> list[Cell]:
    """The cells with the best one marked, unless it is the only one."""
    values = [best * cell.value for cell in cells if cell.value is not None]
    most = max(values) if best and len(values) > 1 else None
    return [replace(cell, best=cell.value is not None and best * cell.value == most) for cell in cells]
