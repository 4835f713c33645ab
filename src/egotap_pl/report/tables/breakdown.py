"""Errors per joint and per category of motion (paper: supplementary material)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.paper import PaperTable
from egotap_pl.report.tables.cells import facts_of, mark_lowest, mean_cell, number_cell
from egotap_pl.report.tables.results import METRICS

_CAPTION = "Mean over seeds, ± half of the 95% interval over the seeds. The lowest of each line is marked."


def breakdown_tables(paper: PaperTable, condition: Condition) -> list[Table]:
    """A paper's table per joint (MPJPE) and per category (MPJPE and PA-MPJPE), for its rows that have runs."""
    found = [(row.label, condition.by_preset[row.preset]) for row in paper.rows if row.preset in condition.by_preset]
    if not found or "mpjpe" not in paper.metrics:
        return []
    metrics = found[0][1].runs[0].metrics
    tables = [_table(paper, condition, found, "joint", "mpjpe", list(metrics["per_joint"]), _of_joint)]
    for metric in ("mpjpe", "pa_mpjpe"):
        names = list(metrics["per_category"])
        tables.append(_table(paper, condition, found, "category", metric, names, _of_category(metric)))
    return tables


def _table(
    paper: PaperTable,
    condition: Condition,
    found: Sequence[tuple[str, Variant]],
    part: str,
    metric: str,
    names: Sequence[str],
    value: Callable[[Run, str], float],
) -> Table:
    frames = found[0][1].runs[0].metrics["per_category"]
    rows = []
    for name in names:
        cells = [mean_cell(seeds_interval([value(run, name) for run in variant.runs]), 1) for _, variant in found]
        count = [number_cell(frames[name]["frames"])] if part == "category" else []
        rows.append((Cell(name), *mark_lowest(cells), *count))
    columns = (part, *(label for label, _ in found), *(["frames"] if part == "category" else []))
    rows_of = f"rows of {paper.name.replace('table', 'Table ')}"
    return Table(
        name=f"{paper.name}_{part}_{metric}_{condition.slug}",
        title=f"{METRICS[metric].title} per {part}, {rows_of} ({condition.title})",
        caption=_CAPTION,
        columns=columns,
        rows=tuple(rows),
        facts=facts_of(condition, [variant for _, variant in found]),
    )


def _of_joint(run: Run, name: str) -> float:
    return float(run.metrics["per_joint"][name])


def _of_category(metric: str) -> Callable[[Run, str], float]:
    return lambda run, name: float(run.metrics["per_category"][name][metric])
