"""Stereo frames as a pair of videos, or as one with both views side by side. Needs PyAV: egotap-pl[video]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import VIEW_PX
from egotap_pl.data.recordings.frames import NO_TIME, StereoBatch, check_size, too_large, unlabelled, views_of

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")

_FORMATS = "mov,mp4,matroska,webm,avi"
"""FFmpeg's names. Others may be lists of further files and addresses, whatever their name ends in."""
_PADDING_PX = 128
"""Decoders round sizes up."""


class StereoVideo:
    """Frames of two videos, number by number, or of one.

    Args:
        paths: the left and the right video, or one with the left view in its left half.
        image_px: side of the images that are asked for.
        num_joints: of the skeleton.
        limit: frames from the beginning to read; None: all.

    Raises:
        EgotapError: if PyAV is not installed, a file is no video, its shape cannot be used, or the two files differ in
            frame rate or, as far as they say, in their number of frames within the limit.
    """

    def __init__(self, paths: Sequence[Path], image_px: int, num_joints: int, limit: int | None = None) -> None:
        self.paths, self.image_px, self.num_joints, self.limit = tuple(paths), image_px, num_joints, limit
        counts, rates = [], []
        with _opened(self.paths) as streams:
            for path, stream in zip(self.paths, streams, strict=True):
                check_size(path, stream.width, stream.height, side_by_side=len(self.paths) == 1)
                counts.append(stream.frames or None)
                rates.append(stream.average_rate)
        if len({round(float(rate), 2) for rate in rates if rate}) > 1:
            told = " and ".join(f"{path} {float(rate):.2f}" for path, rate in zip(paths, rates, strict=True) if rate)
            raise EgotapError(f"the videos of both views must have one frame rate; frames/s: {told}")
        known = [count for count in counts if count is not None]
        if len(set(known)) > 1 and (limit is None or limit > min(known)):
            self._differ(f"{paths[0]} has {known[0]} frames, {paths[1]} {known[1]}", min(known))
        total = min(known, default=None)
        self.frames: int | None = total if limit is None else limit if total is None else min(limit, total)

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """See `StereoInput`."""
        first, pairs = 0, islice(self._pairs(), self.limit)
        while taken := list(islice(pairs, size)):
            images = torch.from_numpy(np.stack([views for views, _ in taken]))
            batch = unlabelled(images, self.num_joints, first)
            yield StereoBatch(batch, ("",) * len(taken), tuple(time_s for _, time_s in taken))
            first += len(taken)

    def _pairs(self) -> Iterator[tuple[np.ndarray, float]]:
        """Views and time of every frame."""
        with _opened(self.paths) as streams:
            decoders = [_frames(path, stream) for path, stream in zip(self.paths, streams, strict=True)]
            number = 0
            while True:
                frames = [next(decoder, None) for decoder in decoders]
                there = [frame for frame in frames if frame is not None]
                if not there:
                    return
                if len(there) < len(frames):
                    ended = self.paths[frames.index(None)]
                    self._differ(f"{ended} ends after {number} frames, the other goes on", number)
                images = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in there]
                yield views_of(images, self.image_px), NO_TIME if there[0].time is None else float(there[0].time)
                number += 1

    def _differ(self, told: str, common: int) -> None:
        raise EgotapError(f"{told}: cut both to the same frames, or take the first ones by frames={common}")


def _limits() -> dict[str, str]:
    """Options of FFmpeg: these formats, from this disk, and no frame that is larger than both views may be."""
    largest = (2 * VIEW_PX + _PADDING_PX) * (VIEW_PX + _PADDING_PX)
    return {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(largest)}


@contextmanager
def _opened(paths: Sequence[Path]) -> Iterator[list[Any]]:
    """The video streams of files."""
    try:
        import av
    except ImportError as error:
        raise EgotapError(f"{paths[0]}: videos are read by PyAV: pip install 'egotap-pl[video]'") from error
    with ExitStack() as stack:
        streams = []
        for path in paths:
            try:
                # "file:": without it, FFmpeg takes a path that begins with "http:" for an address.
                container = stack.enter_context(av.open(f"file:{path.absolute()}", options=_limits()))
            except (av.FFmpegError, OSError) as error:
                raise EgotapError(f"{path} cannot be read as a video of the formats {_FORMATS}: {error}") from error
            if not container.streams.video:
                raise EgotapError(f"{path} has no video stream")
            stream = container.streams.video[0]
            if not stream.width:  # FFmpeg forgets a size that it may not decode
                raise too_large(path, "very large, or does not say how large it is")
            stream.codec_context.options = {"max_pixels": _limits()["max_pixels"]}
            stream.thread_type = "AUTO"
            streams.append(stream)
        yield streams


def _frames(path: Path, stream: Any) -> Iterator[Any]:
    import av

    try:
        for frame in stream.container.decode(stream):
            if getattr(frame, "rotation", 0):
                raise EgotapError(
                    f"{path} is stored turned by {frame.rotation} degrees: write it upright, e.g. by ffmpeg"
                )
            yield frame
    except av.FFmpegError as error:
        raise EgotapError(f"{path} is damaged: {error}") from error
