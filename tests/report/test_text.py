"""Tables as text, read by other programs."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from egotap_pl.report.contents import Cell, FileNames, Report, Table
from egotap_pl.report.files import report_text
from egotap_pl.report.tables.sections import Section
from egotap_pl.report.text import csv_text, latex, markdown, markdown_prose, markdown_section

TABLE = Table(
    name="table_9",
    title="A|B & 100% of_it",
    caption="Mean ± half; x < y.",
    columns=("row", "MPJPE (mm)", "device"),
    rows=(
        (Cell("a|b_c*"), Cell("54.5 ± 0.3", 54.5, best=True, low=54.2, high=54.8), Cell("cpu & gpu")),
        (Cell("$x^2$ #{1} ~\\"), Cell("missing"), Cell("")),
    ),
    notes=("Missing: `egotap train x_y=1`",),
    facts={"command": "`egotap train -m a=b`", "seeds": "1, 2"},
)


def test_csv_has_the_numbers() -> None:
    header, first, second = csv.reader(io.StringIO(csv_text(TABLE)))
    assert header == ["row", "MPJPE (mm)", "MPJPE (mm), low", "MPJPE (mm), high", "device"]
    assert first == ["a|b_c*", "54.5", "54.2", "54.8", "cpu & gpu"]
    assert second == ["$x^2$ #{1} ~\\", "missing", "", "", ""]


def test_markdown_is_a_table_of_as_many_columns() -> None:
    text = markdown_section(TABLE, level=3)
    assert text.startswith("### A\\|B & 100% of\\_it\n\n|")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {4}
    assert rows[1] == "|---|---:|---|"
    assert "**54.5 ± 0.3**" in rows[2]
    assert "- Missing: `egotap train x_y=1`" in text
    assert text.endswith("- command: `egotap train -m a=b`\n- seeds: 1, 2\n")
    alone = markdown(TABLE)
    assert alone.startswith("# A\\|B & 100% of\\_it\n\n- command: `egotap train -m a=b`\n- seeds: 1, 2\n\n|")
    assert sorted(alone.splitlines()[1:]) == sorted(text.splitlines()[1:])


@pytest.mark.parametrize("name", ["R&D &lt;b&gt; &#65;", "~~x~~", "~a~"])
def test_markdown_shows_names_as_they_are(name: str) -> None:
    parser = MarkdownIt().enable("strikethrough")
    assert parser.render(markdown_prose(name)) == f"<p>{escape(name)}</p>\n"


HOSTILE = (
    "<script>alert(1)</script>",
    "`<script>alert(1)</script>``",
    "`a`` b `<script>` c",
    "` `<script>` `",
    "``` `<script>`",
    "a\n\n<script>\n# b",
    "[a](javascript:alert)",
    "**a** _b_ ![c](d.png)",
    "\\<script> \\`<script>\\`",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("text", ["{}", "{}: missing. `egotap train x_y={}`", "`egotap train a={}`"])
def test_a_strangers_name_is_text_or_code_in_markdown_and_never_html(name: str, text: str) -> None:
    tokens = [
        token for part in MarkdownIt().parse(f"- {markdown_prose(text.format(name, name))}") for token in all_of(part)
    ]
    kinds = {token.type for token in tokens}
    assert not {kind for kind in kinds if kind.startswith(("html", "link", "image", "heading", "strong", "em_"))}
    shown = "".join(token.content for token in tokens if token.type in ("text", "code_inline"))
    if "`" not in name and "\n" not in name:
        assert shown.count(name) == text.count("{}")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_name_is_text_in_every_part_of_a_report(name: str) -> None:
    table = Table("stem", name, name, (name, "b"), ((Cell(name), Cell("1")),), (name,), {name: name})
    report = Report(name, {name: name}, (name,), (table,))
    text = report_text(report, [Section(name, [table], [table])])
    tokens = [token for part in MarkdownIt().enable("table").parse(text) for token in all_of(part)]
    assert not [token for token in tokens if token.type.startswith(("html", "image", "strong", "em_"))]
    links = {token.attrs["href"] for token in tokens if token.type == "link_open"}
    assert links == {"tables/stem.md", "tables/runs.md"}
    assert sum(token.type == "table_open" for token in tokens) == 1
    assert sum(token.type == "td_open" for token in tokens) == 2


def all_of(token: Token) -> list[Token]:
    return [token, *(inner for child in token.children or () for inner in all_of(child))]


def test_csv_has_no_formulas() -> None:
    texts = ("=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "-0.5", "+1e-3", "−2.1", "a=b")
    table = Table("t", "t", "", ("=head", *map(str, range(len(texts)))), ((Cell("-1", -1), *map(Cell, texts)),))
    header, row = csv.reader(io.StringIO(csv_text(table)))
    assert header[0] == "'=head"
    assert row == ["-1", "'=1+1", "'+cmd", "'-2+3", "'@SUM(A1)", "'\t=1", "-0.5", "+1e-3", "−2.1", "a=b"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028"])
def test_a_strangers_name_ends_no_line_of_csv_and_latex(end: str) -> None:
    """After a line that ends early, a spreadsheet would calculate a formula, and TeX would run what was a comment."""
    name = f"a{end}=b{end}\\input{{c}}"
    table = Table("t", name, name, (name, "b"), ((Cell(name), Cell("1")),), (name,), {name: name})
    assert csv_text(table) == 2 * "a =b \\input{c},%s\n" % ("b", "1")
    lines = re.split(r"[\n\r\v\f\x85\u2028]", latex(table))
    assert len(lines) == len(latex(replace(table, columns=("a", "b"), notes=("a",), facts={"a": "a"})).split("\n"))
    assert [line for line in lines if "\\input" in line and not line.startswith("% ")] == []


def test_names_become_names_of_files_that_differ() -> None:
    names = ("../../a", "a", "A", "a_2", "a/b\n", "...", "x" * 300, "x" * 300, "姿" * 300, "姿" * 300)
    tables = FileNames().rename([Table(name, "", "", ("a",), ()) for name in names])
    stems = [table.name for table in tables]
    assert stems[:6] == ["a", "a_2", "A_3", "a_2_2", "a-b", "unnamed"]
    assert len(set(map(str.casefold, stems))) == len(names)
    assert max(len(stem.encode()) for stem in stems) < 200  # disks allow 255 bytes, with the ending
    assert all(len(stem) < 200 and not {"/", "\n"} & set(stem) for stem in stems)


def test_latex_escapes_everything() -> None:
    text = latex(TABLE)
    body = text[text.index(r"\begin{table}") :]
    assert r"\textbf{54.5 $\pm$ 0.3}" in body
    assert r"a\textbar{}b\_c*" in body
    assert r"\$x\textasciicircum{}2\$ \#\{1\} \textasciitilde{}\textbackslash{}" in body
    rows = body[body.index(r"\toprule") : body.index(r"\bottomrule")].splitlines()
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows if row.strip().endswith(r"\\")} == {2}
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")
    assert text.splitlines()[0] == "% command: `egotap train -m a=b`"


def test_a_row_that_begins_with_a_bracket_is_not_a_distance_for_latex() -> None:
    names = ("[0,1]", "*", "a")
    text = latex(replace(TABLE, rows=tuple((Cell(name), Cell(""), Cell("")) for name in names)))
    _, *firsts = (line.partition("&")[0].strip() for line in text.splitlines() if line.endswith(r"\\"))
    assert firsts == ["{}[0,1]", "{}*", "a"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    document = (
        rf"\documentclass{{article}}\usepackage{{booktabs,graphicx}}\begin{{document}}{latex(TABLE)}\end{{document}}"
    )
    (tmp_path / "a.tex").write_text(document)
    subprocess.run(["pdflatex", "-halt-on-error", "a.tex"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
