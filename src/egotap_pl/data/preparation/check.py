"""Walks over a whole data set before it is prepared: what is there, what is missing, what is damaged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from egotap_pl.core.atomic import atomic
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.preparation.parts import read_piece
from egotap_pl.data.preparation.shard import WHOLE, Shard
from egotap_pl.data.preparation.workers import Workers, usable_cpus
from egotap_pl.data.source import FileSource, Piece, SkippedFrame, Source

MOTIONS_SHOWN = 5


@dataclass
class SplitCheck:
    """What was found of a split.

    Args:
        split: its name.
        missing: motions of its list that are not on disk.
        frames: readable frames of each motion category.
        skipped: frames that are not, and those that the reader's rules leave out.
    """

    split: str
    missing: list[str]
    frames: Counter[str] = field(default_factory=Counter)
    skipped: list[SkippedFrame] = field(default_factory=list)

    @property
    def readable(self) -> int:
        """Frames that can be read."""
        return sum(self.frames.values())

    @property
    def damaged(self) -> int:
        """Frames that cannot be read."""
        return sum(frame.frames for frame in self.skipped if frame.damaged)

    @property
    def left_out(self) -> int:
        """Frames that the reader's rules leave out."""
        return sum(frame.frames for frame in self.skipped if not frame.damaged)


@dataclass(frozen=True)
class CheckReport:
    """What `check` found, split by split."""

    splits: tuple[SplitCheck, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing or damaged."""
        return not any(split.missing or split.damaged for split in self.splits)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        content = {
            split.split: {
                "frames": split.readable,
                "damaged": split.damaged,
                "left_out": split.left_out,
                "categories": dict(split.frames),
                "missing_motions": split.missing,
                "skipped": [frame._asdict() for frame in split.skipped],
            }
            for split in self.splits
        }
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Print counts per split and category, and the first of what is wrong."""
        columns = [split.split for split in self.splits]
        table = Table("", *columns, box=box.SIMPLE_HEAD)
        for column in table.columns[1:]:
            column.justify = "right"
        for category in dict.fromkeys(name for split in self.splits for name in split.frames):
            table.add_row(category, *(str(split.frames[category]) for split in self.splits))
        table.add_section()
        table.add_row("readable frames", *(str(split.readable) for split in self.splits), style="bold")
        table.add_row("damaged frames", *(str(split.damaged) for split in self.splits))
        table.add_row("left out by the reader's rules", *(str(split.left_out) for split in self.splits))
        table.add_row("missing motions", *(str(len(split.missing)) for split in self.splits))
        console.print(table)
        for split in self.splits:
            lines = [f"{motion}: not on disk" for motion in split.missing]
            lines += [_line(frame) for frame in split.skipped if frame.damaged]
            for line in lines[:MOTIONS_SHOWN]:
                console.print(f"{split.split}: {line}", markup=False, soft_wrap=True)
            if len(lines) > MOTIONS_SHOWN:
                console.print(f"{split.split}: and {len(lines) - MOTIONS_SHOWN} more, all in the report")


def check(
    source: Source[Any], workers: int | None = None, console: Console | None = None, shard: Shard = WHOLE
) -> CheckReport:
    """Read all frames of a source, or of a shard of its pieces, and keep nothing but the count of them.

    Args:
        source: the data set.
        workers: processes that read; all processors by default, 0 for none but this one.
        console: where progress is shown; the standard output by default.
        shard: which pieces.

    Raises:
        EgotapError: if a worker dies.
        RuntimeError: if the source fails on a piece otherwise than by what is wrong with the files.
    """
    console = console or Console()
    count = usable_cpus() if workers is None else workers
    with Workers(partial(check_piece, source), count) as pool:
        return CheckReport(tuple(_check_split(source, split, pool, console, shard) for split in source.splits()))


def _check_split(
    source: Source[Any],
    split: str,
    pool: Workers[tuple[str, int, Piece], tuple[int, Counter[str], tuple[SkippedFrame, ...]]],
    console: Console,
    shard: Shard,
) -> SplitCheck:
    pieces = shard.of(source.plan(split))
    found = SplitCheck(split, list(source.missing(split)) if isinstance(source, FileSource) else [])
    skipped: dict[int, Sequence[SkippedFrame]] = {}
    tasks = [(split, number, piece) for number, piece in enumerate(pieces)]
    with FrameProgress(f"{split}, checking", sum(piece.frames for piece in pieces), console) as progress:
        for number, frames, some in pool.map_unordered(tasks):
            found.frames += frames
            if some:
                skipped[number] = some
            progress.advance(sum(frames.values()) + sum(frame.frames for frame in some))
    found.frames = Counter({name: found.frames[name] for name in source.categories if found.frames[name]})
    found.skipped = [frame for number in sorted(skipped) for frame in skipped[number]]
    return found


def check_piece(
    source: Source[Any], task: tuple[str, int, Piece]
) -> tuple[int, Counter[str], tuple[SkippedFrame, ...]]:
    """Number of the piece, its readable frames by category, and the others."""
    split, number, piece = task
    frames = read_piece(source, split, piece)
    return number, Counter(frames.category), frames.skipped


def _line(frame: SkippedFrame) -> str:
    where = f"{frame.motion}" if frame.frame_number < 0 else f"{frame.motion}, frame {frame.frame_number}"
    return f"{where}: {frame.reason}"
