"""`egotap report`: tables, figures and one HTML page of finished runs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.progress import Progress

from egotap_pl.cli.composing import application, plain
from egotap_pl.cli.presets import Identifier
from egotap_pl.cli.screen import screen_table
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS, RESULT
from egotap_pl.core.progress import stage_columns
from egotap_pl.report.files import write_files
from egotap_pl.report.making import known_presets, make_report
from egotap_pl.report.page import write_page


@application("report")
def main(config: DictConfig) -> None:
    """Write the report of the runs in the given folders."""
    settings = plain(config)
    given = settings["runs"]
    folders = [Path(folder) for folder in (given if isinstance(given, list) else [given])]
    output = Path(settings["output"])
    if output.exists() and not output.is_dir():
        raise EgotapError(f"output={output} is a file: give a folder")
    with Progress(*stage_columns(), console=PROGRESS) as progress:
        report, sections = make_report(folders, settings, Identifier(known_presets()), progress)
        bar = progress.add_task("writing", total=None, note="")
        write_files(report, sections, output)
        write_page(report, output / "index.html")
        progress.update(bar, total=1, completed=1)
    for part in sections:
        for table in part.main:
            RESULT.print(screen_table(table))
    for line in report.missing:
        PROGRESS.print(f"missing: {line}", markup=False, soft_wrap=True)
    RESULT.print(f"page    {output / 'index.html'}", soft_wrap=True)
    RESULT.print(f"text    {output / 'report.md'}", soft_wrap=True)
    RESULT.print(f"tables  {output / 'tables'}", soft_wrap=True)
