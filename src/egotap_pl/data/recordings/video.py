"""Stereo frames in a pair of videos, or in one video with both views side by side. Needs PyAV: egotap-pl[video]."""

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
"""FFmpeg's names of the formats that are read. Files of other formats may be lists of further files and addresses,
whatever their ending."""
_PADDING_PX = 128
"""A margin for decoders, which round sizes up."""


class StereoVideo:
    """Frames of two videos, paired by their numbers, or of one video with both views.

    Args:
        paths: the left and the right video, or one video with the left view in its left half.
        image_px: side of the images that the network takes.
        num_joints: number of joints of the skeleton.
        limit: number of frames to read, from the beginning; None: all.

    Raises:
        EgotapError: if PyAV is not installed, a file is not a video, its size cannot be used, or the two files differ
            in frame rate or, as far as they say, in their number of frames within the limit.
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
            values = " and ".join(f"{path} {float(rate):.2f}" for path, rate in zip(paths, rates, strict=True) if rate)
            raise EgotapError(f"the videos of both views must have the same frame rate; frames/s: {values}")
        known = [count for count in counts if count is not None]
        if len(set(known)) > 1 and (limit is None or limit > min(known)):
            raise self._length_error(f"{paths[0]} has {known[0]} frames, {paths[1]} {known[1]}", min(known))
        total = min(known, default=None)
        self.frames: int | None = total if limit is None else limit if total is None else min(limit, total)

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; see `StereoInput`."""
        first, pairs = 0, islice(self._pairs(), self.limit)
        while chunk := list(islice(pairs, size)):
            images = torch.from_numpy(np.stack([views for views, _ in chunk]))
            batch = unlabelled(images, self.num_joints, first)
            yield StereoBatch(batch, ("",) * len(chunk), tuple(time_s for _, time_s in chunk))
            first += len(chunk)

    def _pairs(self) -> Iterator[tuple[np.ndarray, float]]:
        """Both views and the time of every frame."""
        with _opened(self.paths) as streams:
            decoders = [_frames(path, stream) for path, stream in zip(self.paths, streams, strict=True)]
            number = 0
            while True:
                frames = [next(decoder, None) for decoder in decoders]
                decoded = [frame for frame in frames if frame is not None]
                if not decoded:
                    return
                if len(decoded) < len(frames):
                    shorter = self.paths[frames.index(None)]
                    raise self._length_error(f"{shorter} ends after {number} frames, the other does not", number)
                images = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in decoded]
                yield views_of(images, self.image_px), NO_TIME if decoded[0].time is None else float(decoded[0].time)
                number += 1

    @staticmethod
    def _length_error(difference: str, common: int) -> EgotapError:
        return EgotapError(f"{difference}: cut both to the same frames, or use the first ones with frames={common}")


def _limits() -> dict[str, str]:
    """Options for FFmpeg: only these formats, only files on disk, and no frame larger than two views may be."""
    largest = (2 * VIEW_PX + _PADDING_PX) * (VIEW_PX + _PADDING_PX)
    return {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(largest)}


@contextmanager
def _opened(paths: Sequence[Path]) -> Iterator[list[Any]]:
    """Opens the files and yields their video streams."""
    try:
        import av
    except ImportError as error:
        raise EgotapError(f"{paths[0]}: reading videos needs PyAV: pip install 'egotap-pl[video]'") from error
    with ExitStack() as stack:
        streams = []
        for path in paths:
            try:
                # Without "file:", FFmpeg takes a path that begins with "http:" for an address.
                container = stack.enter_context(av.open(f"file:{path.absolute()}", options=_limits()))
            except (av.FFmpegError, OSError) as error:
                raise EgotapError(f"{path} cannot be read as a video ({_FORMATS}): {error}") from error
            if not container.streams.video:
                raise EgotapError(f"{path} has no video stream")
            stream = container.streams.video[0]
            if not stream.width:  # FFmpeg drops a size that it may not decode
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
                    f"{path} is stored rotated by {frame.rotation} degrees: save it upright, e.g. with ffmpeg"
                )
            yield frame
    except av.FFmpegError as error:
        raise EgotapError(f"{path} is damaged: {error}") from error
