"""From a data set's source to frame stores: parallel, resumable, the same frames whatever the number of workers.

Every piece of the source becomes a file of its own, a part, in the folder ``parts``; a split's parts are then joined
into its store. A part appears under its name only when it is whole, and its folder is named by the fingerprint of what
determines its frames: an interrupted job goes on where it was, and parts of other settings are never taken.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.atomic import SUFFIX
from egotap_pl.data.codec import Codec, PngCodec
from egotap_pl.data.progress import FrameProgress
from egotap_pl.data.schema import StoreHeader, fingerprint_of
from egotap_pl.data.source import Frames, Piece, Source
from egotap_pl.data.store import FrameStore
from egotap_pl.data.store_writer import write_store
from egotap_pl.data.workers import Workers, usable_cpus

__all__ = ["Frames", "Piece", "PrepareReport", "Source", "SplitReport", "prepare", "store_path"]


@dataclass(frozen=True)
class SplitReport:
    """What was done for a split.

    Args:
        split: its name.
        frames: frames in its store.
        skipped: frames that could not be read.
        read: frames read or rendered by this job; the others were there.
        seconds: time that this job spent on it.
    """

    split: str
    frames: int
    skipped: int
    read: int
    seconds: float


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did: the folder of the stores, their fingerprint, and a report for every split."""

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


def prepare(
    source: Source,
    folder: Path | str,
    codec: Codec | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    console: Console | None = None,
) -> PrepareReport:
    """Make a frame store for every split of a source, or find those that are there.

    Args:
        source: the data set.
        folder: where the stores go; jobs on the same folder wait for each other.
        codec: how images are stored; PNG by default.
        workers: processes that read or render; all processors by default, 0 for none but this one.
        overwrite: replace stores of another source or codec, and damaged ones, instead of refusing.
        console: where progress is shown; the standard output by default.

    Raises:
        EgotapError: if the folder holds stores of another source or codec, a worker dies, or a split has no frames.
        RuntimeError: if the source fails on a piece; the message names it.
    """
    folder, console = Path(folder).absolute(), console or Console()
    workers = usable_cpus() if workers is None else workers
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, console), _Job(source, folder, codec or PngCodec(), workers, console) as job:
        for split in job.headers:
            job.clear(split, overwrite)
        reports = tuple(job.make(split) for split in job.headers)
        shutil.rmtree(folder / "parts", ignore_errors=True)
    return PrepareReport(folder, job.fingerprint, reports)


class _Job:
    """The work of `prepare` on a folder that is locked."""

    def __init__(self, source: Source, folder: Path, codec: Codec, workers: int, console: Console) -> None:
        self.source, self.folder, self.console = source, folder, console
        self.fingerprint = fingerprint_of(source.identity(), codec)
        self.parts = folder / "parts" / self.fingerprint[:16]
        self.headers = {split: header_of(source, split, codec) for split in source.splits()}
        self.workers = Workers(partial(write_part, source, self.headers, self.parts), workers)

    def __enter__(self) -> _Job:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.workers.__exit__(kind, error, at)

    def clear(self, split: str, overwrite: bool) -> None:
        """Make sure that the split's store is the one wanted or is not there, before any work is done."""
        path = store_path(self.folder, split)
        if overwrite and path.exists() and not self._is_ours(path):
            path.unlink()
        if path.exists() and (found := FrameStore(path).fingerprint) != self.fingerprint:
            raise EgotapError(
                f"{path} was prepared from other settings (fingerprint {found[:12]}, wanted "
                f"{self.fingerprint[:12]}): prepare into another folder, or replace it with overwrite=true"
            )

    def make(self, split: str) -> SplitReport:
        """Make the split's store unless it is there."""
        start, path, read = time.monotonic(), store_path(self.folder, split), 0
        if not path.exists():
            pieces = self.source.plan(split)
            if len({piece.key for piece in pieces}) != len(pieces):
                raise ValueError(f"the plan of split {split!r} uses a key twice")
            read = self._write_parts(split, pieces)
            self._join(split, pieces)
            shutil.rmtree(self.parts / split)
        store = FrameStore(path)
        return SplitReport(split, len(store), store.header.skipped, read, time.monotonic() - start)

    def _write_parts(self, split: str, pieces: Sequence[Piece]) -> int:
        """Write the parts that are missing; the number of frames read."""
        (self.parts / split).mkdir(parents=True, exist_ok=True)
        for unfinished in (self.parts / split).glob(f".*{SUFFIX}"):
            unfinished.unlink()
        missing = [piece for piece in pieces if not self._is_ours(part_path(self.parts, split, piece))]
        expected, todo = (sum(piece.frames for piece in some) for some in (pieces, missing))
        with FrameProgress(split, expected, self.console) as progress:
            progress.skip(expected - todo)
            for frames in self.workers.map_unordered([(split, piece) for piece in missing]):
                progress.advance(frames)
            return progress.done

    def _join(self, split: str, pieces: Sequence[Piece]) -> None:
        parts = [part_path(self.parts, split, piece) for piece in pieces]
        frames = sum(len(FrameStore(part)) for part in parts)
        if not frames:
            raise EgotapError(f"split {split!r} has no frames: nothing of it could be read from the source")
        with write_store(store_path(self.folder, split), self.headers[split], frames) as writer:
            for part in parts:
                writer.append_store(FrameStore(part))

    def _is_ours(self, path: Path) -> bool:
        try:
            return FrameStore(path).fingerprint == self.fingerprint
        except EgotapError:
            return False


def header_of(source: Source, split: str, codec: Codec) -> StoreHeader:
    """What the store of a split will say about its frames."""
    return StoreHeader(
        split=split,
        skeleton=source.skeleton,
        rig=source.rig,
        image_px=source.image_px,
        categories=tuple(source.categories),
        codec=codec,
        source=source.identity(),
        package_version=version("egotap-pl"),
    )


def part_path(parts: Path, split: str, piece: Piece) -> Path:
    """File of a piece: a source's keys may hold characters that a file's name may not."""
    return parts / split / f"{hashlib.sha256(piece.key.encode()).hexdigest()[:32]}.h5"


def write_part(source: Source, headers: Mapping[str, StoreHeader], parts: Path, task: tuple[str, Piece]) -> int:
    """Read a piece of a split and write its part; the number of frames.

    Raises:
        EgotapError, RuntimeError: what the source raised, with the piece's name before it.
    """
    split, piece = task
    try:
        frames = source.read(piece)
        with write_store(part_path(parts, split, piece), headers[split], len(frames.images)) as writer:
            writer.append(frames)
    except EgotapError as error:
        raise EgotapError(f"{split}, {piece.key}: {error}") from error
    except Exception as error:
        raise RuntimeError(f"{split}, {piece.key}: {type(error).__name__}: {error}") from error
    return len(frames.images)


@contextmanager
def _locked(folder: Path, console: Console) -> Iterator[None]:
    """Lock a folder, with a word to the user if another job has it."""
    lock = FileLock(folder / ".prepare.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.print(f"another job is preparing {folder}; waiting for it to end")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
