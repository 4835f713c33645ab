"""Tables 1, 2 and 3: our results beside the paper's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.core.wording import number
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.paper import DATASETS, PaperRow, PaperTable
from egotap_pl.report.tables.cells import (
    MISSING,
    NOTHING,
    UNKNOWN,
    devices_of,
    facts_of_table,
    mark_lowest,
    mean_cell,
    number_cell,
    with_commas,
)

DEFAULT_SEEDS = (1, 2, 3)
"""The seeds to run where nothing was run yet."""
ABSENT = "Missing: "
"""Begins the note of a table that names its rows without runs."""


class MetricFormat(NamedTuple):
    """How tables show a number of metrics.json."""

    title: str
    factor: float
    """What the number is multiplied by."""

    digits: int
    """Decimals."""


METRICS = {
    "mpjpe": MetricFormat("MPJPE (mm)", 1.0, 1),
    "pa_mpjpe": MetricFormat("PA-MPJPE (mm)", 1.0, 1),
    "mse": MetricFormat("squared error (1e-4 per pixel)", 1e4, 2),
}
TITLES = {
    "table1": "Table 1: methods",
    "table2": "Table 2: heatmap encoders and propagation",
    "table3": "Table 3: heatmaps rebuilt from a frozen encoder",
}
CAPTION = (
    "Ours: mean over seeds of the lifter, ± half of the 95% interval (Student's t over the seeds; data and estimators "
    "are shared). {comparable} Parameters: trained with the lifter, without frozen estimators. Test frames/s: the "
    "whole test from images to errors, with the start of the loaders; comparable only between tests on machines that "
    "did nothing else."
)
SAME_DATA = "The paper's numbers on {datasets} are for the same protocol."
OTHER_DATA = (
    "The paper's numbers are for other data ({datasets}, at full size). They show the paper's order of rows and are "
    "not to be compared with ours on {dataset}."
)


def results_table(paper: PaperTable, condition: Condition) -> Table:
    """One of the paper's tables under a condition, with the paper's numbers beside ours.

    Rows without runs are kept. A note says which command trains them.

    Args:
        paper: the table.
        condition: the condition of the runs.
    """
    variants = {row.preset: condition.by_preset[row.preset] for row in paper.rows if row.preset in condition.by_preset}
    same = {dataset for dataset, _ in paper.columns if is_papers(condition, dataset)}
    titles = [
        f"paper, {DATASETS[d]}{'' if d in same else ' (other data)'}: {METRICS[m].title}" for d, m in paper.columns
    ]
    return Table(
        name=f"{paper.name}_{condition.slug}",
        title=f"{TITLES.get(paper.name, paper.name)} ({condition.title})",
        caption=CAPTION.format(comparable=_comparable(condition, same)),
        columns=(
            "row",
            *(METRICS[name].title for name in paper.metrics),
            "seeds",
            *titles,
            "parameters",
            "test frames/s",
            "device",
        ),
        rows=_rows(paper, variants),
        notes=tuple(missing_rows({row.label: row.preset for row in paper.rows}, condition)),
        facts=facts_of_table(condition, variants.values()),
    )


def _rows(paper: PaperTable, variants: Mapping[str, Variant]) -> tuple[tuple[Cell, ...], ...]:
    """The rows of a table; variants by preset, those without runs missing."""
    columns = [
        mark_lowest([metric_cell(variants[r.preset], name) if r.preset in variants else MISSING for r in paper.rows])
        for name in paper.metrics
    ]
    columns.append([_seeds(variants.get(row.preset)) for row in paper.rows])
    columns += [[_papers(row, column) for row in paper.rows] for column in paper.columns]
    columns += [list(cells) for cells in zip(*(_costs(variants.get(row.preset)) for row in paper.rows), strict=True)]
    return tuple((Cell(row.label), *cells) for row, cells in zip(paper.rows, zip(*columns, strict=True), strict=True))


def is_papers(condition: Condition, dataset: str) -> bool:
    """Whether a condition has the paper's data and sizes for a data set, with nothing changed."""
    return condition.dataset == dataset and condition.scale == "paper" and not condition.changes


def missing_rows(
    presets: Mapping[str, str], condition: Condition, usual_seeds: Sequence[int] = DEFAULT_SEEDS
) -> list[str]:
    """A sentence for the rows without runs, and one for each set of seeds that rows lack, with the commands to run.

    Args:
        presets: presets by the labels of their rows.
        condition: the condition of the runs.
        usual_seeds: the seeds to run if nothing was run yet.
    """
    variants = {label: condition.by_preset.get(preset) for label, preset in presets.items()}
    seeds = sorted({seed for variant in variants.values() if variant for seed in variant.seeds}) or list(usual_seeds)
    notes = []
    absent = [label for label, variant in variants.items() if variant is None]
    if absent:
        command = condition.command([presets[label] for label in absent], seeds)
        notes.append(f"{ABSENT}{with_commas(absent)}. `{command}`")
    lacking: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for label, variant in variants.items():
        if variant and (absent_seeds := tuple(sorted(set(seeds) - set(variant.seeds)))):
            lacking[absent_seeds].append(label)
    for absent_seeds, labels in lacking.items():
        command = condition.command([presets[label] for label in labels], absent_seeds)
        are = f"seeds {with_commas(absent_seeds)} are" if len(absent_seeds) > 1 else f"seed {absent_seeds[0]} is"
        notes.append(f"{with_commas(labels)}: {are} missing. `{command}`")
    return notes


def _comparable(condition: Condition, same: set[str]) -> str:
    if same:
        return SAME_DATA.format(datasets=with_commas(DATASETS[name] for name in sorted(same)))
    return OTHER_DATA.format(datasets=with_commas(DATASETS.values()), dataset=condition.dataset)


def metric_cell(variant: Variant, name: str) -> Cell:
    """The mean over seeds of a number of metrics.json; empty if the runs do not have it, a dash if no frame has it."""
    if name not in variant.runs[0].metrics:
        return NOTHING
    if any(run.metrics[name] is None for run in variant.runs):
        return UNKNOWN
    metric = METRICS[name]
    return mean_cell(seeds_interval([metric.factor * value for value in variant.values(name)]), metric.digits)


def _seeds(variant: Variant | None) -> Cell:
    return Cell("0", 0) if variant is None else Cell(str(len(variant.runs)), len(variant.runs))


def _papers(row: PaperRow, column: tuple[str, str]) -> Cell:
    value, metric = row.values.get(column), METRICS[column[1]]
    return Cell("–") if value is None else Cell(number(metric.factor * value, 2), metric.factor * value)


def _costs(variant: Variant | None) -> tuple[Cell, Cell, Cell]:
    if variant is None:
        return NOTHING, NOTHING, NOTHING
    speeds = [
        run.metrics["frames"] / run.metrics["test_seconds"] for run in variant.runs if run.metrics["test_seconds"]
    ]
    return (
        number_cell(variant.runs[0].metrics["parameters"]),
        number_cell(float(np.mean(speeds))) if speeds else NOTHING,
        Cell(devices_of(variant.runs)),
    )
