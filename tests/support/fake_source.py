"""Tiny deterministic sources, importable in worker processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from egotap_pl.core import skeleton as skeletons
from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.source import Frame, FrameName, Frames, SkippedFrame, read_each, stack
from egotap_pl.data.store.codec import Codec
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.schema import StoreHeader
from egotap_pl.data.store.writer import write_store

CATEGORIES = ("walking", "sitting", "boxing")


class FakePiece(NamedTuple):
    split: str
    number: int
    frames: int

    @property
    def key(self) -> str:
        return f"motion {self.number}"


@dataclass(frozen=True)
class FakeSource:
    """Images are smooth gradients, and points are the projections of the poses."""

    seed: int = 0
    image_px: int = 24
    frames_per_piece: int = 5
    pieces: tuple[tuple[str, int], ...] = (("train", 4), ("validation", 2), ("test", 1))
    """Number of pieces of each split."""
    log: Path | None = None
    """File that collects the keys of the pieces that are read."""
    fails_at: str | None = None
    """Key of the pieces whose reading raises an error."""
    dies_at: str | None = None
    """Key of the pieces whose reading kills the process."""
    seconds: float = 0.0
    """Time that reading a piece takes."""
    gate: Path | None = None
    """File without which no piece is read to the end: reading waits until it exists."""

    @property
    def skeleton(self) -> Skeleton:
        return skeletons.unrealego()

    @property
    def rig(self) -> StereoRig:
        return StereoRig.unrealego()

    @property
    def categories(self) -> tuple[str, ...]:
        return CATEGORIES

    def identity(self) -> dict[str, Any]:
        return {"source": "fake", "seed": self.seed, "image_px": self.image_px, "pieces": self.pieces}

    def splits(self) -> Sequence[str]:
        return [split for split, _ in self.pieces]

    def plan(self, split: str) -> Sequence[FakePiece]:
        return [FakePiece(split, number, self.frames_per_piece) for number in range(dict(self.pieces)[split])]

    def read(self, piece: FakePiece) -> Frames:
        time.sleep(self.seconds)
        if piece.key == self.fails_at:
            raise OSError("the disk is on fire")
        if piece.key == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{piece.split}/{piece.key}\n")
        while self.gate is not None and not self.gate.exists():
            time.sleep(0.02)
        return self._frames(piece)

    def _frames(self, piece: FakePiece) -> Frames:
        n, px, joints = piece.frames, self.image_px, self.skeleton.num_joints
        seeds = [self.seed, sum(piece.split.encode()), piece.number]
        random = np.random.default_rng(seeds)
        ramp = np.linspace(0, 200, px)
        colour = random.uniform(0, 55, (n, 2, 3, 1, 1))
        images = (colour + (ramp[:, None] + ramp) / 2).astype(np.uint8)
        left = random.uniform((-40, -40, 30), (40, 40, 90), (n, joints, 3)).astype(np.float32)
        px2d, _ = self.rig.project(torch.from_numpy(left))
        origin = self.rig.to_views(torch.from_numpy(left[:, :1]))[:, :, 0].numpy()
        return Frames(
            images=images,
            points2d_px=px2d.numpy(),
            pose_cm=left - left[:, :1],
            origin_cm=origin,
            visibility=np.full((n, 2, joints), Visibility.VISIBLE, np.uint8),
            category=[CATEGORIES[(piece.number + frame) % len(CATEGORIES)] for frame in range(n)],
            subject=[f"{piece.split} subject {piece.number % 2}"] * n,
            motion=[f"{piece.split}/{piece.number}"] * n,
            frame_number=np.arange(10, 10 + n, dtype=np.int64),
        )


@dataclass(frozen=True)
class FakeFiles(FakeSource):
    """A source of files, whose frames are read one by one."""

    damaged: tuple[tuple[str, int], ...] = ()
    """Motions and numbers of frames that cannot be read."""
    excluded: tuple[tuple[str, int], ...] = ()
    """Motions and numbers of frames that a rule of the reader excludes."""
    absent: tuple[str, ...] = ()
    """Motions in the lists that are not on disk."""
    broken: str | None = None
    """Key of the pieces that cannot be read at all."""

    def missing(self, split: str) -> Sequence[str]:
        return [name for name in self.absent if name.startswith(split)]

    def read(self, piece: FakePiece) -> Frames:
        if piece.key == self.broken:
            raise EgotapError(f"{piece.split}/{piece.number}/all.json: not JSON")
        whole = super().read(piece)
        readable, skipped = read_each(
            (FrameName(motion, int(number), f"{motion}/{number}.png"), partial(self._frame, whole, row))
            for row, (motion, number) in enumerate(zip(whole.motion, whole.frame_number, strict=True))
        )
        included = [frame for frame in readable if (frame.motion, frame.frame_number) not in self.excluded]
        excluded = [
            SkippedFrame(frame.motion, frame.frame_number, "", "does not fit", damaged=False)
            for frame in readable
            if (frame.motion, frame.frame_number) in self.excluded
        ]
        return stack(self, included, (*skipped, *excluded))

    def _frame(self, frames: Frames, row: int) -> Frame:
        columns: Any = frames[: len(Frame._fields)]
        frame = Frame(*(values[row] for values in columns))
        frame = frame._replace(frame_number=int(frame.frame_number))
        if (frame.motion, frame.frame_number) in map(tuple, self.damaged):
            raise EgotapError(f"{frame.motion}/{frame.frame_number}.png: truncated")
        return frame


def write_fake(path: Path, codec: Codec, source: FakeSource | None = None) -> FrameStore:
    """Writes the split ``train`` of a source as a store."""
    source = source or FakeSource()
    header = StoreHeader(
        "train", source.skeleton, source.rig, source.image_px, CATEGORIES, codec, source.identity(), "0"
    )
    pieces = source.plan("train")
    with write_store(path, header, sum(piece.frames for piece in pieces)) as writer:
        for piece in pieces:
            writer.append(source.read(piece))
    return FrameStore(path)
