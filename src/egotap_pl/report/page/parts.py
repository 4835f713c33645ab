"""Header, tables and figures as HTML. Every text is escaped here."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from egotap_pl.report.contents import Cell, Illustration, Report, Table

PNG_DPI = 160
SVG_BYTES = 250_000
"""An SVG below this size is used even if its PNG is smaller: it is sharp at any size."""


def header(report: Report) -> str:
    """The report's title and facts."""
    return f"<h1>{escape(report.title)}</h1>\n{_facts(report.facts)}"


def missing_section(missing: Sequence[str]) -> str:
    """A list of what the report lacks."""
    return f'<ul class="missing">\n{_items(missing)}\n</ul>'


def table_section(table: Table) -> str:
    """A table in a scrolling frame; page.js makes its columns sortable."""
    columns = [[row[k] for row in table.rows] for k in range(len(table.columns))]
    numeric = [_is_numeric(column) for column in columns]
    bars = [intervals(column) for column in columns]
    head = "".join(
        f'<th scope="col"{_number_class(is_number)}><span class="wrapped">{_breakable(escape(name))}</span></th>'
        for name, is_number in zip(table.columns, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(cell, k == 0, numeric[k], bars[k][n]) for k, cell in enumerate(row)) + "</tr>"
        for n, row in enumerate(table.rows)
    )
    notes = f'<ul class="notes">\n{_items(table.notes)}\n</ul>' if table.notes else ""
    facts = ""
    if table.facts:
        facts = f'<details class="made"><summary>How it was made</summary>\n{_facts(table.facts)}\n</details>'
    return (
        f'<p class="caption">{_text(table.caption)}</p>\n'
        f'<div class="table-scroll" role="region" tabindex="0" aria-label="{escape(table.title)}">\n'
        f'<table class="data">\n<caption class="unseen">{escape(table.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>\n{notes}{facts}"
    )


def figure_section(illustration: Illustration) -> str:
    """A figure that a click enlarges, with its caption."""
    source, alt = data_uri(illustration.figure), escape(illustration.alt)
    width, height = (round(96 * inches) for inches in illustration.figure.get_size_inches())
    return (
        f'<figure>\n<button type="button" class="enlarge" aria-label="Enlarge: {escape(illustration.title)}">'
        f'<img src="{source}" alt="{alt}" width="{width}" height="{height}"></button>\n'
        f"<figcaption>{_text(illustration.caption)}</figcaption>\n</figure>"
    )


def data_uri(figure: Figure) -> str:
    """A figure as a data URI: SVG, or PNG if the SVG would be large."""
    drawing, pixels = io.BytesIO(), io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "egotap"}):  # the same figure gives the same bytes
        figure.savefig(drawing, format="svg", metadata={"Date": None})
    figure.savefig(pixels, format="png", dpi=PNG_DPI)
    svg, png = drawing.getvalue(), pixels.getvalue()
    is_small = len(svg) <= max(SVG_BYTES, len(png))
    kind, content = ("svg+xml", svg) if is_small else ("png", png)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def intervals(column: Sequence[Cell]) -> list[str]:
    """A drawing (SVG) of each cell's interval, on one scale for the column, with a line at zero if the scale has it.

    Empty for cells without an interval, and for all cells if fewer than two have one, as there is nothing to compare.
    """
    has_interval = [cell.low is not None and cell.high is not None and cell.value is not None for cell in column]
    if sum(has_interval) < 2:
        return [""] * len(column)
    ends = [end for cell in column for end in (cell.low, cell.high, cell.value) if end is not None]
    low, high = min(ends), max(ends)

    def x(value: float) -> str:
        return f"{2 + 96 * (value - low) / max(high - low, 1e-12):.1f}"

    zero = f'<path class="zero" d="M{x(0.0)} 0V10"/>' if low < 0 < high else ""
    return [
        f'<svg class="interval" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{zero}'
        f'<path d="M{x(cell.low)} 5H{x(cell.high)}M{x(cell.value)} 1V9"/></svg>'
        if cell.low is not None and cell.high is not None and cell.value is not None
        else ""
        for cell in column
    ]


def heading(title: str) -> str:
    """A title; the condition in brackets at its end is smaller."""
    name, condition = split_title(title)
    return escape(name) + (f" <small>{_breakable(escape(condition))}</small>" if condition else "")


def split_title(title: str) -> tuple[str, str]:
    """A title without the condition in brackets at its end, and the condition.

    >>> split_title("All variants (egosynth, scale=tiny)")
    ('All variants', 'egosynth, scale=tiny')
    """
    match = re.fullmatch(r"(.+) \(([^()]+)\)", title)
    return (match[1], match[2]) if match else (title, "")


def _cell(cell: Cell, is_row_name: bool, is_number: bool, bar: str) -> str:
    name = 'th scope="row"' if is_row_name else "td"
    value = "" if cell.value is None else f' data-value="{cell.value!r}"'
    text = escape(cell.text)
    if cell.best:
        text = f'<strong>{text}</strong><span class="unseen"> (best)</span>'
    if is_row_name:
        text = f'<span class="wrapped">{_breakable(text)}</span>'
    return f"<{name}{_number_class(is_number)}{value}>{text}{bar}</{name.split()[0]}>"


def _is_numeric(cells: Sequence[Cell]) -> bool:
    return any(cell.value is not None or re.match(r"[\[(]?[-+−]?[\d?]", cell.text) for cell in cells)


def _number_class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _breakable(text: str) -> str:
    """Escaped text in which paths, names and overrides may be broken at the end of a line."""
    return re.sub(r"([/_=.])(?=\w)", r"\1<wbr>", text)


def _facts(facts: Mapping[str, str]) -> str:
    items = "\n".join(f"<div><dt>{escape(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in facts.items())
    return f'<dl class="facts">\n{items}\n</dl>'


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"<li>{_text(line)}</li>" for line in lines)


def _text(text: str) -> str:
    """Text, escaped; backticks mark code, as in the report's Markdown."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
