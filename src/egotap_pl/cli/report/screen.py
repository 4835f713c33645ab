"""A report's tables on the screen."""

from __future__ import annotations

from rich import box
from rich.markup import escape
from rich.table import Table as ScreenTable

from egotap_pl.analysis.contents import Table

_NOT_ON_SCREEN = ("parameters", "test frames/s", "device", "PA-MPJPE [over seeds]", "PA-MPJPE [over both]")


def screen_table(table: Table) -> ScreenTable:
    """A table in the columns that answer its question, the best in bold."""
    shown = [k for k, name in enumerate(table.columns) if name not in _NOT_ON_SCREEN]
    drawn = ScreenTable(title=escape(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k in shown:
        is_number = any(row[k].value is not None for row in table.rows)
        drawn.add_column(escape(table.columns[k]), justify="right" if is_number else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(f"[bold]{escape(row[k].text)}[/]" if row[k].best else escape(row[k].text) for k in shown))
    return drawn
