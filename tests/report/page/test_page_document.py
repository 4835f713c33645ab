"""The page as a file: whole, self-contained, and the same for the same report."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from egotap_pl.report.contents import Cell, Report, Table
from egotap_pl.report.page import write_page
from egotap_pl.report.page.document import page_html
from egotap_pl.report.page.parts import PNG_DPI, SVG_BYTES, data_uri, intervals, split_title, table_section


class Elements(HTMLParser):
    """Collects elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_is_loaded_and_every_picture_has_words(report: Report):
    for tag, attributes in Elements(page_html(report)).found:
        for name in ("src", "href", "action", "data"):
            if name in attributes:
                assert re.match(r"data:|#", attributes[name] or ""), (tag, attributes)
        assert "style" not in attributes, "the content security policy forbids it"
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if tag == "img":
            assert attributes["alt"]


def test_ids_are_unique_and_links_lead_somewhere(report: Report):
    found = Elements(page_html(report)).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [str(a["href"])[1:] for tag, a in found if tag == "a"]
    assert len(links) == 6  # skip link, what is missing, two tables, viewer, figure
    assert set(links) <= set(ids)


def test_the_same_report_gives_the_same_page(report: Report):
    assert page_html(report) == page_html(report)


def test_a_page_is_replaced_only_by_a_whole_one(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "index.html"
    path.write_text("before")
    monkeypatch.setattr("egotap_pl.report.page.document.page_html", lambda _: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        write_page(report, path)
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]
    assert path.read_text() == "before"


def test_a_report_without_anything_is_a_page():
    found = [tag for tag, _ in Elements(page_html(Report("Nothing", {}, []))).found]
    assert "section" not in found
    assert "h1" in found


def test_figures_are_drawings_unless_these_are_large():
    few, many = Figure(figsize=(3, 2)), Figure(figsize=(3, 2))
    few.add_subplot().plot([0, 1])
    points = range(8000)
    many.add_subplot().plot(points, points, "o", rasterized=False)
    assert data_uri(few).startswith("data:image/svg+xml;base64,")
    assert data_uri(many).startswith("data:image/png;base64,")
    assert SVG_BYTES > 100_000
    assert PNG_DPI >= 150


def test_numbers_stand_right_and_the_best_is_told():
    rows = ((Cell("a"), Cell("1.5", 1.5, best=True), Cell("tree")), (Cell("b"), Cell("?"), Cell("chain")))
    found = Elements(table_section(Table("t", "T", "C", ("m", "e", "w"), rows))).found
    cells = [attributes.get("class") for tag, attributes in found if tag in ("th", "td")]
    assert cells == [None, "number", None, None, "number", None, None, "number", None]
    assert [tag for tag, _ in found].count("strong") == 1


def test_what_is_quoted_as_code_is_code_and_nothing_more():
    facts = {"command": "`egotap train a=<b>`"}
    table = Table("t", "T", "Run `egotap train <a>`.", ("m",), ((Cell("`x`"),),), ("`b` & `c`",), facts)
    text = table_section(table)
    assert "Run <code>egotap train &lt;a&gt;</code>." in text
    assert "<code>b</code> &amp; <code>c</code>" in text
    assert "<dd><code>egotap train a=&lt;b&gt;</code></dd>" in text
    assert ">`x`<" in text  # a cell is as it is


def test_intervals_share_a_scale_with_zero_in_it():
    column = [Cell("a", 2.0, low=1.0, high=3.0), Cell("b"), Cell("c", -1.0, low=-1.0, high=-1.0)]
    first, none, last = intervals(column)
    assert none == ""
    zero = re.search(r'class="zero" d="M([\d.]+)', first)
    ends = re.search(r'<path d="M([\d.]+) 5H([\d.]+)M([\d.]+)', first)
    assert zero
    assert ends
    step = (float(ends[2]) - float(zero[1])) / 3  # per unit: from 0 to 3
    assert [float(ends[k]) - float(zero[1]) for k in (1, 3)] == pytest.approx([step, 2 * step], abs=0.11)
    assert "M2.0 5H2.0M2.0" in last
    assert intervals(column[:2]) == ["", ""]  # one alone is compared with nothing


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("MPJPE (mm) per joint (egosynth, seed 1)", ("MPJPE (mm) per joint", "egosynth, seed 1")),
        ("All runs", ("All runs", "")),
    ],
)
def test_the_condition_of_a_title_is_what_its_last_brackets_hold(title: str, parts: tuple[str, str]):
    assert split_title(title) == parts
