"""A report as files: complete, or the earlier one as it was."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.progress import stage_columns
from egotap_pl.report.contents import Cell, Illustration, Report, Table
from egotap_pl.report.files import write_report
from egotap_pl.report.making import ReportOptions, compile_report
from egotap_pl.report.tables.sections import Section


def report(value: str) -> tuple[Report, list[Section]]:
    table = Table("one", "One", "", ("row",), ((Cell(value),),))
    figure = Illustration("drawn", value, "", "", Figure(figsize=(1, 1)))
    return Report(value, {}, (), (table,), (figure,)), [Section("part", [table], [])]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_new_report_takes_the_place_of_the_old_one_and_nothing_else_is_touched(tmp_path: Path) -> None:
    write_report(*report("earlier-one"), tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "tables" / "mine.txt").write_text("mine")
    write_report(*report("later-one"), tmp_path / "a" / "b")
    found = files(tmp_path / "a" / "b")
    assert found.keys() == {
        "report.md", "index.html", "tables/one.md", "tables/one.csv", "tables/one.tex", "tables/mine.txt",
        "figures/drawn.png", "figures/drawn.pdf",
    }  # fmt: skip
    for name in ("report.md", "index.html", "tables/one.md", "tables/one.csv", "tables/one.tex"):
        assert b"later-one" in found[name]
        assert b"earlier-one" not in found[name]
    assert found["tables/mine.txt"] == b"mine"


def test_tables_and_figures_that_only_the_old_report_had_are_gone(tmp_path: Path) -> None:
    """They would be taken for the new one's. What is not of a report stays, and so do figures if none are asked for."""
    first, sections = report("one")
    table = replace(first.tables[0], name="two.of+them")
    figure = Illustration("also", "also", "", "", Figure(figsize=(1, 1)))
    both = replace(first, tables=(*first.tables, table), illustrations=(*first.illustrations, figure))
    write_report(both, sections, tmp_path)
    (tmp_path / "tables" / "mine.md").write_text("mine")
    assert {"tables/two.of+them.csv", "figures/also.pdf"} <= files(tmp_path).keys()
    write_report(replace(first, illustrations=()), sections, tmp_path)
    expected = {
        "report.md",
        "index.html",
        "tables/mine.md",
        *(f"tables/one.{suffix}" for suffix in ("md", "csv", "tex")),
    }
    figures = {f"figures/{name}.{suffix}" for name in ("drawn", "also") for suffix in ("png", "pdf")}
    assert files(tmp_path).keys() == expected | figures
    write_report(both, sections, tmp_path)
    write_report(first, sections, tmp_path)
    assert files(tmp_path).keys() == expected | {"figures/drawn.png", "figures/drawn.pdf"}


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("method", [(Figure, "savefig"), (Path, "write_text"), (Path, "mkdir")])
def test_a_failure_leaves_the_old_report_whole(
    method: tuple[type, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(*report("earlier-one"), tmp_path / "there")
    before = files(tmp_path / "there")
    with monkeypatch.context() as failing:
        failing.setattr(*method, no_space)
        for name in ("there", "new"):
            with pytest.raises(EgotapError, match=rf"{name}: .*No space left on device.*output=DIR"):
                write_report(*report("later-one"), tmp_path / name)
    assert files(tmp_path / "there") == before
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert {path.name for path in (tmp_path / "there").iterdir()} == {"report.md", "index.html", "tables", "figures"}


def test_the_page_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved_to: Callable[[Path, Path], Path] = Path.replace
    moved: list[str] = []

    def watched(path: Path, target: Path) -> Path:
        if target.parent in (tmp_path / "r", tmp_path / "r" / "tables", tmp_path / "r" / "figures"):
            moved.append(target.name)
        return moved_to(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_report(*report("later-one"), tmp_path / "r")
    assert len(moved) == 7
    assert moved[-1] == "index.html"


OPTIONS = {"paths": {"data": "d"}, "trust": "my_idea", "figures": False, "scene_frames": 0}


def test_options_are_those_of_the_configuration() -> None:
    assert ReportOptions.parse(OPTIONS) == ReportOptions(Path("d"), ("my_idea",), False, 0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"figures": "no"}, "figures=no: must be true or false"),
        ({"scene_frames": -1}, "scene_frames=-1: must be a whole number of 0 or more"),
        ({"scene_frames": "all"}, "scene_frames=all: must be"),
        ({"scene_frames": True}, "scene_frames=True: must be"),
        ({"trust": 1}, "trust=1"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(EgotapError, match=told):
        ReportOptions.parse({**OPTIONS, **options})


def test_a_folder_without_runs_gives_one_message_and_no_progress(tmp_path: Path) -> None:
    output = io.StringIO()
    progress = Progress(*stage_columns(), console=Console(file=output))
    with pytest.raises(EgotapError, match="no finished run in"), progress:
        compile_report([tmp_path], lambda run: pytest.fail(str(run)), ReportOptions.parse(OPTIONS), progress)
    assert output.getvalue().strip() == ""
