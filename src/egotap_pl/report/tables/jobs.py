"""The jobs of a grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.tables.cells import NOTHING, UNKNOWN, mark_lowest, mean_cell, number_cell
from egotap_pl.report.tables.results import METRICS

_SEED = "seed"


@dataclass(frozen=True)
class Job:
    """A job and how it ended."""

    job: int
    """Number of the job."""

    overrides: Sequence[str]
    """Overrides as they were typed."""

    status: str
    """How the job ended: ``done``, ``failed`` or ``interrupted``."""

    message: str
    """Why it did not succeed; empty if it did."""

    folder: str | None
    """Folder of its run, or None."""

    metrics: Mapping[str, Any]
    """Content of metrics.json; empty without one."""


def jobs_table(jobs: Sequence[Job]) -> Table:
    """A row per job: what distinguishes it, how it ended, its errors, and its folder."""
    varying, common = _split(jobs)
    metrics = _metrics(jobs)
    columns = [mark_lowest([_number(job, name) for job in jobs]) for name in metrics]
    rows = []
    for k, job in enumerate(jobs):
        values = _values(job)
        first = next(iter(job.message.splitlines()), "")
        rows.append(
            (
                Cell(str(job.job), job.job),
                *(Cell(values.get(key, "")) for key in varying),
                Cell(job.status),
                *(column[k] for column in columns),
                Cell(first),
                Cell(job.folder or ""),
            )
        )
    return Table(
        name="jobs",
        title=_title(jobs, common),
        caption="Errors on the test split.",
        columns=("job", *varying, "status", *(METRICS[name].title for name in metrics), "message", "run folder"),
        rows=tuple(rows),
    )


def grid_table(jobs: Sequence[Job]) -> Table | None:
    """A row per configuration with its mean over seeds, in the order of the jobs; None if all have one seed."""
    varying, common = _split(jobs)
    if _SEED not in varying:
        return None
    names = [key for key in varying if key != _SEED]
    groups: dict[tuple[str, ...], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[tuple(_values(job).get(key, "") for key in names)].append(job)
    metrics = _metrics(jobs)
    columns = [mark_lowest([_mean(group, name) for group in groups.values()]) for name in metrics]
    done = [[job for job in group if job.metrics] for group in groups.values()]
    rows = [
        (
            *(Cell(value) for value in key),
            *(column[k] for column in columns),
            Cell(f"{len(done[k])} of {len(group)}", len(done[k])),
        )
        for k, (key, group) in enumerate(groups.items())
    ]
    return Table(
        name="grid",
        title=_title(jobs, common),
        caption="Errors on the test split: mean over seeds, ± half of the 95% interval (Student's t).",
        columns=(*names, *(METRICS[name].title for name in metrics), "seeds"),
        rows=tuple(rows),
    )


def _split(jobs: Sequence[Job]) -> tuple[list[str], list[str]]:
    """The keys that distinguish jobs, and the overrides that all of them have."""
    values = [_values(job) for job in jobs]
    keys = list(dict.fromkeys(key for each in values for key in each))
    varying = [key for key in keys if len({each.get(key) for each in values}) > 1]
    common = [word for word in jobs[0].overrides if word.partition("=")[0] not in varying]
    return varying, common


def _values(job: Job) -> dict[str, str]:
    return {word.partition("=")[0]: word.partition("=")[2] for word in job.overrides}


def _metrics(jobs: Sequence[Job]) -> list[str]:
    return [name for name in METRICS if any(name in job.metrics for job in jobs)]


def _number(job: Job, name: str) -> Cell:
    if name not in job.metrics:
        return NOTHING
    metric, value = METRICS[name], job.metrics[name]
    return UNKNOWN if value is None else number_cell(metric.factor * value, metric.digits)


def _mean(jobs: Sequence[Job], name: str) -> Cell:
    metric = METRICS[name]
    values = [job.metrics[name] for job in jobs if name in job.metrics]
    if None in values:
        return UNKNOWN
    return mean_cell(seeds_interval([metric.factor * v for v in values]), metric.digits) if values else NOTHING


def _title(jobs: Sequence[Job], common: Sequence[str]) -> str:
    number = f"{len(jobs)} jobs" if len(jobs) > 1 else "1 job"
    return f"{number}: {' '.join(common)}" if common else number
