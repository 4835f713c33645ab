"""Errors per joint and per category of motion (paper: supplementary material)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.paper import PaperTable
from egotap_pl.report.tables.cells import MISSING, UNKNOWN, facts_of_table, mark_lowest, mean_cell, number_cell, of_some
from egotap_pl.report.tables.results import METRICS

_CAPTION = "Mean over seeds, ± half of the 95% interval over the seeds. The lowest of each row is marked."


def breakdown_tables(paper: PaperTable, condition: Condition) -> list[Table]:
    """The errors of a table's rows per joint (MPJPE) and per category (MPJPE and PA-MPJPE).

    Args:
        paper: the table; rows without runs are missing.
        condition: the condition of the runs.
    """
    rows = [(row.label, condition.by_preset[row.preset]) for row in paper.rows if row.preset in condition.by_preset]
    if not rows or "mpjpe" not in paper.metrics:
        return []
    tables = [_table(paper, condition, rows, "joint", "mpjpe")]
    return [*tables, *(_table(paper, condition, rows, "category", metric) for metric in ("mpjpe", "pa_mpjpe"))]


def _table(
    paper: PaperTable, condition: Condition, variants: Sequence[tuple[str, Variant]], part: str, metric: str
) -> Table:
    """A row per joint or category, a column per variant.

    Args:
        paper: the table.
        condition: the condition of the runs.
        variants: variants with their labels.
        part: ``joint`` or ``category``.
        metric: name in metrics.json.
    """
    parts = variants[0][1].runs[0].metrics[f"per_{part}"]
    rows = []
    for name in parts:
        cells = [_cell([_error(run, part, name, metric) for run in variant.runs]) for _, variant in variants]
        frames = [number_cell(parts[name]["frames"])] if part == "category" else []
        rows.append((Cell(name), *mark_lowest(cells), *frames))
    columns = (part, *(label for label, _ in variants), *(["frames"] if part == "category" else []))
    rows_of = f"rows of {paper.name.replace('table', 'Table ')}"
    return Table(
        name=f"{paper.name}_{part}_{metric}_{condition.slug}",
        title=f"{METRICS[metric].title} per {part}, {rows_of} ({condition.title})",
        caption=_CAPTION,
        columns=columns,
        rows=tuple(rows),
        facts=facts_of_table(condition, [variant for _, variant in variants]),
    )


def _error(run: Run, part: str, name: str, metric: str) -> float | None:
    """A run's error for a joint or category; None where it was tested without it, NaN where no frame has it."""
    every = run.metrics[f"per_{part}"]
    if name not in every:
        return None
    value = every[name].get(metric) if isinstance(every[name], dict) else every[name]
    return math.nan if value is None else float(value)


def _cell(errors: Sequence[float | None]) -> Cell:
    values = [error for error in errors if error is not None]
    if any(math.isnan(error) for error in values):
        return UNKNOWN
    return of_some(mean_cell(seeds_interval(values), 1), len(values), len(errors)) if values else MISSING
