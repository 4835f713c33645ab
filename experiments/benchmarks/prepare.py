"""Preparation: frames/s and peak memory on a long source of files that cost next to nothing to read.

python experiments/benchmarks/prepare.py [frames ...] [workers=N] [codec=raw|png|jpeg]

Give several lengths to see that memory does not grow with them. What is measured is what preparation itself adds to
reading or rendering: encoding, writing parts, joining them. Memory is the peak resident size of this process, which
plans and joins, and of its largest worker.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from egotap_pl.core import skeleton as skeletons
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.source import Frames
from egotap_pl.data.store.codec import codec_from

FRAMES_PER_PIECE = 64
IMAGE_PX = 256


class Stretch(NamedTuple):
    number: int
    frames: int

    @property
    def key(self) -> str:
        return f"{self.number:08d}"


@dataclass(frozen=True)
class LongSource:
    """Gradients under noise, all pieces alike but for their colour."""

    length: int

    @property
    def skeleton(self) -> Skeleton:
        return skeletons.unrealego()

    @property
    def rig(self) -> StereoRig:
        return StereoRig.unrealego()

    @property
    def image_px(self) -> int:
        return IMAGE_PX

    @property
    def categories(self) -> Sequence[str]:
        return ("any",)

    def identity(self) -> dict[str, Any]:
        return {"source": "benchmark", "frames": self.length}

    def splits(self) -> Sequence[str]:
        return ("train",)

    def plan(self, split: str) -> Sequence[Stretch]:
        starts = range(0, self.length, FRAMES_PER_PIECE)
        return [Stretch(start, min(FRAMES_PER_PIECE, self.length - start)) for start in starts]

    def read(self, piece: Stretch) -> Frames:
        n, joints = piece.frames, self.skeleton.num_joints
        ramp = np.linspace(0, 120, IMAGE_PX)
        noise = np.random.default_rng(0).integers(0, 8, (2, 3, IMAGE_PX, IMAGE_PX))
        picture = (ramp + ramp[:, None] + noise + piece.number % 8).astype(np.uint8)
        return Frames(
            images=np.broadcast_to(picture, (n, *picture.shape)).copy(),
            points2d_px=np.zeros((n, 2, joints, 2), np.float32),
            pose_cm=np.zeros((n, joints, 3), np.float32),
            origin_cm=np.zeros((n, 2, 3), np.float32),
            visibility=np.zeros((n, 2, joints), np.uint8),
            category=["any"] * n,
            subject=["somebody"] * n,
            motion=[piece.key] * n,
            frame_number=np.arange(n, dtype=np.int64),
        )


def measure(frames: int, workers: int, codec: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        prepare(
            LongSource(frames), Path(folder), codec_from({"name": codec}), workers, console=Console(file=io.StringIO())
        )
        seconds = time.perf_counter() - start
        megabytes = (Path(folder) / "train.h5").stat().st_size / 1e6
    own, worker = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        f"{frames:>9} frames, {codec}, {workers} workers: {frames / seconds:.0f} frames/s, "
        f"{megabytes / frames * 1e5:.0f} MB per 100k frames, peak memory {own:.0f} MB + {worker:.0f} MB a worker",
        flush=True,
    )


def main(arguments: Sequence[str]) -> None:
    settings = dict(argument.split("=") for argument in arguments if "=" in argument)
    workers, codec = settings.get("workers", "2"), settings.get("codec", "jpeg")
    lengths = [argument for argument in arguments if "=" not in argument] or ["1024", "4096"]
    for frames in lengths:  # a process each: a peak is for life
        code = f"import sys; sys.path[0] = {str(Path(__file__).parent)!r}; import prepare; "
        subprocess.run([sys.executable, "-c", f"{code}prepare.measure({frames}, {workers}, {codec!r})"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
