"""`egotap report`: tables, figures and one HTML page of finished runs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.progress import Progress

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.configuration.presets import Identifier
from egotap_pl.cli.screen import printable, screen_table
from egotap_pl.core.messages import PROGRESS, RESULT
from egotap_pl.core.progress import stage_columns
from egotap_pl.report.making import ReportOptions, known_presets, make_report


def main(config: DictConfig) -> None:
    """Write the report of the runs in the given folders, and print its tables."""
    settings = plain(config)
    runs = settings["runs"]
    folders = [Path(folder) for folder in (runs if isinstance(runs, list) else [runs])]
    options = ReportOptions.parse(settings)
    with Progress(*stage_columns(), console=PROGRESS) as progress:
        result = make_report(folders, Path(settings["output"]), Identifier(known_presets()), options, progress)
    for table in result.tables:
        RESULT.print(screen_table(table))
    for line in result.missing:
        PROGRESS.print(f"missing: {printable(line)}", markup=False, soft_wrap=True)
    RESULT.print(f"page    {result.page}", soft_wrap=True)
    RESULT.print(f"text    {result.text}", soft_wrap=True)
    RESULT.print(f"tables  {result.table_files}", soft_wrap=True)
