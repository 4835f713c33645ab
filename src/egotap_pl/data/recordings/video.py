"""Stereo frames in a pair of videos, or in one video with both views side by side. Needs PyAV: egotap-pl[video]."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.recordings.decoding import VideoFrame, facts_of, opened, video_frames
from egotap_pl.data.recordings.frames import StereoBatch, check_size, say_if_halved, unlabelled, view_size, views_of
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.pairing import NumberPairs, TimePairs, VideoPair, choose_pairing

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")


class StereoVideo:
    """Frames of two videos, or of one video with both views.

    Args:
        paths: the left and the right video, or one video with the left view in its left half.
        image_px: side of the images that the network takes.
        num_joints: number of joints of the skeleton.
        limit: number of frames to read, from the beginning; None: all.
        pair: which frames belong together: those of the same ``number``, or of the same ``time``; None: what the
            videos suggest; see `choose_pairing`.
        gaps: what happens to frames that cannot be decoded; None: they are errors.
        crop: the square to cut out of each view; None: the whole view.

    Raises:
        EgotapError: if PyAV is not installed, a file is not a video, its size cannot be used, or the two files differ
            too much in frame rate or number of frames.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        image_px: int,
        num_joints: int,
        limit: int | None = None,
        pair: str | None = None,
        gaps: Gaps | None = None,
        crop: Crop | None = None,
    ) -> None:
        self.paths, self.image_px, self.num_joints, self.limit = tuple(paths), image_px, num_joints, limit
        self.gaps, self.crop = gaps or Gaps(), crop or Crop()
        videos = facts_of(self.paths, count=len(self.paths) > 1)
        for video in videos:
            check_size(video.path, *video.size, len(self.paths) == 1, self.crop)
        if len(self.paths) == 1:
            say_if_halved(videos[0].path, videos[0].size, self.crop)
        self.rig: StereoRig | None = self.crop.seen_rig(view_size(videos[0].size, len(self.paths) == 1))
        pairing = choose_pairing(videos, pair, limit)
        self._pair_up: Callable[[Iterator[VideoFrame], Iterator[VideoFrame]], Iterator[VideoPair]] = (
            TimePairs(videos) if pairing == "time" else NumberPairs(videos, pair is not None)
        )
        self.rate = videos[0].rate
        total = min((video.frames for video in videos if video.frames), default=None)
        self.frames: int | None = total if limit is None else limit if total is None else min(limit, total)

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; see `StereoInput`."""
        frames = self._frames()
        while chunk := list(islice(frames, size)):
            images = torch.from_numpy(np.stack([views for _, _, views in chunk]))
            batch = unlabelled(images, self.num_joints, [number for number, _, _ in chunk])
            yield StereoBatch(batch, ("",) * len(chunk), tuple(time_s for _, time_s, _ in chunk))

    def _frames(self) -> Iterator[tuple[int, float, UInt8[np.ndarray, "v 3 h w"]]]:
        """Number and time of every frame that can be read, and its views."""
        with opened(self.paths, few_threads=self.gaps.skip) as streams:
            decoders = [video_frames(path, stream) for path, stream in zip(self.paths, streams, strict=True)]
            for number, views in islice(self._pairs(decoders), self.limit):
                damaged = next((view for view in views if view.content is None), None)
                if damaged is not None:
                    self.gaps.add(number, EgotapError(damaged.error))
                elif len(views) == len(self.paths):
                    images = [view.upright(path) for view, path in zip(views, self.paths, strict=True)]
                    yield number, views[0].time_s, views_of(images, self.image_px, self.crop)

    def _pairs(self, decoders: Sequence[Iterator[VideoFrame]]) -> Iterator[VideoPair]:
        if len(decoders) == 1:
            return (VideoPair(frame.number, (frame,)) for frame in decoders[0])
        return self._pair_up(decoders[0], decoders[1])
