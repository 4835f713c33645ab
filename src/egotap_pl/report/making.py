"""From the folders of finished runs to the files of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import Progress

import egotap_pl
from egotap_pl.analysis.comparison import ErrorReader
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, IdentifiedRun, group
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints.allowlist import entries
from egotap_pl.engine.versions import commit
from egotap_pl.report.contents import FileNames, Illustration, Report, Table, ViewerScene
from egotap_pl.report.costs import CostReader
from egotap_pl.report.files import write_report
from egotap_pl.report.gather import gather
from egotap_pl.report.illustrations.all import illustrations_of
from egotap_pl.report.material import Material
from egotap_pl.report.paper import paper_tables
from egotap_pl.report.propagation_presets import PRESETS
from egotap_pl.report.tables.costs import costs_table
from egotap_pl.report.tables.overview import runs_table
from egotap_pl.report.tables.sections import Section, ablation_sections, section
from egotap_pl.report.viewer_scene import viewer_scene

Identify = Callable[[Sequence[Run]], Iterable[IdentifiedRun]]
"""Finds the presets that have the runs' configurations."""


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows besides tables, and where it finds it."""

    data: Path
    """Folder of prepared data. Images and heatmaps of a run are shown if its frame store is there."""

    trust: tuple[str, ...] = ("egotap_pl",)
    """Packages whose classes the runs' checkpoints and configurations may name."""

    figures: bool = True
    """Whether to draw figures and the 3D viewer."""

    scene_frames: int = 600
    """The largest number of test frames in the viewer; 0: no viewer."""

    @classmethod
    def parse(cls, config: Mapping[str, Any]) -> ReportOptions:
        """Check the configuration of `egotap report` and keep what belongs here.

        Raises:
            EgotapError: if a value is of the wrong kind; the message names its key.
        """
        figures, frames = config["figures"], config["scene_frames"]
        if not isinstance(figures, bool):
            raise EgotapError(f"figures={figures}: must be true or false")
        if type(frames) is not int or frames < 0:
            raise EgotapError(f"scene_frames={frames}: must be a whole number of 0 or more")
        return cls(Path(config["paths"]["data"]), entries(config["trust"]), figures, frames)


@dataclass(frozen=True)
class ReportResult:
    """A report that was written."""

    folder: Path
    """Folder of its files."""

    tables: list[Table]
    """The tables that answer a question. The others, to look things up in, are among the files."""

    missing: list[str]
    """What the report lacks, a line each: unfinished and damaged runs, rows without runs, figures without data."""

    @property
    def page(self) -> Path:
        """The report as one HTML file."""
        return self.folder / "index.html"

    @property
    def text(self) -> Path:
        """The report as Markdown."""
        return self.folder / "report.md"

    @property
    def table_files(self) -> Path:
        """Folder of the tables as Markdown, CSV and LaTeX."""
        return self.folder / "tables"


class _Pictures(NamedTuple):
    """Figures, the viewer's content, and what is missing from them."""

    illustrations: list[Illustration]
    scene: ViewerScene | None
    missing: list[str]


def make_report(
    folders: Sequence[Path],
    output: Path,
    identify: Identify,
    options: ReportOptions,
    progress: Progress | None = None,
) -> ReportResult:
    """Write tables, figures and an HTML page of the finished runs under some folders.

    A run, checkpoint or frame store that is damaged costs one line in `ReportResult.missing`. An earlier report in the
    same folder stays whole until all files of the new one are written.

    Args:
        folders: run folders, or folders that hold run folders at any depth.
        output: folder of the report's files, made if it is missing.
        identify: finds the presets that have the runs' configurations, those of `known_presets` among them.
        options: what to show besides tables.
        progress: shows how far the work is.

    Raises:
        EgotapError: if there is no finished run, or the report cannot be written.
    """
    if output.exists() and not output.is_dir():
        raise EgotapError(f"output={output} is a file: give a folder")
    progress = progress or Progress(disable=True)
    report, sections = compile_report(folders, identify, options, progress)
    bar = progress.add_task("writing", total=None, note="")
    write_report(report, sections, output)
    progress.update(bar, total=1, completed=1)
    return ReportResult(output, [table for part in sections for table in part.main], list(report.missing))


def compile_report(
    folders: Sequence[Path], identify: Identify, options: ReportOptions, progress: Progress
) -> tuple[Report, list[Section]]:
    """The content of a report, and its tables by condition.

    Args:
        folders: see `make_report`.
        identify: see `make_report`.
        options: see `make_report`.
        progress: shows how far the work is.

    Raises:
        EgotapError: if there is no finished run.
    """
    bar = progress.add_task("reading runs", total=None, note="")
    try:
        gathered = gather(folders, lambda folder: progress.advance(bar))
    except EgotapError:
        progress.remove_task(bar)  # its message is enough
        raise
    progress.update(bar, total=progress.tasks[bar].completed)
    conditions = conditions_of(gathered.runs, identify, progress)
    costs = CostReader(options.trust)
    sections = _sections(conditions, costs, progress)
    pictures = _pictures(conditions, options, costs, progress)
    counted = [run for condition in conditions for variant in condition.variants for run in variant.runs]
    tables = [table for part in sections for table in (*part.main, *part.details)]
    report = Report(
        title=f"egotap: {len(counted)} runs on {', '.join(sorted({run.dataset for run in counted}))}",
        facts=_facts(folders, counted, conditions),
        missing=[
            *gathered.missing,
            *_differing_repetitions(conditions),
            *(line for part in sections for line in part.missing),
            *pictures.missing,
        ],
        tables=[*tables, runs_table(conditions)],
        illustrations=pictures.illustrations,
        scene=pictures.scene,
    )
    return report, sections


def known_presets() -> list[str]:
    """The presets of the paper's tables and of the experiment on propagation."""
    return [*(preset for paper in paper_tables() for preset in paper.presets), *PRESETS]


def conditions_of(runs: Sequence[Run], identify: Identify, progress: Progress | None = None) -> list[Condition]:
    """Runs as variants under conditions.

    Args:
        runs: the runs.
        identify: finds the presets that have the runs' configurations.
        progress: shows how far the work is.
    """
    progress = progress or Progress(disable=True)
    bar = progress.add_task("comparing configurations", total=len(runs), note="")
    identified = []
    for each in identify(runs):
        identified.append(each)
        progress.advance(bar)
    return group(identified)


def _sections(conditions: Sequence[Condition], costs: CostReader, progress: Progress) -> list[Section]:
    """Sections with tables. Two data sets may have one name, but two files may not."""
    bar, read, papers = progress.add_task("tables", total=len(conditions), note=""), ErrorReader(), paper_tables()
    sections = []
    for condition in conditions:
        part = section(condition, papers, read)
        with_costs = costs_table(condition, costs) if part.main or part.details else None
        sections.append(part._replace(main=[*part.main, with_costs]) if with_costs is not None else part)
        progress.advance(bar)
    names = FileNames()
    return [
        part._replace(main=names.rename(part.main), details=names.rename(part.details))
        for part in (*sections, *ablation_sections(conditions, read))
        if part.main or part.details
    ]


def _pictures(
    conditions: Sequence[Condition], options: ReportOptions, costs: CostReader, progress: Progress
) -> _Pictures:
    """Figures and viewer. What is missing for them does not stop the rest of the report."""
    illustrations: list[Illustration] = []
    scene: ViewerScene | None = None
    if not options.figures:
        return _Pictures(illustrations, scene, [])
    bar = progress.add_task("figures", total=2, note="")
    with Material(conditions, options.data, options.trust, costs) as material:
        with material.passing_over("Figures"):
            illustrations = illustrations_of(material)
        progress.advance(bar)
        with material.passing_over("Test motions in 3D"):
            scene = viewer_scene(material, options.scene_frames)
        progress.advance(bar)
    return _Pictures(illustrations, scene, material.missing)


def _differing_repetitions(conditions: Sequence[Condition]) -> list[str]:
    """A sentence for each run that repeats another's configuration and seed with another result."""
    sentences = []
    for variant in (variant for condition in conditions for variant in condition.variants):
        for repeated in variant.repeated:
            first = next(run for run in variant.runs if run.seed == repeated.seed)
            metric = "mpjpe" if "mpjpe" in first.metrics else "mse"
            one, other = (float(run.metrics[metric]) for run in (first, repeated))
            if abs(one - other) > 1e-3 * abs(one):
                sentences.append(
                    f"{repeated.folder} has the configuration and seed of {first.folder} but another {metric}, "
                    f"{other:.4g} instead of {one:.4g}: it is not counted"
                )
    return sentences


def _facts(folders: Sequence[Path], runs: Sequence[Run], conditions: Sequence[Condition]) -> dict[str, str]:
    return {
        "runs": f"{len(runs)} in {', '.join(map(str, folders))}",
        "conditions": "; ".join(condition.title for condition in conditions),
        "devices": "; ".join(sorted({str(run.metrics.get("device")) for run in runs})),
        "commits of the runs": ", ".join(sorted({str(run.metrics.get("commit")) for run in runs})),
        "report made": f"{date.today()}, egotap {egotap_pl.__version__}, commit {commit()}",
    }
