"""The counts of a checked data set on a screen."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console

from egotap_pl.cli.check_table import print_check
from egotap_pl.data.preparation.check import CheckReport, SplitCheck
from egotap_pl.data.source import SkippedFrame


def test_a_checked_data_set_is_counted_and_its_first_problems_are_named() -> None:
    damaged = [SkippedFrame("train/1", number, "", f"train/1/{number}.png: [truncated]") for number in range(6)]
    excluded = SkippedFrame("train/2", 3, "", "does not fit", damaged=False)
    whole_piece = SkippedFrame("piece 7", -1, "", "not JSON", frames=30)
    train = SplitCheck("train", ["train/9"], Counter(walking=40, golf=2), [*damaged, excluded])
    test = SplitCheck("test", [], Counter(golf=5), [whole_piece])
    file = io.StringIO()
    print_check(CheckReport((train, test)), Console(file=file, width=80))
    text = file.getvalue()
    rows = [line.split() for line in text.splitlines() if line.strip()]
    assert rows[0] == ["train", "test"]
    assert ["walking", "40", "0"] in rows
    assert ["golf", "2", "5"] in rows
    counts = {" ".join(row[:-2]): row[-2:] for row in rows}
    assert counts["readable frames"] == ["42", "5"]
    assert counts["damaged frames"] == ["6", "30"]
    assert counts["left out by the reader's rules"] == ["1", "0"]
    assert counts["missing motions"] == ["1", "0"]
    assert "train: train/9: not on disk\ntrain: train/1, frame 0: train/1/0.png: [truncated]\n" in text
    assert "train/1, frame 4" not in text
    assert "train: and 2 more" in text
    assert "test: piece 7: not JSON" in text
