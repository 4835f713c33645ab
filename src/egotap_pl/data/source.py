"""The protocol of data sets: what a source must offer so that it can be prepared into frame stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.plain_json import parse_json, typed
from egotap_pl.core.skeleton import Skeleton

T = TypeVar("T")

SPLITS = ("train", "validation", "test")
"""Names of the splits that a data set may have, in the order in which they are prepared."""


class SkippedFrame(NamedTuple):
    """A frame that a source has but does not return."""

    motion: str
    """Name of its motion, as in `Frames`; the piece's key where a whole piece is skipped."""

    frame_number: int
    """Its number within the motion; -1 where a whole piece is skipped."""

    file: str
    """The file at fault, relative to the data set's root; empty if it is not a single file."""

    reason: str
    """Why it is skipped, in words for the user."""

    damaged: bool = True
    """True if something is wrong with the file, so that ``on_error`` decides what happens. False if the file is sound
    and a rule of the reader, which is part of its identity, skips the frame."""

    frames: int = 1
    """How many frames this entry stands for."""

    def to_json(self) -> str:
        """The entry as one line of a report."""
        return json.dumps(self._asdict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> SkippedFrame:
        """Reads a line that `to_json` wrote.

        Raises:
            ValueError: if the text is anything else.
        """
        content = parse_json(text)
        kinds = {"motion": str, "frame_number": int, "file": str, "reason": str, "damaged": bool, "frames": int}
        return cls(**{key: typed(content, key, kind) for key, kind in kinds.items()})


class Frame(NamedTuple):
    """A single frame. Its fields are those of `Frames`, without the first axis."""

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
    """Consecutive frames that a source read or rendered; n is the number of frames."""

    images: UInt8[np.ndarray, "n v 3 h w"]
    """RGB images with sides of `Source.image_px`."""

    points2d_px: Float32[np.ndarray, "n v j 2"]
    """(u, v) of every joint in each view, px of the 1024 x 1024 frame; NaN where it is not known. A view that is known
    not to show the joint says so in `visibility`."""

    pose_cm: Float32[np.ndarray, "n j 3"]
    """Every joint of the skeleton, in the left camera's axes, relative to the data set's origin; NaN where it is not
    known. Frames without any known joint are not stored."""

    origin_cm: Float32[np.ndarray, "n v 3"]
    """That origin in each camera's own frame; zeros where poses are camera-relative."""

    visibility: UInt8[np.ndarray, "n v j"]
    """An `egotap_pl.core.batch.Visibility` for each view and joint."""

    category: Sequence[str]
    """Motion category of each frame, one of `Source.categories`."""

    subject: Sequence[str]
    """Name of the person in each frame."""

    motion: Sequence[str]
    """Name of the motion that each frame belongs to, unique within the data set."""

    frame_number: Int64[np.ndarray, "n"]
    """Number of each frame within its motion, in the data set's own counting."""

    skipped: tuple[SkippedFrame, ...] = ()
    """Frames of the piece that are missing here, with the reasons."""

    fit_residual_px: Float32[np.ndarray, "n"] | None = None
    """Root mean square residual of each frame's fit, where 2D points and origin were recovered by a fit."""


class FrameName(NamedTuple):
    """The name of a frame and its file, as in `SkippedFrame`."""

    motion: str
    frame_number: int
    file: str


@runtime_checkable
class Concerned(Protocol):
    """A source that may have something to say before its frames are prepared."""

    def concerns(self) -> Sequence[str]:
        """Warnings for the user; none if nothing is odd."""
        ...


def read_each(frames: Iterable[tuple[FrameName, Callable[[], T]]]) -> tuple[list[T], tuple[SkippedFrame, ...]]:
    """Calls each frame's reader in turn. A reader that raises `EgotapError` makes its frame a skipped one.

    Sources of files read their pieces with this function, whatever ``on_error`` says: the caller of `Source.read`
    decides whether a damaged frame stops the preparation.

    Returns:
        What the readers returned, and the skipped frames with the errors' messages as reasons.
    """
    results, skipped = [], []
    for name, read in frames:
        try:
            results.append(read())
        except EgotapError as error:
            skipped.append(SkippedFrame(*name, reason=str(error)))
    return results, tuple(skipped)


def stack(source: Source[Any], frames: Sequence[Frame], skipped: tuple[SkippedFrame, ...] = ()) -> Frames:
    """Stacks single frames into one block, which may be empty.

    Args:
        source: the frames' source, which knows the sizes of an empty block.
        frames: the frames, in order.
        skipped: the skipped frames of the block.
    """
    px, joints = source.image_px, source.skeleton.num_joints

    def column(name: str, dtype: type[np.generic], *shape: int) -> np.ndarray:
        values = [getattr(frame, name) for frame in frames]
        if not values:
            return np.empty((0, *shape), dtype)
        stacked = np.stack(values)
        with np.errstate(invalid="ignore"):  # NaN as a whole number
            converted = stacked.astype(dtype, copy=False)
        # What whole numbers cannot hold, as images from 0 to 1, keeps its type, which `prepare` refuses.
        loses = np.issubdtype(dtype, np.integer) and not np.array_equal(converted, stacked)
        return stacked if loses else converted

    return Frames(
        images=column("images", np.uint8, NUM_VIEWS, 3, px, px),
        points2d_px=column("points2d_px", np.float32, NUM_VIEWS, joints, 2),
        pose_cm=column("pose_cm", np.float32, joints, 3),
        origin_cm=column("origin_cm", np.float32, NUM_VIEWS, 3),
        visibility=column("visibility", np.uint8, NUM_VIEWS, joints),
        category=[frame.category for frame in frames],
        subject=[frame.subject for frame in frames],
        motion=[frame.motion for frame in frames],
        frame_number=column("frame_number", np.int64),
        skipped=skipped,
    )


@runtime_checkable
class Piece(Protocol):
    """Frames that one worker reads at once: a few dozen to a few hundred, which fit in memory. Must be picklable."""

    @property
    def key(self) -> str:
        """Name of the piece, unique within its split and the same in every run of the same source."""
        ...

    @property
    def frames(self) -> int:
        """Expected number of frames, for the progress bar."""
        ...


PieceT = TypeVar("PieceT", bound=Piece)


@runtime_checkable
class Source(Protocol[PieceT]):
    """A data set before preparation: files or a renderer. Must be picklable, because every worker gets a copy."""

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of the poses."""
        ...

    @property
    def rig(self) -> StereoRig:
        """The two cameras."""
        ...

    @property
    def image_px(self) -> int:
        """Height and width of the images."""
        ...

    @property
    def categories(self) -> Sequence[str]:
        """All motion categories, in the order in which stores number them."""
        ...

    def identity(self) -> dict[str, Any]:
        """Everything that determines the frames, as JSON: settings, seed, version of the reader or renderer.

        Sources with equal identities have equal frames. Paths and times are not part of an identity.
        """
        ...

    def splits(self) -> Sequence[str]:
        """Names of the splits: ``train``, ``validation``, ``test``."""
        ...

    def plan(self, split: str) -> Sequence[PieceT]:
        """The pieces of a split, in the order of their frames in the store."""
        ...

    def read(self, piece: PieceT) -> Frames:
        """Reads or renders a piece. The result depends only on the source's identity and the piece.

        Frames that cannot be read are skipped and named in `Frames.skipped` (see `read_each`).

        Raises:
            EgotapError: if nothing of the piece can be read, e.g. because a file with all its labels is damaged.
        """
        ...


@runtime_checkable
class FileSource(Source[PieceT], Protocol[PieceT]):
    """A source of files, some of which a user may not have.

    `plan` covers the files that exist. `identity` therefore includes a digest of the planned motions.
    """

    def missing(self, split: str) -> Sequence[str]:
        """Names of motions in the split's list that are not on disk; ``on_error`` applies to them too."""
        ...
