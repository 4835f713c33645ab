"""A report's files: tables as Markdown, CSV and LaTeX, figures as PNG and PDF, and a page of text that links them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egotap_pl.core.atomic import atomic, write_text
from egotap_pl.figures.style import DPI
from egotap_pl.report.contents import Illustration, Report, Table
from egotap_pl.report.tables.sections import Section
from egotap_pl.report.text import (
    csv_text,
    escape_markdown,
    latex,
    markdown,
    markdown_facts,
    markdown_list,
    markdown_prose,
    markdown_section,
)


def write_files(report: Report, sections: Sequence[Section], output: Path) -> None:
    """Write everything but the HTML page."""
    tables, figures = output / "tables", output / "figures"
    for folder in (tables, figures):
        folder.mkdir(parents=True, exist_ok=True)
    for table in report.tables:
        write_text(tables / f"{table.name}.md", markdown(table))
        write_text(tables / f"{table.name}.csv", csv_text(table))
        write_text(tables / f"{table.name}.tex", latex(table))
    for illustration in report.illustrations:
        _draw(illustration, figures)
    write_text(output / "report.md", report_text(report, sections))


def report_text(report: Report, sections: Sequence[Section]) -> str:
    """The report as Markdown: what answers questions stands in it, what is looked up is linked."""
    parts = [f"# {escape_markdown(report.title)}\n", markdown_facts(report.facts) + "\n"]
    for section in sections:
        parts.append(f"## {escape_markdown(section.title)}\n")
        parts += [markdown_section(table, level=3) for table in section.main]
        parts.append("\n".join(_link(table) for table in section.details) + "\n")
    parts.append("## Figures\n" if report.illustrations else "")
    for figure in report.illustrations:
        image = f"![{escape_markdown(figure.alt)}](figures/{figure.name}.png)"
        parts.append(f"### {escape_markdown(figure.title)}\n\n{image}\n\n{markdown_prose(figure.caption)}\n")
    parts.append("## All runs\n\n- [runs](tables/runs.md)\n")
    if report.missing:
        parts.append(f"## Missing\n\n{markdown_list(report.missing)}\n")
    return "\n".join(part for part in parts if part.strip())


def _link(table: Table) -> str:
    return f"- [{escape_markdown(table.title)}](tables/{table.name}.md)"


def _draw(illustration: Illustration, folder: Path) -> None:
    for suffix, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
        with atomic(folder / f"{illustration.name}.{suffix}", durable=False) as temporary:
            illustration.figure.savefig(temporary, format=suffix, dpi=DPI, metadata=metadata)
