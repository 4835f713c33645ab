"""A report's tables on the screen."""

from __future__ import annotations

from typing import Literal

from rich import box
from rich.markup import escape
from rich.table import Table as ScreenTable

from egotap_pl.report.contents import Table
from egotap_pl.report.tables.cells import MISSING

_LEFT_OUT = (
    "parameters",
    "test frames/s",
    "device",
    "presets",
    "(other data)",
    "[over seeds]",
    "PA-MPJPE [",
    "PA-MPJPE (mm): mean",
    "paper's",
)
_LONGEST = 36  # of names that are kept on one line


def screen_table(table: Table) -> ScreenTable:
    """A table in what answers its question, the best in bold: less than in the report's files.

    Left out are columns to look things up in, empty ones, and comparisons of what was not run.
    """
    rows = [row for row in table.rows if table.columns[0] != "comparison" or row[1] != MISSING]
    shown = [
        k
        for k, name in enumerate(table.columns)
        if not any(part in name for part in _LEFT_OUT) and any(row[k].text for row in rows)
    ]
    drawn = ScreenTable(title=escape(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k in shown:
        is_number = any(row[k].value is not None for row in rows)
        is_short = k == 0 and all(len(row[k].text) <= _LONGEST for row in rows)
        justify: Literal["left", "right"] = "right" if is_number else "left"
        drawn.add_column(escape(table.columns[k]), justify=justify, no_wrap=is_short, overflow="fold")
    for row in rows:
        drawn.add_row(*(f"[bold]{escape(row[k].text)}[/]" if row[k].best else escape(row[k].text) for k in shown))
    return drawn
