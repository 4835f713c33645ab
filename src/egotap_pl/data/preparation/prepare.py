"""From a source to frame stores: in parallel, resumable, the same frames for any number of workers.

Every piece of the source becomes a file of its own, a part, in the folder ``parts``. A split's parts are then joined
into its store. A part gets its final name only when it is complete, and its folder is named after the fingerprint of
everything that determines its frames. Therefore an interrupted job continues where it was, and parts of other settings
are never used. Several jobs may share the pieces (`Shard`); the job that joins the parts makes those that are missing.

A damaged store is renamed, never deleted, and made again. Without ``overwrite``, only what opening it tells is noticed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from egotap_pl.core.atomic import SUFFIX
from egotap_pl.core.errors import Damaged, EgotapError
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.preparation.doubts import doubts, outdated
from egotap_pl.data.preparation.parts import REMEDY, Parts, header_of
from egotap_pl.data.preparation.reports import PrepareReport, SplitReport, skipped_path, write_skipped
from egotap_pl.data.preparation.shard import WHOLE, Shard, locked
from egotap_pl.data.preparation.workers import Workers, usable_cpus
from egotap_pl.data.source import FileSource, Piece, Source
from egotap_pl.data.source_checks import identity_of, plan_of
from egotap_pl.data.store.codec import Codec, PngCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import REMEDY as STORE_REMEDY
from egotap_pl.data.store.reader import FrameStore, data_fingerprint
from egotap_pl.data.store.schema import fingerprint_of
from egotap_pl.data.store.writer import write_store


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
    """Makes a frame store for every split of a source, unless the stores are already there.

    Args:
        source: the data set.
        folder: where the stores go. Jobs in the same folder wait for each other, unless they are different shards.
        codec: how images are stored; PNG by default.
        workers: number of processes that read or render; all processors by default, 0 for this process alone.
        overwrite: whether to replace stores of another source or codec, which are errors otherwise, and stores that
            lack damaged frames, which are used as they are otherwise. All frames of the other stores are checked.
        console: where progress is shown; the standard output by default.
        skip_damaged: whether to skip frames that cannot be read and motions that are not on disk, and to name them in
            a report (`skipped_path`). Otherwise the first of them is an error.
        shard: this job's share of the pieces. A job that is not the whole makes parts and no stores.

    Returns:
        What was done, split by split. The stores are at `store_path`.

    Raises:
        EgotapError: if the folder has stores of another source or codec, a frame cannot be read, a worker dies, a
            split has no frames, or the source gives something other than `Source` asks for.
        RuntimeError: if the source fails on a piece; the message names the piece.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> from egotap_pl.data.egosynth import EgoSynthSource
        >>> from egotap_pl.synth.motion import ProceduralMotions
        >>> from egotap_pl.synth.mount import glasses
        >>> counts = {"train": 2, "validation": 1, "test": 1}
        >>> source = EgoSynthSource(unrealego(), glasses(), [ProceduralMotions()], counts, counts, image_px=32)
        >>> report = prepare(source, "egosynth", workers=0, console=Console(quiet=True))
        >>> [(split.split, split.frames) for split in report.splits]
        [('train', 2), ('validation', 1), ('test', 1)]
        >>> FrameStore(store_path("egosynth", "train")).image_px
        32
    """
    folder, console = Path(folder).absolute(), console or Console()
    workers = usable_cpus() if workers is None else workers
    folder.mkdir(parents=True, exist_ok=True)
    with (
        locked(folder, shard, console),
        _Job(source, folder, codec or PngCodec(), workers, console, skip_damaged, shard) as job,
    ):
        for path in [path for split in job.parts.headers if (path := job.replaced(split, overwrite)) is not None]:
            path.unlink()
        reports = tuple(job.make(split) for split in job.parts.headers)
        if shard != WHOLE:
            return PrepareReport(folder, job.fingerprint, reports)
        shutil.rmtree(folder / "parts", ignore_errors=True)
        stores = [FrameStore(store_path(folder, split)) for split in job.parts.headers]
    return PrepareReport(folder, data_fingerprint(stores), reports)


class _Job:
    """The work of `prepare` in a locked folder."""

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
        self.fingerprint = fingerprint_of(identity_of(source), codec)
        headers = {split: header_of(source, split, codec) for split in source.splits()}
        self.parts = Parts(source, folder / "parts" / self.fingerprint[:16], headers, skip_damaged)
        self.workers = Workers(self.parts.write, workers)

    def __enter__(self) -> _Job:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.workers.__exit__(kind, error, at)

    def replaced(self, split: str, overwrite: bool) -> Path | None:
        """The split's store, if it is to be replaced. Asked of all splits before any store is deleted.

        Args:
            split: name of the split. If its store is damaged, it is renamed.
            overwrite: see `prepare`.

        Raises:
            EgotapError: if a motion is missing and such motions are not skipped, or the store is of other settings.
        """
        path = store_path(self.folder, split)
        if path.exists() and (fault := self._fault(path, thorough=overwrite)) is not None:
            self._set_aside(path, fault)
        is_replaced = overwrite and path.exists() and not self._is_current(path)
        if is_replaced or not path.exists():
            if (missing := self._missing(split)) and not self.parts.skip_damaged:
                raise EgotapError(
                    f"{split}: {len(missing)} motions of the list are not on disk, the first is {missing[0]}\n{REMEDY}"
                )
        elif (actual := FrameStore(path).fingerprint) != self.fingerprint:
            raise EgotapError(
                f"{path} was prepared from other settings (fingerprint {actual[:12]}, expected "
                f"{self.fingerprint[:12]}): prepare into another folder, or replace it with overwrite=true"
            )
        return path if is_replaced else None

    def make(self, split: str) -> SplitReport:
        """Makes the split's store, or this shard's parts of it, unless they are already there."""
        start, path, read = time.monotonic(), store_path(self.folder, split), 0
        doubtful: tuple[str, ...] = ()
        missing = self._missing(split)
        if is_new := not path.exists():
            pieces = self.shard.of(plan_of(self.source, split))
            read = self._write_parts(split, pieces)
            if self.shard != WHOLE:
                parts = [FrameStore(self.parts.path(split, piece)) for piece in pieces]
                frames, skipped = sum(map(len, parts)), sum(part.header.skipped for part in parts)
                return SplitReport(split, frames, skipped, len(missing), read, time.monotonic() - start)
            self._join(split, pieces, missing)
            shutil.rmtree(self.parts.folder / split)
        store = FrameStore(path)
        if is_new:
            paths = [store_path(self.folder, other) for other in self.parts.headers if other != split]
            doubtful = doubts(store, type(self.source).__name__, [FrameStore(path) for path in paths if path.exists()])
        elif self.shard == WHOLE:
            doubtful = outdated(store, self.source)
        seconds = time.monotonic() - start
        return SplitReport(split, len(store), store.header.skipped, len(missing), read, seconds, doubtful)

    def _write_parts(self, split: str, pieces: Sequence[Piece]) -> int:
        """Writes the parts that are missing and returns the number of frames read for them."""
        pending, read = self.parts.pending(split, pieces), 0
        total, remaining = (sum(piece.frames for piece in some) for some in (pieces, pending))
        name = split if self.shard == WHOLE else f"{split}, shard {self.shard}"
        with FrameProgress(name, total, self.console) as progress:
            progress.skip(total - remaining)
            for frames, skipped in self.workers.map_unordered([(split, piece) for piece in pending]):
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
            reason = f"; {skipped[0].reason}" if skipped else ""
            root = getattr(self.source, "root", None)
            place = "" if root is None else f" in {root}"
            raise EgotapError(
                f"split {split!r} has no frames: nothing of it could be read from the source{reason}\n"
                f"check what plan({split!r}) of {type(self.source).__name__} finds{place}"
            )
        for unfinished in self.folder.glob(f".*{SUFFIX}"):  # left by a killed job: no other job is in this folder now
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

    def _fault(self, path: Path, thorough: bool) -> str | None:
        """What is wrong with the file of a store; None if it is sound.

        Args:
            path: the file.
            thorough: whether to read all frames, and whether a file that is foreign or of a newer version counts, too.
        """
        try:
            store = FrameStore(path)
            if thorough and store.fingerprint == self.fingerprint:
                with FrameProgress(f"{store.split}, checking", len(store), self.console) as progress:
                    store.check(progress.advance)
        except EgotapError as error:
            if thorough or isinstance(error, Damaged):
                return str(error).removesuffix(f"; {STORE_REMEDY}")
        return None

    def _set_aside(self, path: Path, fault: str) -> None:
        """Rename a file, so that the store can be made again and nothing is lost."""
        number, aside = 1, path.with_name(f"{path.name}.damaged")
        while aside.exists():
            number += 1
            aside = path.with_name(f"{path.name}.damaged-{number}")
        path.rename(aside)
        text = f"{fault}: making it again; the file is now {aside}, delete it if you do not need it"
        self.console.print(text, markup=False, soft_wrap=True)

    def _is_current(self, path: Path) -> bool:
        """Whether a store has the configured settings and lacks no frame that was damaged when it was made."""
        store = FrameStore(path)
        return store.fingerprint == self.fingerprint and not any(frame.damaged for frame in store.skipped)
