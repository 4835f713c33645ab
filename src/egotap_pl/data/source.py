"""What a data set has to offer to be prepared into a frame store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.plain_json import parse_json, typed
from egotap_pl.core.skeleton import Skeleton

T = TypeVar("T")


class SkippedFrame(NamedTuple):
    """A frame that a source has and does not give.

    Fields:
        motion: name of its motion, as in `Frames`.
        frame_number: its number within the motion; -1 where a whole piece is meant.
        file: the file at fault, relative to the data set's root; empty if no one file is.
        reason: why, in words for the user.
        damaged: whether something is wrong with the file (``on_error`` decides what then happens), rather than that a
            rule of the reader, which is part of its identity, leaves the frame out.
        frames: how many frames this stands for.
    """

    motion: str
    frame_number: int
    file: str
    reason: str
    damaged: bool = True
    frames: int = 1

    def to_json(self) -> str:
        """A line of a report."""
        return json.dumps(self._asdict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> SkippedFrame:
        """Read back what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        content = parse_json(text)
        kinds = {"motion": str, "frame_number": int, "file": str, "reason": str, "damaged": bool, "frames": int}
        return cls(**{key: typed(content, key, kind) for key, kind in kinds.items()})


class Frame(NamedTuple):
    """A single frame: the fields are those of `Frames`, without the first axis."""

    images: UInt8[np.ndarray, "v 3 h w"]
    points2d_px: Float32[np.ndarray, "v j 2"]
    pose_cm: Float32[np.ndarray, "j 3"]
    origin_cm: Float32[np.ndarray, "v 3"]
    visibility: UInt8[np.ndarray, "v j"]
    category: str
    subject: str
    motion: str
    frame_number: int


class Frames(NamedTuple):
    """Consecutive frames that a source read or rendered; n is the number of frames.

    Fields:
        images: RGB, of `Source.image_px` pixels a side.
        points2d_px: (u, v) of every joint in each view, px of the 1024 x 1024 frame.
        pose_cm: every joint of the skeleton, in the left camera's axes, relative to the data set's origin.
        origin_cm: that origin in each camera's own frame (zeros where poses are camera-relative).
        visibility: a `egotap_pl.core.batch.Visibility` per view and joint.
        category: name of each frame's motion category, one of `Source.categories`.
        subject: name of the person in each frame.
        motion: name of the motion that each frame belongs to, unique within the data set.
        frame_number: number of each frame within its motion, in the data set's own counting.
        skipped: frames of the piece that are not here, and why.
        fit_residual_px: where 2D points and origin were recovered by a fit, its root mean square residual.
    """

    images: UInt8[np.ndarray, "n v 3 h w"]
    points2d_px: Float32[np.ndarray, "n v j 2"]
    pose_cm: Float32[np.ndarray, "n j 3"]
    origin_cm: Float32[np.ndarray, "n v 3"]
    visibility: UInt8[np.ndarray, "n v j"]
    category: Sequence[str]
    subject: Sequence[str]
    motion: Sequence[str]
    frame_number: Int64[np.ndarray, "n"]
    skipped: tuple[SkippedFrame, ...] = ()
    fit_residual_px: Float32[np.ndarray, "n"] | None = None


class FrameName(NamedTuple):
    """Which frame, and from which file (relative to the data set's root): see `SkippedFrame`."""

    motion: str
    frame_number: int
    file: str


def read_each(frames: Iterable[tuple[FrameName, Callable[[], T]]]) -> tuple[list[T], tuple[SkippedFrame, ...]]:
    """Call one reader after the other; those that raise `EgotapError` are left out, with their message as the reason.

    A source of files reads a piece so and never mind what ``on_error`` is: whether a damaged frame stops the
    preparation is decided by who called `Source.read`.
    """
    good, skipped = [], []
    for name, read in frames:
        try:
            good.append(read())
        except EgotapError as error:
            skipped.append(SkippedFrame(*name, reason=str(error)))
    return good, tuple(skipped)


def stack(source: Source[Any], frames: Sequence[Frame], skipped: tuple[SkippedFrame, ...] = ()) -> Frames:
    """Single frames as one block; there may be none."""
    px, joints = source.image_px, source.skeleton.num_joints

    def column(name: str, dtype: type[np.generic], *shape: int) -> np.ndarray:
        values = [getattr(frame, name) for frame in frames]
        return np.stack(values).astype(dtype, copy=False) if values else np.empty((0, *shape), dtype)

    return Frames(
        images=column("images", np.uint8, 2, 3, px, px),
        points2d_px=column("points2d_px", np.float32, 2, joints, 2),
        pose_cm=column("pose_cm", np.float32, joints, 3),
        origin_cm=column("origin_cm", np.float32, 2, 3),
        visibility=column("visibility", np.uint8, 2, joints),
        category=[frame.category for frame in frames],
        subject=[frame.subject for frame in frames],
        motion=[frame.motion for frame in frames],
        frame_number=column("frame_number", np.int64),
        skipped=skipped,
    )


@runtime_checkable
class Piece(Protocol):
    """Frames that one worker reads at once. Picklable; a few dozen to a few hundred frames, which fit in memory."""

    @property
    def key(self) -> str:
        """Names the piece within its split: the same in every run of the same source, and used once."""
        ...

    @property
    def frames(self) -> int:
        """Frames to expect, for the progress bar."""
        ...


PieceT = TypeVar("PieceT", bound=Piece)


@runtime_checkable
class Source(Protocol[PieceT]):
    """A data set before preparation: files or a renderer. It must be picklable: every worker process gets a copy."""

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of its poses."""
        ...

    @property
    def rig(self) -> StereoRig:
        """The cameras that saw it."""
        ...

    @property
    def image_px(self) -> int:
        """Height and width of the images that `read` gives."""
        ...

    @property
    def categories(self) -> Sequence[str]:
        """All motion categories, in the order in which stores number them."""
        ...

    def identity(self) -> dict[str, Any]:
        """What determines the frames, and nothing else, as JSON: settings, seed, version of the reader or renderer.

        Two sources with equal identities give equal frames; paths and times are not part of it.
        """
        ...

    def splits(self) -> Sequence[str]:
        """Names of its splits: ``train``, ``validation``, ``test``."""
        ...

    def plan(self, split: str) -> Sequence[PieceT]:
        """The pieces of a split, in the order in which their frames stand in the store."""
        ...

    def read(self, piece: PieceT) -> Frames:
        """Read or render a piece. The result depends on the source's identity and on the piece alone.

        Frames that cannot be read are left out and named in `Frames.skipped` (see `read_each`).

        Raises:
            EgotapError: if nothing of the piece can be read, e.g. a file that tells of all its frames is damaged.
        """
        ...


@runtime_checkable
class FileSource(Source[PieceT], Protocol[PieceT]):
    """A source of files, of which a user may have a part only.

    `plan` gives what is there; so what is there is a part of `identity`: a digest of the motions that are planned.
    """

    def missing(self, split: str) -> Sequence[str]:
        """Names of the motions that the split's list has and the disk has not; ``on_error`` decides about them too."""
        ...
