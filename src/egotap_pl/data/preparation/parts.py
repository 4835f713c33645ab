"""Parts: small stores, one file each, that worker processes write of a source's pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import egotap_pl
from egotap_pl.core.atomic import SUFFIX
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.doubts import with_known_joints
from egotap_pl.data.source import Frames, Piece, SkippedFrame, Source, stack
from egotap_pl.data.source_checks import identity_of
from egotap_pl.data.store.codec import Codec
from egotap_pl.data.store.fitting import check_frames
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.schema import StoreHeader
from egotap_pl.data.store.writer import write_store

REMEDY = "on_error=skip skips what is damaged or missing, check=true lists all of it"


@dataclass(frozen=True)
class Parts:
    """Writes and finds the parts of a preparation. Picklable: every worker process gets a copy, with the source."""

    source: Source[Any]
    """The data set."""

    folder: Path
    """Folder of the parts, with a folder for every split."""

    headers: Mapping[str, StoreHeader]
    """The header of every split's store."""

    skip_damaged: bool
    """Whether frames that cannot be read are skipped; otherwise the first of them is an error."""

    def path(self, split: str, piece: Piece) -> Path:
        """The file of a piece. Its name is a hash, because keys may contain characters that file names may not."""
        return self.folder / split / f"{hashlib.sha256(piece.key.encode()).hexdigest()[:32]}.h5"

    def write(self, task: tuple[str, Piece]) -> tuple[int, int]:
        """Reads a piece and writes its part.

        Args:
            task: the name of the split and the piece.

        Returns:
            The number of frames in the part and the number of skipped frames.

        Raises:
            EgotapError: if a frame is damaged and damaged frames are not skipped, or the source returns wrong frames.
            RuntimeError: if the source or the writer fails in any other way; the message names the piece.
        """
        split, piece = task
        frames = read_piece(self.source, split, piece)
        damaged = [frame for frame in frames.skipped if frame.damaged]
        if damaged and not self.skip_damaged:
            raise EgotapError(f"{split}, {piece.key}: {damaged[0].reason}\n{REMEDY}")
        path, header = self.path(split, piece), self.headers[split]
        with naming(split, piece), write_store(path, header, len(frames.images), durable=False) as part:
            part.append(frames)
        return len(frames.images), sum(frame.frames for frame in frames.skipped)

    def pending(self, split: str, pieces: Sequence[Piece]) -> list[Piece]:
        """The pieces whose parts have yet to be written. Removes what killed jobs left of these."""
        folder = self.folder / split
        folder.mkdir(parents=True, exist_ok=True)
        unfinished: dict[str, list[Path]] = {}
        for path in folder.glob(f".*{SUFFIX}"):
            unfinished.setdefault(path.name.split(".")[1], []).append(path)
        for piece in pieces:  # only of these: other shards may be working in the same folder
            for path in unfinished.get(self.path(split, piece).stem, []):
                path.unlink()
        return [piece for piece in pieces if not self._is_done(split, piece)]

    def _is_done(self, split: str, piece: Piece) -> bool:
        try:
            part = FrameStore(self.path(split, piece))
        except EgotapError:
            return False
        if part.fingerprint != self.headers[split].fingerprint:
            return False
        return self.skip_damaged or not any(frame.damaged for frame in part.skipped)


@contextmanager
def naming(split: str, piece: Piece) -> Iterator[None]:
    """Puts the names of the split and the piece before the messages of errors; `EgotapError` stays what it is.

    Raises:
        EgotapError: if the block raised one.
        OSError: if a disk fails.
        RuntimeError: if the block raised any other exception.
    """
    try:
        yield
    except EgotapError as error:
        raise EgotapError(f"{split}, {piece.key}: {error}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # a disk, whose error names the file
            raise
        raise RuntimeError(f"{split}, {piece.key}: {type(error).__name__}: {error}") from error


def read_piece(source: Source[Any], split: str, piece: Piece) -> Frames:
    """Reads a piece. If nothing of it can be read, the whole piece is skipped like a frame.

    Frames without any known joint are skipped, too.

    Args:
        source: the data set.
        split: name of the piece's split, for messages.
        piece: the piece.

    Raises:
        EgotapError: if the source returns something other than `Frames` that fit it.
        RuntimeError: if the source raises anything but `EgotapError`, which is a defect of the source.
    """
    with naming(split, piece):
        try:
            frames: Frames = source.read(piece)
        except EgotapError as error:
            return stack(source, [], (SkippedFrame(piece.key, -1, "", str(error), frames=piece.frames),))
        _check_returned(source, frames)
        return with_known_joints(frames, source.skeleton.estimated)


def _check_returned(source: Source[Any], frames: Any) -> None:
    """Refuses what a source's `read` returned, unless it is `Frames` that fit the source."""
    read = f"{type(source).__name__}.read()"
    if not isinstance(frames, Frames):
        raise EgotapError(f"{read} returned a value of type {type(frames).__name__}: it must return Frames")
    try:
        check_frames(frames, source.image_px, source.skeleton.num_joints, source.categories)
    except EgotapError as error:
        raise EgotapError(f"{read} returned wrong frames; {error}") from error


def header_of(source: Source[Any], split: str, codec: Codec) -> StoreHeader:
    """The header of a split's store.

    Args:
        source: the data set.
        split: name of the split.
        codec: how images are stored.
    """
    return StoreHeader(
        split=split,
        skeleton=source.skeleton,
        rig=source.rig,
        image_px=source.image_px,
        categories=tuple(source.categories),
        codec=codec,
        source=identity_of(source),
        package_version=egotap_pl.__version__,
    )
