"""Cells, and the facts that every table gives about its runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import Interval
from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.core.wording import number, signed
from egotap_pl.report.contents import Cell

MISSING = Cell("missing")
"""In place of what was not run."""
UNKNOWN = Cell("–")
"""In place of the error of a joint that is known in no frame."""
NOTHING = Cell("")
"""In place of what does not exist."""


def number_cell(value: int | float, digits: int = 0) -> Cell:
    """A number without an interval.

    >>> number_cell(1234567).text, number_cell(54.46, 1).text
    ('1,234,567', '54.5')
    """
    return Cell(f"{value:,.{digits}f}", value)


def mean_cell(interval: Interval, digits: int) -> Cell:
    """A mean with half the width of its interval.

    >>> mean_cell(Interval(54.5, 54.2, 54.8, 3), 1).text, mean_cell(Interval(54.5, math.nan, math.nan, 1), 1).text
    ('54.5 ± 0.3', '54.5')
    """
    if math.isnan(interval.low):
        return Cell(number(interval.mean, digits), interval.mean)
    half = (interval.high - interval.low) / 2
    return Cell(
        f"{number(interval.mean, digits)} ± {half:.{digits}f}",
        interval.mean,
        low=interval.low,
        high=interval.high,
    )


def difference_cell(interval: Interval, digits: int, with_mean: bool) -> Cell:
    """A difference with its interval, ``[?]`` where it has none.

    Args:
        interval: the mean difference.
        digits: decimals.
        with_mean: False: the interval alone.

    >>> difference_cell(Interval(-2.1, -3.0, -1.2, 3), 1, with_mean=True).text
    '−2.1 [−3.0, −1.2]'
    """
    mean = signed(interval.mean, digits)
    if math.isnan(interval.low):
        return Cell(f"{mean} [?]" if with_mean else "[?]", interval.mean if with_mean else None)
    ends = f"[{signed(interval.low, digits)}, {signed(interval.high, digits)}]"
    return Cell(f"{mean} {ends}" if with_mean else ends, interval.mean, low=interval.low, high=interval.high)


def of_some(mean: Cell, number: int, seeds: int) -> Cell:
    """A mean that says so if it is over fewer seeds than its row or column is of.

    Args:
        mean: the mean.
        number: seeds that it is over.
        seeds: seeds that there are.

    >>> of_some(Cell("54.5"), 2, 3).text, of_some(Cell("54.5"), 3, 3).text
    ('54.5 (2 of 3 seeds)', '54.5')
    """
    return mean if number == seeds else replace(mean, text=f"{mean.text} ({number} of {seeds} seeds)")


def mark_lowest(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, the one with the lowest value marked as the best unless it is the only one."""
    values = [cell.value for cell in cells if cell.value is not None and not math.isnan(cell.value)]
    lowest = min(values) if len(values) > 1 else None
    return [replace(cell, best=lowest is not None and cell.value == lowest) for cell in cells]


def facts_of_table(condition: Condition, variants: Iterable[Variant]) -> Mapping[str, str]:
    """What a table was made of: commands, data, seeds, devices, time, commits."""
    variants = list(variants)
    runs = [run for variant in variants for run in variant.runs]
    if not runs:
        return {}
    seeds = sorted({run.seed for run in runs})
    as_they_are = [variant.name for variant in variants if not variant.changes]
    commands = [condition.command(as_they_are, seeds)] if as_they_are else []
    commands += [condition.command([v.name], v.seeds, v.changes) for v in variants if v.changes]
    hours = sum(float(run.metrics.get("seconds", 0)) for run in runs) / 3600
    frames = f"{runs[0].metrics['frames']} test frames"
    return {
        "command": "; ".join(f"`{command}`" for command in commands),
        "data": f"{condition.dataset}, {frames}, fingerprint {condition.fingerprint[:12]}",
        "seeds": with_commas(seeds),
        "device": devices_of(runs),
        "training": f"{hours:.1f} hours in total, without shared stages",
        "commit": with_commas(sorted({str(run.metrics.get("commit")) for run in runs})),
    }


def devices_of(runs: Iterable[Run]) -> str:
    """The devices that runs were trained on."""
    return "; ".join(sorted({str(run.metrics.get("device", "unknown")) for run in runs}))


def with_commas(values: Iterable[object]) -> str:
    """Values with commas between them.

    >>> with_commas((1, 2, 3))
    '1, 2, 3'
    """
    return ", ".join(map(str, values))
