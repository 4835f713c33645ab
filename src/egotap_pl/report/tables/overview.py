"""Lists of all variants and of all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, as_overrides
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.names import display_names
from egotap_pl.report.tables.cells import NOTHING, UNKNOWN, number_cell, with_commas
from egotap_pl.report.tables.results import METRICS, metric_cell

_ORIGIN = ("training (s)", "test (s)", "device", "processes", "commit", "remark", "folder")


def variants_table(condition: Condition) -> Table:
    """Every variant of a condition, whether or not it is in a table of the paper."""
    rows = []
    for variant, name in display_names(condition).items():
        metrics = variant.runs[0].metrics
        cells = [metric_cell(variant, metric) for metric in METRICS]
        presets = dict.fromkeys((*variant.presets, *variant.started_as))
        configuration = with_commas(presets) + (
            f" with {with_commas(as_overrides(variant.changes))}" if variant.changes else ""
        )
        rows.append(
            (
                Cell(name),
                Cell(configuration),
                *cells,
                Cell(with_commas(variant.seeds)),
                number_cell(metrics.get("parameters", 0)),
            )
        )
    return Table(
        name=f"variants_{condition.slug}",
        title=f"All variants ({condition.title})",
        caption="Mean over seeds, ± half of the 95% interval (Student's t over the seeds). Presets with the same "
        "configuration are one variant and share a row.",
        columns=("variant", "presets", *(metric.title for metric in METRICS.values()), "seeds", "parameters"),
        rows=tuple(rows),
    )


def runs_table(conditions: Sequence[Condition]) -> Table:
    """Every run, with its condition, device, commit and folder."""
    rows = []
    for condition in conditions:
        for variant in condition.variants:
            rows += [_run(condition, run, "") for run in variant.runs]
            rows += [_run(condition, run, "repeats another run: not counted") for run in variant.repeated]
    return Table(
        name="runs",
        title="All runs",
        caption="Seconds of training and of the test. A + after a commit: files had been changed since.",
        columns=("started as", "condition", "seed", *(metric.title for metric in METRICS.values()), *_ORIGIN),
        rows=tuple(rows),
    )


def _run(condition: Condition, run: Run, remark: str) -> tuple[Cell, ...]:
    metrics = run.metrics
    return (
        Cell(run.experiment),
        Cell(condition.title),
        Cell(str(run.seed), run.seed),
        *(_value(metrics, name) for name in METRICS),
        number_cell(metrics.get("seconds", 0)),
        number_cell(metrics.get("test_seconds", 0), 1),
        Cell(str(metrics.get("device", ""))),
        Cell(str(metrics.get("processes", ""))),
        Cell(str(metrics.get("commit", ""))),
        Cell(remark),
        Cell(str(run.folder)),
    )


def _value(metrics: Mapping[str, Any], name: str) -> Cell:
    """A number of metrics.json."""
    if name not in metrics:
        return NOTHING
    metric, value = METRICS[name], metrics[name]
    return UNKNOWN if value is None else number_cell(metric.factor * value, metric.digits)
