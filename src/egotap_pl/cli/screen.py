"""The tables of a report on the screen."""

from __future__ import annotations

import re
from typing import Literal

from rich import box
from rich.markup import escape
from rich.table import Table as ScreenTable

from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.tables.cells import MISSING

_HIDDEN = (
    "parameters",
    "test frames/s",
    "device",
    "presets",
    "(other data)",
    "[over seeds]",
    "PA-MPJPE [",
    "PA-MPJPE (mm): mean",
    "paper's",
    "run folder",  # of a grid's jobs; folders and messages are printed below the table, on lines of their own
    "message",
)
_LONG_NUMBER = re.compile(r"(?<![\w.])\d+\.\d{5,}(?:e[-+]?\d+)?(?![\w.])")  # a search proposes 17 digits
_LONGEST = 36  # characters of a name that is kept on one line


def screen_table(table: Table) -> ScreenTable:
    """The part of a table that answers its question, the best values in bold.

    Columns to look things up in, empty columns, and comparisons with what was not run are in the report's files alone.
    """
    rows = [row for row in table.rows if table.columns[0] != "comparison" or row[1] != MISSING]
    columns = [
        k
        for k, name in enumerate(table.columns)
        if not any(part in name for part in _HIDDEN) and any(row[k].text for row in rows)
    ]
    drawn = ScreenTable(title=_text(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for k in columns:
        is_number = any(row[k].value is not None for row in rows)
        is_short = k == 0 and all(len(row[k].text) <= _LONGEST for row in rows)
        justify: Literal["left", "right"] = "right" if is_number else "left"
        drawn.add_column(_text(table.columns[k]), justify=justify, no_wrap=is_short, overflow="fold")
    for row in rows:
        drawn.add_row(*(f"[bold]{_cell(row[k])}[/]" if row[k].best else _cell(row[k]) for k in columns))
    return drawn


def _cell(cell: Cell) -> str:
    """A cell on the screen. Long numbers of overrides, which have no value, are rounded; files have all digits."""
    return _text(cell.text if cell.value is not None else _LONG_NUMBER.sub(_rounded, cell.text))


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.4g}"


def printable(text: str) -> str:
    """Text without what a terminal takes as a command, which a stranger's name may contain."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _text(text: str) -> str:
    return escape(printable(text))
