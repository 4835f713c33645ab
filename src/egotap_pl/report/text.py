"""Tables as text: Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from egotap_pl.report.contents import Cell, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "\u2212": r"$-$",
    "–": "--",
}


def markdown(table: Table) -> str:
    """A file of its own: heading, what the table was made of, the table, its caption, and what is missing."""
    return _joined(f"# {_md(table.title)}", _facts(table), _rows(table), _md(table.caption), _notes(table))


def markdown_section(table: Table, level: int) -> str:
    """A part of a page: the table comes first, and what it was made of last.

    Args:
        table: the table.
        level: of the heading.
    """
    heading = f"{'#' * level} {_md(table.title)}"
    return _joined(heading, _rows(table), _md(table.caption), _notes(table), _facts(table))


def csv_text(table: Table) -> str:
    """The numbers: a column per column, and two more, low and high, where it has intervals."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    intervals = [any(row[k].low is not None for row in table.rows) for k in range(len(table.columns))]
    header: list[str] = []
    for name, has in zip(table.columns, intervals, strict=True):
        header += [name, f"{name}, low", f"{name}, high"] if has else [name]
    writer.writerow(header)
    for row in table.rows:
        fields: list[object] = []
        for cell, has in zip(row, intervals, strict=True):
            fields.append(cell.text if cell.value is None else repr(cell.value))
            fields += [cell.low, cell.high] if has else []
        writer.writerow("" if field is None else field for field in fields)
    return file.getvalue()


def latex(table: Table) -> str:
    r"""A table environment; needs ``\usepackage{booktabs,graphicx}``. One that is too wide for its lines is reduced."""
    alignment = "".join("r" if _is_number(table, k) else "l" for k in range(len(table.columns)))
    lines = [f"% {name}: {value}" for name, value in table.facts.items()]
    lines += [f"% {note}" for note in table.notes]
    lines += [
        r"\begin{table}",
        r"  \centering",
        r"  \footnotesize",
        f"  \\caption{{{_tex(f'{table.title}. {table.caption}')}}}",
    ]
    lines += [f"  \\label{{tab:{re.sub(r'[^A-Za-z0-9]+', '-', table.name).strip('-')}}}"]
    lines += [r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"]
    lines += [f"  \\begin{{tabular}}{{{alignment}}}", r"    \toprule"]
    lines += [f"    {_tex_row([_tex(name) for name in table.columns])}", r"    \midrule"]
    lines += [f"    {_tex_row([_tex_cell(cell) for cell in row])}" for row in table.rows]
    lines += [r"    \bottomrule", r"  \end{tabular}}", r"\end{table}"]
    return "\n".join(line.replace("\n", " ") for line in lines) + "\n"


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(table: Table) -> str:
    alignment = ("---:" if _is_number(table, k) else "---" for k in range(len(table.columns)))
    lines = [f"| {' | '.join(_md(name) for name in table.columns)} |", f"|{'|'.join(alignment)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(_md_cell(cell) for cell in row)} |" for row in table.rows)])


def _facts(table: Table) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in table.facts.items())


def _notes(table: Table) -> str:
    return "\n".join(f"- {note}" for note in table.notes)


def _is_number(table: Table, column: int) -> bool:
    return any(row[column].value is not None for row in table.rows)


def _md(text: str) -> str:
    return re.sub(r"([|\\*_<\[\]])", r"\\\1", text).replace("\n", " ")


def _md_cell(cell: Cell) -> str:
    return f"**{_md(cell.text)}**" if cell.best else _md(cell.text)


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _tex_cell(cell: Cell) -> str:
    return f"\\textbf{{{_tex(cell.text)}}}" if cell.best else _tex(cell.text)


def _tex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
