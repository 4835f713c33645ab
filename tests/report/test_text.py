"""Tables as text, read by other programs."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.text import csv_text, latex, markdown, markdown_section

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


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    document = (
        rf"\documentclass{{article}}\usepackage{{booktabs,graphicx}}\begin{{document}}{latex(TABLE)}\end{{document}}"
    )
    (tmp_path / "a.tex").write_text(document)
    subprocess.run(["pdflatex", "-halt-on-error", "a.tex"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
