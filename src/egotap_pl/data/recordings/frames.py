"""Stereo frames to estimate poses for: image files, videos or a frame store, read in order and in batches."""

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
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import VIEW_PX
from egotap_pl.data.store.reader import FrameStore

ItemT = TypeVar("ItemT")
NO_TIME = float("nan")


class StereoBatch(NamedTuple):
    """Consecutive frames and what they are called.

    Fields:
        batch: the frames; without labels (`unlabelled`) where the input has none. ``frame`` counts the input's.
        name: of each frame: an image's name without side and ending, subject/motion/number in a frame store, nothing
            in a video.
        time_s: of each frame in its video; NaN elsewhere.
    """

    batch: Batch
    name: tuple[str, ...]
    time_s: tuple[float, ...]


@runtime_checkable
class StereoInput(Protocol):
    """Stereo frames in order. What can be found out about them without decoding pixels was checked when it was made.

    Attributes:
        frames: how many; None where a video does not say.
    """

    frames: int | None

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; no more than a few batches are in memory at a time.

        Raises:
            EgotapError: if a frame cannot be read; the message names it.
        """
        ...


class StoreFrames:
    """A split of a prepared data set, with its labels.

    Args:
        store: the split.
        image_px: side of the images that are asked for.
        limit: frames from the beginning to read; None: all.

    Raises:
        EgotapError: if the store's images are of another size: they are what a network learns from, as they are.
    """

    def __init__(self, store: FrameStore, image_px: int, limit: int | None = None) -> None:
        if store.image_px != image_px:
            raise EgotapError(
                f"{store.path} has images of {store.image_px} px, the checkpoint's networks take {image_px} px: "
                f"prepare the data at that size"
            )
        self.store = store
        self.frames: int | None = len(store) if limit is None else min(limit, len(store))

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """See `StereoInput`."""
        for start in range(0, self.frames or 0, size):
            rows = range(start, min(start + size, self.frames or 0))
            names = self.store.name_frames(rows)
            joined = zip(names.subject, names.motion, names.frame_number.tolist(), strict=True)
            name = tuple(f"{subject}/{motion}/{number}" for subject, motion, number in joined)
            yield StereoBatch(self.store.read(rows), name, (NO_TIME,) * len(rows))


def unlabelled(images: UInt8[torch.Tensor, "b v 3 h w"], num_joints: int, first: int) -> Batch:
    """Images as a batch whose points and poses are unknown (NaN).

    Args:
        images: RGB.
        num_joints: of the skeleton.
        first: number of the first frame.
    """
    b, v = images.shape[:2]
    return Batch(
        images=images,
        points2d_px=torch.full((b, v, num_joints, 2), torch.nan),
        pose_cm=torch.full((b, num_joints, 3), torch.nan),
        origin_cm=torch.full((b, v, 3), torch.nan),
        visibility=torch.full((b, v, num_joints), int(Visibility.UNKNOWN), dtype=torch.uint8),
        category=torch.zeros(b, dtype=torch.int64),
        frame=torch.arange(first, first + b),
    )


def views_of(images: Sequence[Image.Image], image_px: int) -> UInt8[np.ndarray, "v 3 {image_px} {image_px}"]:
    """Both views of a frame at the network's size.

    Larger images are made smaller by averaging over areas, as when data sets are prepared; smaller ones are enlarged by
    cubic interpolation.

    Args:
        images: the left and the right view, or one image with the left view in its left half.
        image_px: side of the result.
    """
    if len(images) == 1:
        (both,) = images
        side = both.height
        images = [both.crop((k * side, 0, (k + 1) * side, side)) for k in range(2)]
    filters = [Image.Resampling.BOX if view.width > image_px else Image.Resampling.BICUBIC for view in images]
    resized = [
        np.asarray(view if view.width == image_px else view.resize((image_px, image_px), how))
        for view, how in zip(images, filters, strict=True)
    ]
    return np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2))


def check_size(path: Path, width: int, height: int, side_by_side: bool) -> None:
    """Hold the size of an image or a video against what can be used.

    Args:
        path: the file.
        width: of its frames, px.
        height: likewise.
        side_by_side: whether it holds both views, the left one on the left.

    Raises:
        EgotapError: if a view is not square, as the data sets' fisheye images are, or larger than `VIEW_PX`.
    """
    if height > VIEW_PX or width > 2 * VIEW_PX:
        raise too_large(path, f"{width} x {height} px")
    wanted = 2 * height if side_by_side else height
    if width != wanted:
        told = "both views side by side, twice as wide as high" if side_by_side else "a square fisheye image"
        raise EgotapError(
            f"{path} is {width} x {height} px, and not {told}: cut it to the square around the image circle, as the "
            "training data were"
        )


def too_large(path: Path, size: str) -> EgotapError:
    """The error about a recording of larger frames than are read."""
    return EgotapError(f"{path} is {size}: a view may have up to {VIEW_PX} x {VIEW_PX} px; make it smaller")


def ahead(items: Iterator[ItemT]) -> Iterator[ItemT]:
    """The items, each made in a second thread while the one before it is in use."""
    end = object()
    with ThreadPoolExecutor(1, "reading") as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
