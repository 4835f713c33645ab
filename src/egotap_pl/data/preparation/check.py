"""Reads a whole data set before it is prepared, and counts what is there, what is missing and what is damaged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from egotap_pl.core.atomic import atomic
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.preparation.parts import read_piece
from egotap_pl.data.preparation.shard import WHOLE, Shard
from egotap_pl.data.preparation.workers import Workers, usable_cpus
from egotap_pl.data.source import FileSource, Piece, SkippedFrame, Source
from egotap_pl.data.source_checks import plan_of


@dataclass
class SplitCheck:
    """The state of one split."""

    split: str
    """Name of the split."""

    missing: list[str]
    """Motions in its list that are not on disk."""

    frames: Counter[str] = field(default_factory=Counter)
    """Number of readable frames of each motion category."""

    skipped: list[SkippedFrame] = field(default_factory=list)
    """Frames that are damaged or that the reader's rules exclude."""

    @property
    def readable(self) -> int:
        """Number of frames that can be read."""
        return sum(self.frames.values())

    @property
    def damaged(self) -> int:
        """Number of frames that cannot be read."""
        return sum(frame.frames for frame in self.skipped if frame.damaged)

    @property
    def excluded(self) -> int:
        """Number of frames that the reader's rules exclude."""
        return sum(frame.frames for frame in self.skipped if not frame.damaged)


@dataclass(frozen=True)
class CheckReport:
    """What `check` found. `egotap_pl.cli.check_table.print_check` prints it."""

    splits: tuple[SplitCheck, ...]
    """The state of every split."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing or damaged."""
        return not any(split.missing or split.damaged for split in self.splits)

    def write(self, path: Path) -> None:
        """Writes the whole report as JSON."""
        content = {
            split.split: {
                "frames": split.readable,
                "damaged": split.damaged,
                "left_out": split.excluded,
                "categories": dict(split.frames),
                "missing_motions": split.missing,
                "skipped": [frame._asdict() for frame in split.skipped],
            }
            for split in self.splits
        }
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check(
    source: Source[Any], workers: int | None = None, console: Console | None = None, shard: Shard = WHOLE
) -> CheckReport:
    """Reads all frames of a source, or of a shard of its pieces, and counts them. No store is made.

    Args:
        source: the data set.
        workers: number of processes that read; all processors by default, 0 for this process alone.
        console: where progress is shown; the standard output by default.
        shard: the share of the pieces to read.

    Raises:
        EgotapError: if a worker dies, or the source gives something other than `Source` asks for.
        RuntimeError: if the source fails on a piece for any reason other than its files.
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
    pieces = shard.of(plan_of(source, split))
    missing = list(source.missing(split)) if isinstance(source, FileSource) else []
    readable: Counter[str] = Counter()
    skipped: dict[int, Sequence[SkippedFrame]] = {}
    tasks = [(split, number, piece) for number, piece in enumerate(pieces)]
    with FrameProgress(f"{split}, checking", sum(piece.frames for piece in pieces), console) as progress:
        for number, frames, skipped_here in pool.map_unordered(tasks):
            readable += frames
            if skipped_here:
                skipped[number] = skipped_here
            progress.advance(sum(frames.values()) + sum(frame.frames for frame in skipped_here))
    return SplitCheck(
        split,
        missing,
        Counter({name: readable[name] for name in source.categories if readable[name]}),
        [frame for number in sorted(skipped) for frame in skipped[number]],
    )


def check_piece(
    source: Source[Any], task: tuple[str, int, Piece]
) -> tuple[int, Counter[str], tuple[SkippedFrame, ...]]:
    """Reads a piece and counts its frames; the work of one task of `check`.

    Args:
        source: the data set.
        task: name of the split, number of the piece, and the piece.

    Returns:
        The number of the piece, its readable frames by category, and its skipped frames.
    """
    split, number, piece = task
    frames = read_piece(source, split, piece)
    return number, Counter(frames.category), frames.skipped
