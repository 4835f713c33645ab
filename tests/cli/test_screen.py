"""Tables on a screen: what answers the question, within its width."""

from __future__ import annotations

import io

from rich.console import Console

from egotap_pl.cli.screen import printable, screen_table
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.tables.cells import MISSING, NOTHING


def drawn(table: Table, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(screen_table(table))
    return file.getvalue()


def test_columns_to_look_things_up_in_are_left_out() -> None:
    columns = ("row", "MPJPE (mm)", "paper, EgoCap (other data): MPJPE (mm)", "paper, UnrealEgo: MPJPE (mm)", "device")
    row = (Cell("[CNN]"), Cell("54.5 ± 0.3", 54.5), Cell("70.77", 70.77), Cell("63.53", 63.53), Cell("a machine"))
    text = drawn(Table("t", "Table", "", columns, (row,)))
    assert "[CNN]" in text  # not taken for markup
    assert "54.5 ± 0.3" in text
    assert "63.53" in text  # of the same data: to be compared with
    assert "70.77" not in text
    assert "a machine" not in text


def test_comparisons_of_what_was_not_run_are_left_out_but_missing_rows_are_not() -> None:
    rows = ((Cell("one"), Cell("1.0", 1.0)), (Cell("two"), MISSING))
    for first, told in (("comparison", False), ("row", True)):
        assert ("two" in drawn(Table("t", "Table", "", (first, "MPJPE (mm)"), rows))) is told


def test_empty_columns_are_left_out_and_long_names_are_folded_not_cut() -> None:
    name = "a_very_long_name_of_a_variant_" * 4
    text = drawn(
        Table("t", "Table", "", ("variant", "MPJPE (mm)", "empty"), ((Cell(name), Cell("1.0", 1.0), NOTHING),))
    )
    assert "empty" not in text
    assert "…" not in text
    assert name in text.replace("\n", "").replace(" ", "").replace("1.0", "")


def test_numbers_that_a_search_proposed_are_rounded() -> None:
    values = (
        "0.0012520653814999472",
        "1.2520653814999472e-05",
        "[0.12345678,2]",
        "cam-0.12345678",
        "0.0125",
        "1.234567.8",
    )
    cells = tuple(map(Cell, values))
    text = drawn(Table("t", "Table", "", ("lr", "decay", "list", "name", "short", "version"), (cells,)), 160)
    for shown in ("0.001252 ", "1.252e-05", "[0.1235,2]", "cam-0.1235 ", " 0.0125 ", "1.234567.8"):
        assert shown in text
    assert "0.00125206538" in drawn(Table("t", "", "", ("mm", "x"), ((Cell(values[0], 1.0), Cell("x")),)))


def test_a_strangers_name_gives_the_terminal_no_commands() -> None:
    assert printable("a\x1b[2Jb\rc\x9d ü−") == "a\ufffd[2Jb\ufffdc\ufffd ü−"
    table = Table("t", "T\x1b[2J", "", ("\x1b[31mrow", "b"), ((Cell("\x1b]0;x\x07"), Cell("c", best=True)),))
    assert "\x1b" not in drawn(table)
