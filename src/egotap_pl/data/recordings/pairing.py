"""Which frames of two videos were taken at the same time: those of the same number, or of the same time stamp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.data.recordings.decoding import VideoFacts, VideoFrame

PAIRS = ("number", "time")
"""Values of ``pair``; None: what the files suggest."""
_SAME_RATE = 1.02
"""Ratio of frame rates up to which two cameras were set to the same rate: 29.97 and 30.01, but not 25 and 30."""
_SAME_LENGTH = 0.02
"""Share of the frames that one of two recordings of the same thing may have more than the other."""
_CHOICES = "pair=number pairs frames by their numbers, pair=time by their time stamps"


class VideoPair(NamedTuple):
    """A frame of the left video, with the frame of the right one that belongs to it."""

    number: int
    """Its number."""

    views: tuple[VideoFrame, ...]
    """The frame of each view; the left one alone if the right video has no frame of the same time."""


def choose_pairing(videos: Sequence[VideoFacts], pair: str | None, limit: int | None) -> str:
    """How the frames of two videos are paired: ``number`` or ``time``. Says so if the videos are not alike.

    Without a choice, videos with equal numbers of frames are paired by number; slightly different ones, as of cameras
    with a clock of their own, by time.

    Args:
        videos: both videos.
        pair: the user's choice; None: none.
        limit: number of frames to read; None: all.

    Raises:
        EgotapError: if the choice is not one of `PAIRS`, or if there is none, and frame rates or numbers of frames are
            too different.
    """
    if pair is not None and pair not in PAIRS:
        raise EgotapError(f"pair={pair}: must be one of: {', '.join(PAIRS)}")
    rates = [video.rate for video in videos if video.rate]
    counts = [video.counted_frames for video in videos if video.counted_frames]
    differs = len(set(counts)) > 1
    matters = limit is None or limit > min(counts, default=0)
    if pair is None and rates and max(rates) > _SAME_RATE * min(rates):
        values = " and ".join(f"{video.path} {video.rate:.2f}" for video in videos if video.rate)
        raise EgotapError(f"the videos of both views must have the same frame rate; frames/s: {values}. {_CHOICES}")
    if pair is None and differs and matters and max(counts) - min(counts) > max(1, _SAME_LENGTH * max(counts)):
        raise length_error(f"{videos[0].path} has {counts[0]} frames, {videos[1].path} {counts[1]}", min(counts))
    chosen = pair or ("time" if differs and matters else "number")
    if differs or len({f"{rate:.2f}" for rate in rates}) > 1:
        lengths = [f"{video.path}: {video.counted_frames or '?'} frames, {video.rate or 0:.2f}/s" for video in videos]
        say(f"{'; '.join(lengths)}. Frames are paired by {chosen}; {_CHOICES}")
    return chosen


def length_error(difference: str, common: int) -> EgotapError:
    """The error for videos of different lengths."""
    return EgotapError(
        f"{difference}: cut both to the same frames, or use the first ones with frames={common}; {_CHOICES}"
    )


class NumberPairs:
    """Pairs of frames with the same number.

    Args:
        videos: both videos.
        is_chosen: whether the user chose this; otherwise videos of very different lengths are an error at the end.
    """

    def __init__(self, videos: Sequence[VideoFacts], is_chosen: bool) -> None:
        self.videos, self.is_chosen = videos, is_chosen

    def __call__(self, left: Iterator[VideoFrame], right: Iterator[VideoFrame]) -> Iterator[VideoPair]:
        """Every pair in order.

        Raises:
            EgotapError: if one video ends much earlier than the other.
        """
        number = 0
        while True:
            views = (next(left, None), next(right, None))
            if views[0] is None or views[1] is None:
                break
            yield VideoPair(number, (views[0], views[1]))
            number += 1
        if views[0] is None and views[1] is None:
            return
        shorter, rest = (0, right) if views[0] is None else (1, left)
        most = max(1, int(_SAME_LENGTH * number))
        over = 1 + sum(1 for _ in (rest if self.is_chosen else islice(rest, most)))
        path, other = self.videos[shorter].path, self.videos[1 - shorter].path
        if over > most and not self.is_chosen:
            raise length_error(f"{path} ends after {number} frames, the other does not", number)
        say(f"{path} ends after {number} frames; {over} more of {other} have no partner")


class TimePairs:
    """Pairs of frames whose time stamps differ by less than half the time between two frames.

    Args:
        videos: both videos.

    Raises:
        EgotapError: if a video does not say its frame rate.
    """

    def __init__(self, videos: Sequence[VideoFacts]) -> None:
        self.videos = videos
        rates = [video.rate for video in videos if video.rate]
        if len(rates) < len(videos):
            raise EgotapError(f"{videos[0].path} and {videos[1].path}: pair=time needs a frame rate; give pair=number")
        self.tolerance_s = 0.5 / max(rates)

    def __call__(self, left: Iterator[VideoFrame], right: Iterator[VideoFrame]) -> Iterator[VideoPair]:
        """Every frame of the left video in order, with its partner if it has one.

        Raises:
            EgotapError: if a frame has no time stamp.
        """
        alone = [0, 0]
        one, other = next(left, None), next(right, None)
        while one is not None and other is not None:
            ahead_s = one.time_s - other.time_s
            if ahead_s != ahead_s:
                path = self.videos[0 if one.time_s != one.time_s else 1].path
                raise EgotapError(f"{path} has a frame without a time stamp: give pair=number")
            if abs(ahead_s) <= self.tolerance_s:
                yield VideoPair(one.number, (one, other))
                one, other = next(left, None), next(right, None)
            elif ahead_s < 0:
                yield VideoPair(one.number, (one,))
                alone[0] += 1
                one = next(left, None)
            else:
                alone[1] += 1
                other = next(right, None)
        alone[0] += (one is not None) + sum(1 for _ in left)
        alone[1] += (other is not None) + sum(1 for _ in right)
        if any(alone):
            one_path, other_path = (video.path for video in self.videos)
            say(f"without a partner of the same time: {alone[0]} frames of {one_path} and {alone[1]} of {other_path}")
