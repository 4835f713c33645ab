"""The files of a report: Markdown, an HTML page, tables as Markdown, CSV and LaTeX, figures as PNG and PDF."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from egotap_pl.core.atomic import SUFFIX
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.figures.style import DPI
from egotap_pl.report.contents import Illustration, Report, Table
from egotap_pl.report.page import anchor, anchors_of, write_page
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

_LAST = "index.html"
_TABLE = {"md": markdown, "csv": csv_text, "tex": latex}
_FIGURE = {"png": {"Software": None}, "pdf": {"CreationDate": None}}


def write_report(report: Report, sections: Sequence[Section], output: Path) -> None:
    """Write a report: Markdown, HTML page, tables and figures.

    All files are written in a folder of their own first and then moved to their places, the HTML page last, so that a
    failure leaves an earlier report as it was. Then its tables that the new one does not have are removed, and its
    figures if the new one has any.

    Args:
        report: the content.
        sections: its tables by condition.
        output: folder of the files, made if it is missing.

    Raises:
        EgotapError: if the files cannot be written, for example because the disk is full.
        OSError: if the disk fails.
    """
    is_new = not output.exists()
    unfinished = output / f".{os.getpid()}{SUFFIX}"
    for leftover in output.glob(f".*{SUFFIX}"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        _write(report, sections, unfinished)
        earlier = _tables_and_figures(output)
        _move(unfinished, output)
        _remove_stale(earlier, report)
    except OSError as error:
        raise_if_disk_fails(error, output)
        reason = error.strerror or type(error).__name__
        raise EgotapError(
            f"{output}: the report cannot be written ({reason}); make room for it, or give another output=DIR"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                output.rmdir()  # if nothing was written


def _remove_stale(earlier: Iterable[Path], report: Report) -> None:
    """Remove files of an earlier report that would be taken for this one's.

    Args:
        earlier: of `_tables_and_figures`.
        report: what has been written in its place.
    """
    names: Mapping[str, Sequence[Table | Illustration]] = {"tables": report.tables, "figures": report.illustrations}
    written = {(kind, item.name.casefold()) for kind, items in names.items() for item in items}
    for path in earlier:
        kind = path.parent.name
        if (kind, path.stem.casefold()) not in written and names[kind]:
            path.unlink(missing_ok=True)


def _tables_and_figures(folder: Path) -> set[Path]:
    """Those of an earlier report: the files whose names are among the sections of its page."""
    page = folder / _LAST
    anchors = anchors_of(page.read_text(encoding="utf-8", errors="replace")) if page.is_file() else set()
    kinds = (("table", "tables", _TABLE), ("figure", "figures", _FIGURE))
    paths = (
        (kind, path) for kind, name, suffixes in kinds for s in suffixes for path in (folder / name).glob(f"*.{s}")
    )
    return {path for kind, path in paths if anchor(kind, path.stem) in anchors}


def _write(report: Report, sections: Sequence[Section], folder: Path) -> None:
    tables, figures = folder / "tables", folder / "figures"
    tables.mkdir()
    figures.mkdir()
    for table in report.tables:
        for suffix, text_of in _TABLE.items():
            (tables / f"{table.name}.{suffix}").write_text(text_of(table), encoding="utf-8")
    for illustration in report.illustrations:
        for suffix, metadata in _FIGURE.items():
            path = figures / f"{illustration.name}.{suffix}"
            illustration.figure.savefig(path, format=suffix, dpi=DPI, metadata=metadata)
    (folder / "report.md").write_text(report_text(report, sections), encoding="utf-8")
    write_page(report, folder / _LAST)


def _move(source: Path, output: Path) -> None:
    """Move all files to the same places in another folder on the same disk."""
    files = [path for path in source.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.name == _LAST, path)):
        target = output / path.relative_to(source)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)


def report_text(report: Report, sections: Sequence[Section]) -> str:
    """The report as Markdown, with the tables that answer a question in it and links to the others.

    Args:
        report: the content.
        sections: its tables by condition.
    """
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
