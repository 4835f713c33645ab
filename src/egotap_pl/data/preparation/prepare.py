"""From a data set's source to frame stores: parallel, resumable, the same frames whatever the number of workers.

Every piece of the source becomes a file of its own, a part, in the folder ``parts``; a split's parts are then joined
into its store. A part appears under its name only when it is whole, and its folder is named by the fingerprint of what
determines its frames: an interrupted job goes on where it was, and parts of other settings are never taken. Several
jobs may share the pieces (`Shard`); the one that joins makes what they left.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from egotap_pl.core.atomic import SUFFIX, atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.preparation.parts import REMEDY, Parts, header_of
from egotap_pl.data.preparation.shard import WHOLE, Shard, locked
from egotap_pl.data.preparation.workers import Workers, usable_cpus
from egotap_pl.data.source import FileSource, Frames, Piece, SkippedFrame, Source
from egotap_pl.data.store.codec import Codec, PngCodec
from egotap_pl.data.store.reader import FrameStore, data_fingerprint
from egotap_pl.data.store.schema import fingerprint_of
from egotap_pl.data.store.writer import write_store

__all__ = ["Frames", "Piece", "PrepareReport", "Shard", "Source", "SplitReport", "prepare", "store_path"]


@dataclass(frozen=True)
class SplitReport:
    """What was done for a split.

    Args:
        split: its name.
        frames: frames in its store, or in the parts of a shard.
        skipped: frames that were left out.
        missing: motions of its list that are not on disk.
        read: frames read or rendered by this job; the others were there.
        seconds: time that this job spent on it.
    """

    split: str
    frames: int
    skipped: int
    missing: int
    read: int
    seconds: float


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did: the folder of the stores, the data set's fingerprint, and a report for every split.

    The fingerprint is the stores' own; if frames were left out for damage, these determine it, too.
    """

    folder: Path
    fingerprint: str
    splits: tuple[SplitReport, ...]

    @property
    def frames_per_second(self) -> float:
        """Speed of this job, writing included; 0 if everything was there."""
        seconds = sum(split.seconds for split in self.splits if split.read)
        return sum(split.read for split in self.splits) / seconds if seconds else 0.0


def store_path(folder: Path | str, split: str) -> Path:
    """The file of a split in a prepared folder."""
    return Path(folder) / f"{split}.h5"


def skipped_path(folder: Path | str, split: str) -> Path:
    """The report, one JSON object a line, on the frames of a split that were left out and the motions missing."""
    return Path(folder) / f"skipped-{split}.jsonl"


def prepare(
    source: Source[Any],
    folder: Path | str,
    codec: Codec | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    console: Console | None = None,
    skip_damaged: bool = False,
    shard: Shard = WHOLE,
) -> PrepareReport:
    """Make a frame store for every split of a source, or find those that are there.

    Args:
        source: the data set.
        folder: where the stores go; jobs on the same folder wait for each other, unless they are different shards.
        codec: how images are stored; PNG by default.
        workers: processes that read or render; all processors by default, 0 for none but this one.
        overwrite: replace stores of another source or codec, damaged ones, and those from which damaged frames were
            left out, instead of refusing the former and keeping the latter.
        console: where progress is shown; the standard output by default.
        skip_damaged: leave out, and name in a report (`skipped_path`), frames that cannot be read and motions that are
            not on disk, instead of stopping at the first.
        shard: makes the parts of some pieces only, and no stores.

    Raises:
        EgotapError: if the folder holds stores of another source or codec, a frame cannot be read, a worker dies, or a
            split has no frames.
        RuntimeError: if the source fails on a piece; the message names it.
    """
    folder, console = Path(folder).absolute(), console or Console()
    workers = usable_cpus() if workers is None else workers
    folder.mkdir(parents=True, exist_ok=True)
    with (
        locked(folder, shard, console),
        _Job(source, folder, codec or PngCodec(), workers, console, skip_damaged, shard) as job,
    ):
        for split in job.parts.headers:
            job.clear(split, overwrite)
        reports = tuple(job.make(split) for split in job.parts.headers)
        if shard != WHOLE:
            return PrepareReport(folder, job.fingerprint, reports)
        shutil.rmtree(folder / "parts", ignore_errors=True)
        stores = [FrameStore(store_path(folder, split)) for split in job.parts.headers]
    return PrepareReport(folder, data_fingerprint(stores), reports)


class _Job:
    """The work of `prepare` on a folder that is locked."""

    def __init__(
        self,
        source: Source[Any],
        folder: Path,
        codec: Codec,
        workers: int,
        console: Console,
        skip_damaged: bool,
        shard: Shard,
    ) -> None:
        self.source, self.folder, self.console, self.shard = source, folder, console, shard
        self.fingerprint = fingerprint_of(source.identity(), codec)
        headers = {split: header_of(source, split, codec) for split in source.splits()}
        self.parts = Parts(source, folder / "parts" / self.fingerprint[:16], headers, skip_damaged)
        self.workers = Workers(self.parts.write, workers)

    def __enter__(self) -> _Job:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.workers.__exit__(kind, error, at)

    def clear(self, split: str, overwrite: bool) -> None:
        """Make sure that the split's store is the one wanted or is not there, before any work is done."""
        path = store_path(self.folder, split)
        if overwrite and path.exists() and not self._is_good(path):
            path.unlink(missing_ok=True)
        if not path.exists():
            if (missing := self._missing(split)) and not self.parts.skip_damaged:
                raise EgotapError(
                    f"{split}: {len(missing)} motions of the list are not on disk, the first is {missing[0]}\n{REMEDY}"
                )
        elif (found := FrameStore(path).fingerprint) != self.fingerprint:
            raise EgotapError(
                f"{path} was prepared from other settings (fingerprint {found[:12]}, wanted "
                f"{self.fingerprint[:12]}): prepare into another folder, or replace it with overwrite=true"
            )

    def make(self, split: str) -> SplitReport:
        """Make the split's store, or a shard of its parts, unless it is there."""
        start, path, read = time.monotonic(), store_path(self.folder, split), 0
        missing = self._missing(split)
        if not path.exists():
            pieces = self.source.plan(split)
            if len({piece.key for piece in pieces}) != len(pieces):
                raise ValueError(f"the plan of split {split!r} uses a key twice")
            pieces = self.shard.of(pieces)
            read = self._write_parts(split, pieces)
            if self.shard != WHOLE:
                made = [FrameStore(self.parts.path(split, piece)) for piece in pieces]
                frames, skipped = sum(map(len, made)), sum(part.header.skipped for part in made)
                return SplitReport(split, frames, skipped, len(missing), read, time.monotonic() - start)
            self._join(split, pieces, missing)
            shutil.rmtree(self.parts.folder / split)
        store = FrameStore(path)
        return SplitReport(split, len(store), store.header.skipped, len(missing), read, time.monotonic() - start)

    def _write_parts(self, split: str, pieces: Sequence[Piece]) -> int:
        """Write the parts that are missing; the number of frames read."""
        todo, read = self.parts.missing(split, pieces), 0
        expected, left = (sum(piece.frames for piece in some) for some in (pieces, todo))
        name = split if self.shard == WHOLE else f"{split}, shard {self.shard}"
        with FrameProgress(name, expected, self.console) as progress:
            progress.skip(expected - left)
            for frames, skipped in self.workers.map_unordered([(split, piece) for piece in todo]):
                read += frames
                progress.advance(frames + skipped)
        return read

    def _join(self, split: str, pieces: Sequence[Piece], missing: Sequence[str]) -> None:
        paths = [self.parts.path(split, piece) for piece in pieces]
        frames, skipped = 0, []
        for path in paths:
            part = FrameStore(path)
            frames += len(part)
            skipped += part.skipped
        if not frames:
            why = f"; {skipped[0].reason}" if skipped else ""
            raise EgotapError(f"split {split!r} has no frames: nothing of it could be read from the source{why}")
        for unfinished in self.folder.glob(f".*{SUFFIX}"):  # of a job that was killed: this one is alone here
            unfinished.unlink()
        write_skipped(skipped_path(self.folder, split), skipped, missing)
        with (
            FrameProgress(f"{split}, joining", frames, self.console) as progress,
            write_store(store_path(self.folder, split), self.parts.headers[split], frames) as writer,
        ):
            for path in paths:
                part = FrameStore(path)
                writer.append_store(part)
                progress.advance(len(part))

    def _missing(self, split: str) -> Sequence[str]:
        return self.source.missing(split) if isinstance(self.source, FileSource) else ()

    def _is_good(self, path: Path) -> bool:
        try:
            store = FrameStore(path)
            return store.fingerprint == self.fingerprint and not any(frame.damaged for frame in store.skipped)
        except EgotapError:
            return False


def write_skipped(path: Path, skipped: Sequence[SkippedFrame], missing: Sequence[str]) -> None:
    """Write the report on what a split lacks; without anything to report, there is none."""
    if not skipped and not missing:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for motion in missing:
            file.write(json.dumps({"motion": motion, "reason": "not on disk"}) + "\n")
        for frame in skipped:
            file.write(frame.to_json() + "\n")
