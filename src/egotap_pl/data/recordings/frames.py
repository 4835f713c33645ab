"""Stereo frames to estimate poses for, read in order and in batches: the protocol, and its form for frame stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from egotap_pl.core.batch import Batch, Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import VIEW_PX
from egotap_pl.core.messages import say
from egotap_pl.data.recordings.crop import WAYS, Crop
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.names import BOTH, UNDERSTOOD
from egotap_pl.data.store.reader import FrameStore

ItemT = TypeVar("ItemT")
NO_TIME = float("nan")
"""The time of a frame that is not of a video."""


class StereoBatch(NamedTuple):
    """Consecutive frames with their names."""

    batch: Batch
    """The frames, without labels (`unlabelled`) if the input has none; ``frame`` numbers the input's frames."""

    name: tuple[str, ...]
    """Name of each frame: that of an image without side and ending, subject/motion/number in a frame store, empty in a
    video."""

    time_s: tuple[float, ...]
    """Time of each frame in its video; NaN for other inputs."""

    motion: tuple[str, ...] = ()
    """Name of each frame's motion in a frame store; empty for other inputs, which are one motion."""

    number: tuple[int, ...] = ()
    """Number of each frame within its motion in a frame store; empty for other inputs, whose frames have their own."""

    @classmethod
    def untimed(cls, batch: Batch, name: tuple[str, ...]) -> StereoBatch:
        """Frames that are not of a video."""
        return cls(batch, name, (NO_TIME,) * len(name))


@runtime_checkable
class StereoInput(Protocol):
    """Stereo frames in order. Everything that can be checked without decoding pixels is checked by the constructor."""

    frames: int | None
    """Number of frames, skipped ones included; None if a video does not say."""

    rate: float | None
    """Frames per second; None if the input does not say."""

    gaps: Gaps
    """The frames that cannot be read, if these are skipped."""

    rig: StereoRig | None
    """The cameras, whose frames are the squares that the network sees; None: unknown."""

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once, in batches of up to ``size``. At most a few batches are in memory at a time.

        Raises:
            EgotapError: if a frame cannot be read and such frames are not skipped; the message names it.
        """
        ...


class StoreFrames:
    """The frames of a prepared split, with their labels.

    Args:
        store: the frame store of the split.
        image_px: side of the images that the network takes.
        limit: number of frames to read, from the beginning; None: all.

    Raises:
        EgotapError: if the store's images have another size. They are not resized, because networks train on prepared
            images as they are.
    """

    def __init__(self, store: FrameStore, image_px: int, limit: int | None = None) -> None:
        if store.image_px != image_px:
            raise EgotapError(
                f"{store.path} has images of {store.image_px} px, but the checkpoint's networks take {image_px} px: "
                "prepare the data at that size"
            )
        self.store, self.gaps = store, Gaps()
        self.rig: StereoRig | None = store.rig
        self.rate: float | None = None
        self.frames: int | None = len(store) if limit is None else min(limit, len(store))

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; see `StereoInput`."""
        for start in range(0, self.frames or 0, size):
            rows = range(start, min(start + size, self.frames or 0))
            origin = self.store.name_frames(rows)
            columns = zip(origin.subject, origin.motion, origin.frame_number.tolist(), strict=True)
            names = tuple(f"{subject}/{motion}/{number}" for subject, motion, number in columns)
            stereo = StereoBatch.untimed(self.store.read(rows), names)
            yield stereo._replace(motion=origin.motion, number=tuple(origin.frame_number.tolist()))


def unlabelled(images: UInt8[torch.Tensor, "b v 3 h w"], num_joints: int, frame: int | Sequence[int]) -> Batch:
    """A batch of images whose points and poses are unknown (NaN).

    Args:
        images: RGB images.
        num_joints: number of joints of the skeleton.
        frame: number of the first frame, or of every frame.
    """
    b, v = images.shape[:2]
    return Batch(
        images=images,
        points2d_px=torch.full((b, v, num_joints, 2), torch.nan),
        pose_cm=torch.full((b, num_joints, 3), torch.nan),
        origin_cm=torch.full((b, v, 3), torch.nan),
        visibility=torch.full((b, v, num_joints), int(Visibility.UNKNOWN), dtype=torch.uint8),
        category=torch.zeros(b, dtype=torch.int64),
        frame=torch.arange(frame, frame + b) if isinstance(frame, int) else torch.tensor(frame),
    )


def views_of(
    images: Sequence[Image.Image], image_px: int, crop: Crop | None = None
) -> UInt8[np.ndarray, "v 3 {image_px} {image_px}"]:
    """Both views of a frame, cut and resized for the network.

    Larger images are reduced by averaging over areas, as in preparation. Smaller ones are enlarged by cubic
    interpolation.

    Args:
        images: the left and the right view, or one image with the left view in its left half.
        image_px: height and width of the result.
        crop: the square to cut out of each view; None: the whole view, which must be square.
    """
    if len(images) == 1:
        (both,) = images
        half = both.width // 2
        images = [both.crop((k * half, 0, (k + 1) * half, both.height)) for k in range(2)]
    images = (crop or Crop()).cut(*images)
    filters = [Image.Resampling.BOX if view.width > image_px else Image.Resampling.BICUBIC for view in images]
    resized = [
        np.asarray(view if view.width == image_px else view.resize((image_px, image_px), how))
        for view, how in zip(images, filters, strict=True)
    ]
    return np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2))


def view_size(size_px: tuple[int, int], side_by_side: bool) -> tuple[int, int]:
    """Width and height of a view in an image or a video, which may contain both side by side."""
    return (size_px[0] // 2 if side_by_side else size_px[0], size_px[1])


def check_size(path: Path, width: int, height: int, side_by_side: bool, crop: Crop | None = None) -> None:
    """Checks the size of an image or a video.

    Args:
        path: the file.
        width: width of its frames, px.
        height: height of its frames, px.
        side_by_side: whether a frame contains both views, the left one in its left half.
        crop: the square to cut out of each view; None: the whole view.

    Raises:
        EgotapError: if no square can be cut out of a view, or it is larger than `VIEW_PX`.
    """
    if height > VIEW_PX or width > (2 * VIEW_PX if side_by_side else VIEW_PX):
        raise too_large(path, f"{width} x {height} px")
    names = f". The views of separate files are told by names: {UNDERSTOOD}" if side_by_side else ""
    expected = "both views side by side, twice as wide as high" if side_by_side else "a square fisheye image"
    crop = crop or Crop()
    if (crop.how is None and width != (2 * height if side_by_side else height)) or (side_by_side and width % 2):
        raise EgotapError(f"{path} is {width} x {height} px, but must be {expected}: {WAYS}{names}")
    try:
        crop.squares(view_size((width, height), side_by_side))
    except EgotapError as error:
        views = f", {width // 2} x {height} px a view" if side_by_side else ""
        raise EgotapError(f"{path} is {width} x {height} px{views}: {error}{names}") from error


def say_if_halved(path: Path, size_px: tuple[int, int], crop: Crop | None = None) -> None:
    """Says that a file is taken for both views side by side, if it has the shape of a single one.

    Args:
        path: the file.
        size_px: width and height of its frames.
        crop: the square to cut out of each half. With a rig, the halves have the shape of its frames.
    """
    width, height = size_px
    if width < 2 * height and (crop or Crop()).rig is None:
        say(
            f"{path} is {width} x {height} px and taken for both views side by side, each {width // 2} x {height} px. "
            f"Separate views are given as {BOTH}, or told by names: {UNDERSTOOD}"
        )


def too_large(path: Path, size: str) -> EgotapError:
    """The error for a recording whose frames are too large."""
    return EgotapError(f"{path} is {size}: a view may have up to {VIEW_PX} x {VIEW_PX} px; make it smaller")


def ahead(items: Iterator[ItemT]) -> Iterator[ItemT]:
    """Yields the items. Each is made in a second thread while the one before it is in use."""
    end = object()
    with ThreadPoolExecutor(1, "reading") as pool:
        following = pool.submit(next, items, end)
        while (item := following.result()) is not end:
            following = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
