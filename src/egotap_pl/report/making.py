"""From finished runs to everything that a report shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.progress import Progress

import egotap_pl
from egotap_pl.analysis.comparison import ErrorReader
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, IdentifiedRun, group
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.allowlist import entries
from egotap_pl.engine.results import commit
from egotap_pl.report.contents import FileNames, Report
from egotap_pl.report.gather import gather
from egotap_pl.report.illustrations.all import Drawn, figures_of
from egotap_pl.report.paper import PaperTable, experiments_dir, read_paper_table
from egotap_pl.report.scene import Staged, scene_of
from egotap_pl.report.tables.factorial import PRESETS
from egotap_pl.report.tables.overview import runs_table
from egotap_pl.report.tables.sections import Section, ablation_sections, section

Identify = Callable[[Run], IdentifiedRun]
"""Finds the presets that a run's configuration is made of."""


def make_report(
    folders: Sequence[Path], settings: dict[str, Any], identify: Identify, progress: Progress
) -> tuple[Report, list[Section]]:
    """Everything that runs tell.

    Args:
        folders: with run folders at any depth.
        settings: the resolved configuration of `egotap report`.
        identify: finds the presets of a run, `known_presets` among them.
        progress: shows how far it is.

    Returns:
        The report, and its tables by condition.

    Raises:
        EgotapError: if there is no finished run.
    """
    bar = progress.add_task("reading runs", total=None, note="")
    gathered = gather(folders, lambda folder: progress.advance(bar))
    progress.update(bar, total=progress.tasks[bar].completed)
    papers = paper_tables()
    conditions = conditions_of(gathered.runs, identify, progress)
    missing = [*gathered.missing, *_differing_repetitions(conditions)]
    bar, read, sections = progress.add_task("tables", total=len(conditions), note=""), ErrorReader(), []
    for condition in conditions:
        sections.append(section(condition, papers, read))
        progress.advance(bar)
    sections = _with_names_of_their_own([*sections, *ablation_sections(conditions, read)])
    missing += [line for part in sections for line in part.missing]
    counted = [run for condition in conditions for variant in condition.variants for run in variant.runs]
    drawn, staged = _pictures(conditions, settings, progress)
    tables = [table for part in sections for table in (*part.main, *part.details)]
    report = Report(
        title=f"egotap: {len(counted)} runs on {', '.join(sorted({run.dataset for run in counted}))}",
        facts=_facts(folders, counted, conditions),
        missing=[*missing, *drawn.missing, *staged.missing],
        tables=[*tables, runs_table(conditions)],
        illustrations=drawn.illustrations,
        scene=staged.scene,
    )
    return report, sections


def paper_tables() -> list[PaperTable]:
    """The paper's tables, in their order."""
    return [read_paper_table(path) for path in sorted(experiments_dir().glob("table*/paper.csv"))]


def known_presets() -> list[str]:
    """The presets of the paper's tables and of the propagation question."""
    return [*(preset for paper in paper_tables() for preset in paper.presets), *PRESETS]


def conditions_of(runs: Sequence[Run], identify: Identify, progress: Progress | None = None) -> list[Condition]:
    """Runs as variants under conditions."""
    bar = progress.add_task("comparing configurations", total=len(runs), note="") if progress else None
    identified = []
    for run in runs:
        identified.append(identify(run))
        if progress is not None and bar is not None:
            progress.advance(bar)
    return group(identified)


def _pictures(conditions: Sequence[Condition], settings: dict[str, Any], progress: Progress) -> tuple[Drawn, Staged]:
    """Figures and viewer; where one cannot be made for what is there or not there, the rest of the report goes on."""
    data, trust = Path(settings["paths"]["data"]), entries(settings["trust"])
    drawn, staged = Drawn([], []), Staged(None, [])
    if not settings["figures"]:
        return drawn, staged
    bar = progress.add_task("figures", total=1, note="")
    try:
        drawn = figures_of(conditions, data, trust)
    except EgotapError as error:
        drawn = Drawn([], [f"figures: {error}"])
    progress.advance(bar)
    bar = progress.add_task("viewer", total=1, note="")
    try:
        staged = scene_of(conditions, data, trust, settings["scene_frames"])
    except EgotapError as error:
        staged = Staged(None, [f"viewer: {error}"])
    progress.advance(bar)
    return drawn, staged


def _with_names_of_their_own(sections: Sequence[Section]) -> list[Section]:
    """Sections that have tables; two data sets may have one name, and tables, being files, may not."""
    names = FileNames()
    return [
        section._replace(main=names.rename(section.main), details=names.rename(section.details))
        for section in sections
        if section.main or section.details
    ]


def _differing_repetitions(conditions: Sequence[Condition]) -> list[str]:
    """A sentence for each run that repeats another's configuration and seed with another result."""
    told = []
    for variant in (variant for condition in conditions for variant in condition.variants):
        for repeated in variant.repeated:
            first = next(run for run in variant.runs if run.seed == repeated.seed)
            metric = "mpjpe" if "mpjpe" in first.metrics else "mse"
            one, other = (float(run.metrics[metric]) for run in (first, repeated))
            if abs(one - other) > 1e-3 * abs(one):
                told.append(
                    f"{repeated.folder} repeats {first.folder} (same configuration and seed) with another {metric}, "
                    f"{other:.4g} instead of {one:.4g}: it is not counted"
                )
    return told


def _facts(folders: Sequence[Path], runs: Sequence[Run], conditions: Sequence[Condition]) -> dict[str, str]:
    return {
        "runs": f"{len(runs)} in {', '.join(map(str, folders))}",
        "conditions": "; ".join(condition.title for condition in conditions),
        "devices": "; ".join(sorted({str(run.metrics.get("device")) for run in runs})),
        "commits of the runs": ", ".join(sorted({str(run.metrics.get("commit")) for run in runs})),
        "report made": f"{date.today()}, egotap {egotap_pl.__version__}, commit {commit()}",
    }
