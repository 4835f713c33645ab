"""Measures besides MPJPE and PA-MPJPE: shares of correct joints, movement, a user's metrics, errors by visibility."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.metrics.visibility import STATES, state_name
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.names import display_names
from egotap_pl.report.tables.cells import (
    MISSING,
    facts_of_table,
    mark_lowest,
    mean_cell,
    number_cell,
    of_some,
    with_commas,
)


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
    "promised_mpjpe": _Column("expected MPJPE (mm)", 0),
    "calibration_error": _Column("calibration error (mm)", -1),
    "origin_error": _Column("origin error (mm)", -1),
}
_IN_OTHER_TABLES = {
    *("mpjpe", "pa_mpjpe", "mean_pose_mpjpe", "mse", "zeros_mse", "frames", "frame_stride", "seconds", "test_seconds"),
    *("processes", "seed", "parameters", "network_parameters", "gflop"),
}
"""The package's other numbers in metrics.json. What is in neither is a user's metric."""
CAPTION = (
    "Mean over seeds, ± half of the 95% interval (Student's t over the seeds). PCK: share of joints whose error is "
    "below 150 mm; AUC: its mean over thresholds from 0 to 150 mm. MPJVE and acceleration error: of a joint's movement "
    "between consecutive frames of a motion; jitter: mean third difference. They are missing where the test frames are "
    "single pictures of motions."
)
_LARGEST, _MOST_DIGITS = 1e100, 9
OWN_CAPTION = " Metrics of your own are as their task computes them: {}."
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
    runs = [run for variant in variants for run in variant.runs]
    own = own_metrics(runs)
    columns = {
        **{name: column for name, column in MEASURES.items() if any(name in run.metrics for run in runs)},
        **{name: _Column(name.replace("_", " "), 0) for name in own},
    }
    tables = []
    if columns:
        tables.append(_overall(condition, variants, columns, own))
        details = [_per_category(condition, variants, name, columns[name]) for name in columns if name != "true_jitter"]
        tables += [table for table in details if table.rows]
    return tables + _by_visibility(condition, variants)


def own_metrics(runs: Iterable[Run]) -> list[str]:
    """Names of a user's own metrics (docs/your-own-part.md) that some of the runs have."""
    names = dict.fromkeys(name for run in runs for name, value in run.metrics.items() if _is_number(value))
    return [name for name in names if name not in MEASURES and name not in _IN_OTHER_TABLES]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST


def _overall(
    condition: Condition, variants: Mapping[Variant, str], columns: Mapping[str, _Column], own: Sequence[str]
) -> Table:
    """A row per variant.

    Args:
        condition: the condition of the runs.
        variants: names of the variants.
        columns: the measures by their names in metrics.json.
        own: names of those that are a user's.
    """
    cells_of = [
        _marked(_cells([[run.metrics.get(name) for run in variant.runs] for variant in variants]), column.best)
        for name, column in columns.items()
    ]
    return Table(
        name=f"measures_{condition.slug}",
        title=f"Correct joints and movement ({condition.title})",
        caption=CAPTION + (OWN_CAPTION.format(with_commas(own)) if own else ""),
        columns=("variant", *(column.title for column in columns.values()), "seeds"),
        rows=tuple(
            (Cell(variants[variant]), *cells, number_cell(len(variant.runs)))
            for variant, *cells in zip(variants, *cells_of, strict=True)
        ),
        facts=facts_of_table(condition, variants),
    )


def _per_category(condition: Condition, variants: Mapping[Variant, str], name: str, column: _Column) -> Table:
    """A row per category that has the measure, a column per variant.

    Args:
        condition: the condition of the runs.
        variants: names of the variants.
        name: the measure's name in metrics.json.
        column: how tables show it.
    """
    categories = dict.fromkeys(category for variant in variants for category in variant.runs[0].metrics["per_category"])

    def value(run: Run, category: str) -> Any:
        return run.metrics["per_category"].get(category, {}).get(name)

    rows = []
    for category in categories:
        cells = _cells([[value(run, category) for run in variant.runs] for variant in variants])
        if any(cell is not MISSING for cell in cells):
            rows.append((Cell(category), *_marked(cells, column.best)))
    return Table(
        name=f"measures_category_{name}_{condition.slug}",
        title=f"{column.title} per category ({condition.title})",
        caption="Mean over seeds, ± half of the 95% interval over the seeds.",
        columns=("category", *variants.values()),
        rows=tuple(rows),
        facts=facts_of_table(condition, variants),
    )


def _by_visibility(condition: Condition, variants: Mapping[Variant, str]) -> list[Table]:
    rows = []
    for state in map(state_name, STATES):
        found = [[run.metrics.get("per_visibility", {}).get(state) for run in variant.runs] for variant in variants]
        cells = _cells([[entry and entry["mpjpe"] for entry in of_variant] for of_variant in found])
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


def _cells(values: Sequence[Sequence[Any]]) -> list[Cell]:
    """For every variant, the mean over those of its runs that have the number; small numbers have more decimals.

    Some of the runs may be of earlier versions, which did not measure it.
    """
    intervals = [seeds_interval(numbers) if (numbers := _numbers(of_runs)) else None for of_runs in values]
    largest = max((abs(interval.mean) for interval in intervals if interval), default=0.0)
    digits = 1 if largest == 0 or largest >= 1 else min(1 - math.floor(math.log10(largest)), _MOST_DIGITS)
    return [
        of_some(mean_cell(interval, digits), interval.n, len(of_runs)) if interval else MISSING
        for interval, of_runs in zip(intervals, values, strict=True)
    ]


def _numbers(values: Iterable[Any]) -> list[float]:
    return [float(value) for value in values if _is_number(value)]


def _marked(cells: Sequence[Cell], best: int) -> list[Cell]:
    """The cells with the best one marked, unless it is the only one."""
    values = [best * cell.value for cell in cells if cell.value is not None]
    most = max(values) if best and len(values) > 1 else None
    return [replace(cell, best=cell.value is not None and best * cell.value == most) for cell in cells]
