"""The frames of a video file, damaged ones included, in the order in which they are shown. Needs PyAV."""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import VIEW_PX
from egotap_pl.core.messages import say
from egotap_pl.data.recordings.frames import NO_TIME, too_large

_FORMATS = "mov,mp4,matroska,webm,avi"
"""FFmpeg's names of the formats that are read. Files of other formats may be lists of further files and addresses,
whatever their ending."""
_PADDING_PX = 128
"""A margin for decoders, which round sizes up."""
_TURNS = {
    (1, 0, 0, 1): None,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""How a frame is turned upright, by (a, b, c, d) of its display matrix: (x, y) is shown at (a x + c y, b x + d y)."""


class VideoFacts(NamedTuple):
    """What a file says of itself."""

    path: Path
    """The file."""

    size: tuple[int, int]
    """Width and height of its frames, upright."""

    frames: int | None
    """Number of frames that it shows; None if it does not say."""

    counted_frames: int | None
    """The same or, of a file that does not say it, the number of its packets if these were counted."""

    rate: float | None
    """Frames per second."""


class VideoFrame(NamedTuple):
    """A frame of a file, which may be damaged."""

    number: int
    """Its number in the file, from 0."""

    time_s: float
    """Its time stamp; NaN if it has none."""

    content: Any
    """PyAV's frame; None if it is damaged."""

    error: str = ""
    """Why it is damaged."""

    def upright(self, path: Path) -> Image.Image:
        """Its pixels, RGB.

        Raises:
            EgotapError: if it is turned by anything but a quarter of a circle.
        """
        image = Image.fromarray(self.content.to_ndarray(format="rgb24"))
        turn = _turn(self.content, path)
        return image if turn is None else image.transpose(turn)


@contextmanager
def opened(paths: Sequence[Path], few_threads: bool = False) -> Iterator[list[Any]]:
    """Opens video files and yields their video streams.

    Args:
        paths: the files.
        few_threads: whether only two frames are decoded side by side. It is slower, but a damaged frame at the end then
            takes hardly any other with it.

    Raises:
        EgotapError: if PyAV is not installed, or a file is not a video.
    """
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
            if stream.codec_context is None:
                raise EgotapError(
                    f"{path} has a video stream that FFmpeg cannot decode: it is damaged, or of a rare kind"
                )
            if not stream.width:  # FFmpeg drops a size that it may not decode
                raise too_large(path, "very large, or does not say how large it is")
            stream.codec_context.options = {"max_pixels": _limits()["max_pixels"]}
            # Frames side by side: otherwise H.264's decoder paints over damage and does not say so.
            stream.thread_type = "FRAME" if few_threads else "AUTO"
            stream.codec_context.thread_count = 2 if few_threads or os.cpu_count() == 1 else 0
            streams.append(stream)
        yield streams


def facts_of(paths: Sequence[Path], count: bool) -> list[VideoFacts]:
    """What files say of themselves. Of each, the first frame is decoded, which alone says how the video is turned.

    Args:
        paths: the files.
        count: whether the packets of files that do not say how many frames they have are counted, without decoding.

    Raises:
        EgotapError: see `opened`.
    """
    facts = []
    with opened(paths) as streams:
        for path, stream in zip(paths, streams, strict=True):
            rate: Fraction | None = stream.average_rate or stream.guessed_rate
            first = next((frame.content for frame in video_frames(path, stream) if frame.content is not None), None)
            size = (stream.width, stream.height)
            if first is not None and _turn(first, path) in _SWAPPING:
                size = (stream.height, stream.width)
            stated = stream.frames or None
            if stated and _is_trimmed(stream):
                stated = _packets(path)
            counted = stated or (_packets(path) if count else None)
            facts.append(VideoFacts(path, size, stated, counted, None if rate is None else float(rate)))
    return facts


def video_frames(path: Path, stream: Any) -> Iterator[VideoFrame]:
    """All frames in the order in which they are shown. A frame that cannot be decoded is named at its place.

    FFmpeg says that it cannot decode a packet before it shows any later frame. The packets' time stamps then tell which
    frames are missing. Packets that never show anything, as VP8 and MPEG-4 have, are no frames, and neither are those
    that were cut away at the ends of a video without encoding it anew, as phones do.
    """
    missing, number = _Missing(path, stream), 0
    for frames in _decoded(stream, missing):
        for frame in frames:
            for time_s, error in missing.before(frame.pts):
                yield VideoFrame(number, time_s, None, error)
                number += 1
            time_s = NO_TIME if frame.time is None else float(frame.time)
            error = f"{path} is damaged: FFmpeg calls this frame corrupt" if frame.is_corrupt else ""
            yield VideoFrame(number, time_s, None if error else frame, error)
            number += 1
    for time_s, error in missing.rest():
        yield VideoFrame(number, time_s, None, error)
        number += 1
    if number < stream.frames and not missing.has_hidden and not _is_trimmed(stream):
        say(f"{path} says that it has {stream.frames} frames, but only {number} are in it: it is damaged or cut off")


class _Missing:
    """Finds out which frames of a video are missing, from the time stamps of its packets."""

    def __init__(self, path: Path, stream: Any) -> None:
        self.path, self._stream = path, stream
        self._pending: list[int] = []  # time stamps of packets whose frames have not been shown yet
        self._failures: list[str] = []
        self._last = ""
        self.has_hidden = False
        """Whether there are packets that show nothing although nothing has failed."""

    def expect(self, packet: Any) -> None:
        """Note a packet that is about to be decoded."""
        if packet.pts is not None and packet.size and not packet.is_discard:
            heapq.heappush(self._pending, packet.pts)

    def fail(self, error: Exception) -> None:
        """Note that a packet cannot be decoded."""
        self._last = f"{self.path} is damaged: {error}"
        self._failures.append(self._last)

    def before(self, pts: int | None) -> Iterator[tuple[float, str]]:
        """Times of missing frames before one that is shown, with what is wrong with them."""
        while pts is not None and self._pending and self._pending[0] < pts:
            yield from self._gap(heapq.heappop(self._pending))
        if self._pending and self._pending[0] == pts:
            heapq.heappop(self._pending)

    def rest(self) -> Iterator[tuple[float, str]]:
        """The same after the last frame."""
        while self._pending:
            yield from self._gap(heapq.heappop(self._pending))
        for failure in self._failures:
            yield NO_TIME, failure

    def _gap(self, pts: int) -> Iterator[tuple[float, str]]:
        """A missing frame, or nothing if the packet has none to show.

        After a failure, decoders drop frames without a word until the next one that needs no other.
        """
        if self._failures or (self._last and not self.has_hidden):
            yield float(pts * self._stream.time_base), self._failures.pop(0) if self._failures else self._last
        elif not self._last:
            self.has_hidden = True


def _decoded(stream: Any, missing: _Missing) -> Iterator[list[Any]]:
    """PyAV's frames of one packet after the other."""
    import av

    packets = stream.container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            missing.expect(packet)
            yield packet.decode()
        except av.EOFError:  # the packet that asks for what the decoder still holds, after it said that it has no more
            continue
        except av.FFmpegError as error:
            missing.fail(error)


_SWAPPING = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
)
"""Turns that swap width and height."""


def _is_trimmed(stream: Any) -> bool:
    """Whether an MP4 or MOV shows fewer frames than it has: its duration is that of its edit list."""
    rate = stream.average_rate
    if not (stream.frames and stream.duration and rate and "mov" in stream.container.format.name):
        return False
    return bool(stream.duration * stream.time_base * rate < stream.frames - 1)


def _packets(path: Path) -> int | None:
    """Number of packets with a frame to show in a file's video stream; None if there are none that can be read."""
    import av

    count = 0
    with opened([path]) as (stream,):
        try:
            count += sum(packet.size > 0 and not packet.is_discard for packet in stream.container.demux(stream))
        except av.FFmpegError:
            return None
    return count or None


def _turn(frame: Any, path: Path) -> Image.Transpose | None:
    """How a frame is turned upright. Frames have their file's display matrix in every version of PyAV since 12."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix)[:36])
    largest = max(map(abs, (a, b, c, d))) or 1
    key = tuple(round(value / largest, 2) for value in (a, b, c, d))
    if key not in _TURNS:
        raise EgotapError(f"{path} is stored turned by an angle that is no quarter of a circle: save it upright")
    return _TURNS[key]


def _limits() -> dict[str, str]:
    """Options for FFmpeg: only these formats, only files on disk, and no frame larger than two views may be."""
    largest = (2 * VIEW_PX + _PADDING_PX) * (VIEW_PX + _PADDING_PX)
    return {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(largest)}
