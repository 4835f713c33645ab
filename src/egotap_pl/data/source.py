"""What a data set has to offer to be prepared into a frame store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton


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
        skipped: frames of the piece that could not be read and are not here.
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
    skipped: int = 0


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
        """Read or render a piece. The result depends on the source's identity and on the piece alone."""
        ...
