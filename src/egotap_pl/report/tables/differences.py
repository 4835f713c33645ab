"""Differences between the rows of a table on the same test frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from egotap_pl.analysis.comparison import Contrast, FrameErrors, Term, contrast, over_common_seeds
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import caveat
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.wording import signed
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.names import display_names
from egotap_pl.report.paper import DATASETS, PaperTable
from egotap_pl.report.tables.cells import MISSING, NOTHING, difference_cell, facts_of_table, with_commas

Read = Callable[[Run], FrameErrors]

COLUMNS = (
    "MPJPE (mm): mean [over motions]",
    "MPJPE [over seeds]",
    "MPJPE [over both]",
    "PA-MPJPE (mm): mean [over motions]",
    "PA-MPJPE [over seeds]",
    "PA-MPJPE [over both]",
    "seeds",
)
CAPTION = (
    "Paired by test frame and by seed; negative: the first is better. Three 95% intervals answer three questions. Over "
    "motions: these networks on other motions (bootstrap, BCa; motions are drawn, not frames, since frames of one "
    "motion resemble each other). Over seeds: other networks on these motions (Student's t). [?]: a single motion or "
    "seed gives no interval. Over both: other networks on other motions (the squares of the two added). None is "
    "corrected for the number of comparisons."
)
CHANGE = (
    " Change: of the mean MPJPE, relative to the second's. The paper's is for other data, which decide how much "
    "there is to gain."
)


MOST_PAIRED = 6
"""Largest number of variants that are all compared with each other: in 15 lines."""


class Line(NamedTuple):
    """A row that compares: a weighted sum of variants' errors."""

    label: str
    """Name of the row."""

    terms: Sequence[tuple[float, Variant | None]]
    """Weights and variants; None in place of what was not run."""


def differences_table(paper: PaperTable, condition: Condition, read: Read) -> Table | None:
    """The rows of a table compared with each other; None if fewer than two have runs.

    Table 1: the paper's method against the others. Table 2: each row against the one before it, and the rows with
    propagation against Grid ViT alone.

    Args:
        paper: the table.
        condition: the condition of the runs.
        read: gives a run's errors.
    """
    if "mpjpe" not in paper.metrics:
        return None
    if sum(preset in condition.by_preset for preset in paper.presets) < 2:
        return None
    label = {row.preset: row.label for row in paper.rows}
    pairs = _PAIRS[paper.name](paper.presets) if paper.name in _PAIRS else []
    relative = [_relative(paper, condition, one, other) for one, other in pairs]
    lines = [Line(f"{label[one]} against {label[other]}", _difference(condition, one, other)) for one, other in pairs]
    used = dict.fromkeys(variant for line in lines for _, variant in line.terms if variant is not None)
    return contrasts_table(
        f"{paper.name}_differences_{condition.slug}",
        f"Differences within {paper.name.replace('table', 'Table ')} ({condition.title})",
        CAPTION + CHANGE,
        lines,
        facts_of_table(condition, used),
        read,
        {name: [cells[k] for cells in relative] for k, name in enumerate(("change", *_paper_columns(paper)))},
    )


def differences_of_others(
    condition: Condition, others: Sequence[Variant], rows: Sequence[Variant], read: Read
) -> list[Table]:
    """Variants that are in no table of the paper, such as those with a user's own parts, compared.

    They are held against the rows of the tables, and against each other: each against those before it. If they are
    more than `MOST_PAIRED`, they are not, except that without rows all are held against the first.

    Args:
        condition: the condition of the runs.
        others: variants that no table has.
        rows: variants that are rows of a table.
        read: gives a run's errors.
    """
    others, rows = [[v for v in variants if v.runs[0].is_lifting] for variants in (others, rows)]
    if len(others) <= MOST_PAIRED:
        pairs = [(one, other) for k, one in enumerate(others) for other in others[:k]]
    else:
        pairs = [] if rows else [(one, others[0]) for one in others[1:]]
    against_rows = [(one, row) for one in others for row in rows]
    names = display_names(condition)
    tables = []
    for name, title, compared in (
        ("variants_differences", "Variants against the tables' rows", against_rows),
        ("variants_pairs", "Variants against each other", pairs),
    ):
        if compared:
            lines = [Line(f"{names[a]} against {names[b]}", [(1.0, a), (-1.0, b)]) for a, b in compared]
            facts = facts_of_table(condition, dict.fromkeys(variant for pair in compared for variant in pair))
            name, title = f"{name}_{condition.slug}", f"{title} ({condition.title})"
            tables.append(contrasts_table(name, title, CAPTION, lines, facts, read))
    return tables


def contrasts_table(
    name: str,
    title: str,
    caption: str,
    lines: Sequence[Line],
    facts: Mapping[str, str],
    read: Read,
    more: Mapping[str, Sequence[Cell]] = MappingProxyType({}),
) -> Table:
    """A row per weighted sum of errors. The notes say why one cannot be made.

    Args:
        name: see `Table`.
        title: likewise.
        caption: likewise.
        lines: what to show.
        facts: likewise.
        read: gives a run's errors.
        more: further columns by name.
    """
    rows, notes, motions = [], [], set()
    for line in lines:
        if any(variant is None for _, variant in line.terms):  # the table of results says how to run them
            rows.append((Cell(line.label), MISSING, *[NOTHING] * (len(COLUMNS) - 1)))
            continue
        try:
            cells, number = _cells(line, read)
            rows.append((Cell(line.label), *cells))
            motions.add(number)
        except EgotapError as error:
            rows.append((Cell(line.label), MISSING, *[NOTHING] * (len(COLUMNS) - 1)))
            notes.append(f"{line.label}: {error}")
    rows = [(*row, *(cells[k] for cells in more.values())) for k, row in enumerate(rows)]
    return Table(
        name=name,
        title=title,
        caption=caption + (caveat(min(motions)) if motions else ""),
        columns=("comparison", *COLUMNS, *more),
        rows=tuple(rows),
        notes=tuple(dict.fromkeys(notes)),
        facts={**facts, **({"motions": with_commas(sorted(motions))} if motions else {})},
    )


def _cells(line: Line, read: Read) -> tuple[list[Cell], int]:
    """The cells of a row, and the number of motions behind them."""
    terms = [Term(weight, variant.runs) for weight, variant in line.terms if variant is not None]
    cells: list[Cell] = []
    seeds: Sequence[int] = ()
    motions = []
    for measure in (_mpjpe, _pa_mpjpe):
        result: Contrast = contrast(terms, measure, read)
        cells.append(difference_cell(result.motions, 2, with_mean=True))
        cells += [difference_cell(interval, 2, with_mean=False) for interval in (result.seeds, result.both)]
        seeds = result.common_seeds
        motions.append(result.motions.n)
    return [*cells, Cell(with_commas(seeds) if seeds else "none in common", len(seeds))], min(motions)


def _relative(paper: PaperTable, condition: Condition, one: str, other: str) -> list[Cell]:
    """By how many per cent the first's MPJPE differs from the second's: ours, and the paper's for each data set.

    Ours are means over the seeds that `contrast` takes: those of both or, if there are none, each one's own.
    """
    first, second = (condition.by_preset.get(preset) for preset in (one, other))
    ours: list[float | None] = [None, None]
    if first and second:
        _, each = over_common_seeds(first.runs, second.runs)
        ours = [float(np.mean([run.metrics["mpjpe"] for run in runs])) for runs in each]
    papers = {row.preset: row.values for row in paper.rows}
    theirs = [[papers[preset].get((d, "mpjpe")) for preset in (one, other)] for d in _datasets(paper)]
    return [
        NOTHING if a is None or not b else Cell(f"{signed(100 * (a / b - 1), 1)}%", 100 * (a / b - 1))
        for a, b in (ours, *theirs)
    ]


def _datasets(paper: PaperTable) -> list[str]:
    return [dataset for dataset, metric in paper.columns if metric == "mpjpe"]


def _paper_columns(paper: PaperTable) -> list[str]:
    return [f"paper's change, {DATASETS[dataset]}" for dataset in _datasets(paper)]


def _mpjpe(errors: FrameErrors) -> np.ndarray:
    return errors.mpjpe_mm


def _pa_mpjpe(errors: FrameErrors) -> np.ndarray:
    return errors.pa_mpjpe_mm


def _difference(condition: Condition, one: str, other: str) -> list[tuple[float, Variant | None]]:
    return [(1.0, condition.by_preset.get(one)), (-1.0, condition.by_preset.get(other))]


def _last_against_others(presets: Sequence[str]) -> list[tuple[str, str]]:
    return [(presets[-1], other) for other in presets[:-1]]


def _each_against_the_one_before(presets: Sequence[str]) -> list[tuple[str, str]]:
    base = "table2/grid_vit"
    steps = list(zip(presets[1:], presets, strict=False))
    against_base = [(preset, base) for preset in presets if preset.startswith(f"{base}_")]
    return list(dict.fromkeys([*steps, *against_base]))


_PAIRS: dict[str, Callable[[Sequence[str]], list[tuple[str, str]]]] = {
    "table1": _last_against_others,
    "table2": _each_against_the_one_before,
}
