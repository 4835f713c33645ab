"""A report as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from egotap_pl.core.atomic import atomic
from egotap_pl.report.contents import Report
from egotap_pl.report.page.parts import figure_section, header, heading, missing_section, split_title, table_section
from egotap_pl.report.page.viewer_data import viewer_section

SCRIPTS = tuple(
    f"{name}.js" for name in ("page", "frames", "motions", "legend", "views", "draw", "curve", "hands", "viewer")
)


def write_page(report: Report, path: Path) -> None:
    """Write a report as an HTML file that loads nothing: style, scripts, pictures and poses are in it.

    Its content security policy allows the page's own script and fetches nothing. Every name is escaped.

    Args:
        report: the content.
        path: the file, which is replaced once the new one is complete.
    """
    with atomic(path) as temporary:
        temporary.write_text(page_html(report), encoding="utf-8")


def page_html(report: Report) -> str:
    """A report as the text of an HTML file."""
    sections: list[tuple[str, str, str]] = []  # anchor, entry of the table of contents, content
    if report.missing:
        sections.append(("missing", "What is missing", missing_section(report.missing)))
    sections += [(anchor("table", t.name), t.title, table_section(t)) for t in report.tables]
    if report.scene is not None and len(report.scene):
        sections.append(("viewer", report.scene.title, viewer_section(report.scene, _asset("viewer.html"))))
    sections += [(anchor("figure", i.name), i.title, figure_section(i)) for i in report.illustrations]
    style = _asset("style.css")
    script = '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "\n})();\n"
    return Template(_asset("template.html")).substitute(
        policy=_policy(style, script),
        title=escape(report.title),
        style=style,
        script=script,
        header=header(report),
        made_by=escape(report.made_by),
        contents=_contents(sections),
        sections="\n".join(
            f'<section id="{name}" aria-labelledby="{name}-title">\n'
            f'<h2 id="{name}-title">{heading(title)}</h2>\n{content}\n</section>'
            for name, title, content in sections
        ),
    )


def _contents(sections: Sequence[tuple[str, str, str]]) -> str:
    """The table of contents. A condition that several titles end with stands once above them."""
    lines, before = [], ""
    for place, title, _ in sections:
        name, condition = split_title(title)
        if condition not in ("", before):
            lines.append(f'<li class="condition">{escape(condition)}</li>')
        apart = ' class="apart"' if before and not condition else ""
        lines.append(f'<li{apart}><a href="#{place}">{escape(name)}</a></li>')
        before = condition
    return "\n".join(lines)


def _policy(style: str, script: str) -> str:
    """A content security policy that allows this style, this script and pictures in the page, and nothing else."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; img-src data:; style-src {source(style)}; script-src {source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def anchor(kind: str, name: str) -> str:
    """The anchor of a section.

    Args:
        kind: ``table`` or ``figure``.
        name: name of the table or the figure.
    """
    return f"{kind}-" + re.sub(r"\W+", "-", name)


def anchors_of(html: str) -> set[str]:
    """The anchors of a page's sections."""
    return set(re.findall(r'<section id="([^"]*)"', html))


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
