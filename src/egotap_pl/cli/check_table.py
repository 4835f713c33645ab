"""The counts of a checked data set on the screen."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from egotap_pl.data.preparation.check import CheckReport
from egotap_pl.data.source import SkippedFrame

_MAX_PROBLEMS = 5  # of a split


def print_check(report: CheckReport, console: Console) -> None:
    """Prints the counts of a checked data set by split and category, and the first problems of each split."""
    splits = report.splits
    table = Table("", *(split.split for split in splits), box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for category in dict.fromkeys(name for split in splits for name in split.frames):
        table.add_row(category, *(str(split.frames[category]) for split in splits))
    table.add_section()
    table.add_row("readable frames", *(str(split.readable) for split in splits), style="bold")
    table.add_row("damaged frames", *(str(split.damaged) for split in splits))
    table.add_row("left out by the reader's rules", *(str(split.excluded) for split in splits))
    table.add_row("missing motions", *(str(len(split.missing)) for split in splits))
    console.print(table)
    for split in splits:
        lines = [f"{motion}: not on disk" for motion in split.missing]
        lines += [_problem(frame) for frame in split.skipped if frame.damaged]
        for line in lines[:_MAX_PROBLEMS]:
            console.print(f"{split.split}: {line}", markup=False, soft_wrap=True)
        if len(lines) > _MAX_PROBLEMS:
            console.print(f"{split.split}: and {len(lines) - _MAX_PROBLEMS} more, all in the report")


def _problem(frame: SkippedFrame) -> str:
    place = frame.motion if frame.frame_number < 0 else f"{frame.motion}, frame {frame.frame_number}"
    return f"{place}: {frame.reason}"
