"""Cells, and what every table says of the runs that it is made of."""

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
NOTHING = Cell("")


def number_cell(value: int | float, digits: int = 0) -> Cell:
    """A number without interval."""
    return Cell(f"{value:,.{digits}f}", value)


def mean_cell(interval: Interval, digits: int) -> Cell:
    """``54.5 ± 0.3``, or ``54.5`` where there is no interval."""
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
    """``−2.1 [−3.0, −1.2]``, or the interval alone."""
    mean = signed(interval.mean, digits)
    if math.isnan(interval.low):
        return Cell(f"{mean} [?]" if with_mean else "[?]", interval.mean if with_mean else None)
    ends = f"[{signed(interval.low, digits)}, {signed(interval.high, digits)}]"
    return Cell(f"{mean} {ends}" if with_mean else ends, interval.mean, low=interval.low, high=interval.high)


def mark_lowest(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, the one with the lowest value marked as the best, if there are several to choose from."""
    values = [cell.value for cell in cells if cell.value is not None]
    lowest = min(values) if len(values) > 1 else None
    return [replace(cell, best=lowest is not None and cell.value == lowest) for cell in cells]


def facts_of(condition: Condition, variants: Iterable[Variant]) -> Mapping[str, str]:
    """What a table was made of: command, seeds, devices, commits, time."""
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
        "training": f"{hours:.1f} hours in all, without shared stages",
        "commit": with_commas(sorted({str(run.metrics.get("commit")) for run in runs})),
    }


def devices_of(runs: Iterable[Run]) -> str:
    """Where runs were trained."""
    return "; ".join(sorted({str(run.metrics.get("device", "unknown")) for run in runs}))


def with_commas(values: Iterable[object]) -> str:
    """Values with commas between them: ``1, 2, 3``."""
    return ", ".join(map(str, values))
