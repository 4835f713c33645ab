"""Tables as text: Markdown, CSV and LaTeX.

Names in a table may come from somebody else's run. They are escaped, so that they are read as text and nothing else.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from egotap_pl.report.contents import Cell, Table

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
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
    """A table as a file of its own: heading, facts, table, caption and notes."""
    facts, notes = markdown_facts(table.facts), markdown_list(table.notes)
    return _paragraphs(f"# {escape_markdown(table.title)}", facts, _rows(table), markdown_prose(table.caption), notes)


def markdown_section(table: Table, level: int) -> str:
    """A table as a section of a page: heading, table, caption, notes and, last, facts.

    Args:
        table: the table.
        level: level of the heading, 1 to 6.
    """
    heading = f"{'#' * level} {escape_markdown(table.title)}"
    facts, notes = markdown_facts(table.facts), markdown_list(table.notes)
    return _paragraphs(heading, _rows(table), markdown_prose(table.caption), notes, facts)


def markdown_list(lines: Iterable[str]) -> str:
    """Prose as the items of a list."""
    return "\n".join(f"- {markdown_prose(line)}" for line in lines)


def markdown_facts(facts: Mapping[str, str]) -> str:
    """Names and values as the items of a list."""
    return markdown_list(f"{name}: {value}" for name, value in facts.items())


def markdown_prose(text: str) -> str:
    r"""Text on one line in which backticks mark code, as they do in Markdown; everything else is escaped.

    >>> print(markdown_prose("<b> is missing: `egotap train x_y=1`"))
    \<b> is missing: `egotap train x_y=1`
    """
    parts = re.split(r"(`+)", _one_line(text))
    prose, k = "", 0
    while k < len(parts):
        is_mark = k % 2 == 1
        end = next((n for n in range(k + 2, len(parts), 2) if parts[n] == parts[k]), None) if is_mark else None
        if end is None:
            prose += escape_markdown(parts[k])
            k += 1
        else:  # code begins at a run of backticks and ends at the next run of the same length
            prose += "".join(parts[k : end + 1])
            k = end + 1
    return prose


def escape_markdown(text: str) -> str:
    """Text on one line that Markdown shows as it is: no code, emphasis, strikes, links, entities or HTML."""
    return re.sub(r"([|\\*_<\[\]`~]|&(?=#?\w+;))", r"\\\1", _one_line(text))


def csv_text(table: Table) -> str:
    """A table's values: a column for each of its columns and, after one with intervals, one for each end.

    Text that a spreadsheet would calculate as a formula begins with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    intervals = [any(row[k].low is not None for row in table.rows) for k in range(len(table.columns))]
    header: list[str] = []
    for name, has in zip(table.columns, intervals, strict=True):
        header += [name, f"{name}, low", f"{name}, high"] if has else [name]
    writer.writerow(_no_formula(name) for name in header)
    for row in table.rows:
        fields: list[object] = []
        for cell, has in zip(row, intervals, strict=True):
            fields.append(_no_formula(cell.text) if cell.value is None else repr(cell.value))
            fields += [cell.low, cell.high] if has else []
        writer.writerow("" if field is None else field for field in fields)
    return file.getvalue()


def _no_formula(text: str) -> str:
    text = _one_line(text)  # before Python 3.13, csv does not quote a carriage return, which ends a row
    is_formula = text.startswith(("=", "+", "-", "@", "\t")) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def latex(table: Table) -> str:
    r"""A table environment, reduced to the width of the line if it is wider.

    It needs ``\usepackage{booktabs,graphicx}``.
    """
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
    return "\n".join(map(_one_line, lines)) + "\n"


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(table: Table) -> str:
    alignment = ("---:" if _is_number(table, k) else "---" for k in range(len(table.columns)))
    lines = [f"| {' | '.join(escape_markdown(name) for name in table.columns)} |", f"|{'|'.join(alignment)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(_markdown_cell(cell) for cell in row)} |" for row in table.rows)])


def _is_number(table: Table, column: int) -> bool:
    return any(row[column].value is not None for row in table.rows)


def _markdown_cell(cell: Cell) -> str:
    return f"**{escape_markdown(cell.text)}**" if cell.best else escape_markdown(cell.text)


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _tex_cell(cell: Cell) -> str:
    return f"\\textbf{{{_tex(cell.text)}}}" if cell.best else _tex(cell.text)


def _tex_row(cells: Sequence[str]) -> str:
    row = " & ".join(cells)
    # After the end of the row before, a bracket or an asterisk would be read as belonging to it.
    return f"{'{}' if row.startswith(('[', '*')) else ''}{row} \\\\"


def _one_line(text: str) -> str:
    """Text in which spaces stand for all characters that some program takes as the end of a line."""
    return " ".join(text.splitlines())
