"""Parts: what worker processes make of the pieces of a source, each a small store in a file of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from egotap_pl.core.atomic import SUFFIX
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.source import Frames, Piece, SkippedFrame, Source, stack
from egotap_pl.data.store.codec import Codec
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.schema import StoreHeader
from egotap_pl.data.store.writer import write_store

REMEDY = "on_error=skip leaves out what is damaged or missing, check=true lists all of it"


@dataclass(frozen=True)
class Parts:
    """Writes and finds parts. Picklable: every worker process gets a copy, with the source.

    Args:
        source: the data set.
        folder: where its parts go, a folder for every split.
        headers: what the split's store will say.
        skip_damaged: leave out frames that cannot be read, rather than stop.
    """

    source: Source[Any]
    folder: Path
    headers: Mapping[str, StoreHeader]
    skip_damaged: bool

    def path(self, split: str, piece: Piece) -> Path:
        """File of a piece: a source's keys may hold characters that a file's name may not."""
        return self.folder / split / f"{hashlib.sha256(piece.key.encode()).hexdigest()[:32]}.h5"

    def write(self, task: tuple[str, Piece]) -> tuple[int, int]:
        """Read a piece of a split and write its part; the numbers of frames in it and left out.

        Raises:
            EgotapError, RuntimeError: what the source raised, with the piece's name before it.
        """
        split, piece = task
        frames = read_piece(self.source, split, piece)
        damaged = [frame for frame in frames.skipped if frame.damaged]
        if damaged and not self.skip_damaged:
            raise EgotapError(f"{split}, {piece.key}: {damaged[0].reason}\n{REMEDY}")
        path, header = self.path(split, piece), self.headers[split]
        with named(split, piece), write_store(path, header, len(frames.images), durable=False) as part:
            part.append(frames)
        return len(frames.images), sum(frame.frames for frame in frames.skipped)

    def missing(self, split: str, pieces: Sequence[Piece]) -> list[Piece]:
        """Those whose parts have still to be written; leftovers of killed jobs are removed."""
        folder = self.folder / split
        folder.mkdir(parents=True, exist_ok=True)
        unfinished: dict[str, list[Path]] = {}
        for path in folder.glob(f".*{SUFFIX}"):
            unfinished.setdefault(path.name.split(".")[1], []).append(path)
        for piece in pieces:  # of these alone: other shards may be at work in the same folder
            for path in unfinished.get(self.path(split, piece).stem, []):
                path.unlink()
        return [piece for piece in pieces if not self._is_done(split, piece)]

    def _is_done(self, split: str, piece: Piece) -> bool:
        try:
            part = FrameStore(self.path(split, piece))
        except EgotapError:
            return False
        ours = part.fingerprint == self.headers[split].fingerprint
        return ours and (self.skip_damaged or not any(frame.damaged for frame in part.skipped))


@contextmanager
def named(split: str, piece: Piece) -> Iterator[None]:
    """Puts the piece's name before what goes wrong with it."""
    try:
        yield
    except EgotapError as error:
        raise EgotapError(f"{split}, {piece.key}: {error}") from error
    except Exception as error:
        raise RuntimeError(f"{split}, {piece.key}: {type(error).__name__}: {error}") from error


def read_piece(source: Source[Any], split: str, piece: Piece) -> Frames:
    """A piece's frames; one of which nothing can be read is left out like a frame.

    Raises:
        RuntimeError: what the source raised otherwise, a defect of it, with the piece's name before it.
    """
    with named(split, piece):
        try:
            frames: Frames = source.read(piece)
        except EgotapError as error:
            return stack(source, [], (SkippedFrame(piece.key, -1, "", str(error), frames=piece.frames),))
    return frames


def header_of(source: Source[Any], split: str, codec: Codec) -> StoreHeader:
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
