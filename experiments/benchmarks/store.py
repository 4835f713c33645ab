"""Frame store: reading speed and size for every codec.

python experiments/benchmarks/store.py [frames]

Images are smooth shapes under fine noise, which compresses about as badly as rendered or photographed frames do.
Reading is in random order through the DataModule's loader, the file in the operating system's cache.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from egotap_pl.core import skeleton as skeletons
from egotap_pl.core.camera import StereoRig
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.source import Frames
from egotap_pl.data.store.codec import JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.schema import StoreHeader
from egotap_pl.data.store.writer import write_store

BATCH_SIZE = 16


def picture(image_px: int, random: np.random.Generator) -> np.ndarray:
    """Two views of discs of many sizes and colours, with sensor noise."""
    at = np.linspace(0, 1, image_px)
    views = np.zeros((2, 3, image_px, image_px))
    for _ in range(40):
        u, v, radius = random.uniform(0, 1), random.uniform(0, 1), random.uniform(0.03, 0.3)
        disc = (at - u) ** 2 + (at[:, None] - v) ** 2 < radius**2
        views[:, :, disc] = random.uniform(0, 230, (2, 3, 1)) + 25 * at[np.nonzero(disc)[0]]
    return (views + random.normal(0, 2, views.shape)).clip(0, 255).astype(np.uint8)


def write(folder: Path, codec, image_px: int, frames: int) -> float:
    """MB per 1000 frames of a store of that many frames."""
    skeleton, random = skeletons.unrealego(), np.random.default_rng(0)
    header = StoreHeader("train", skeleton, StereoRig.unrealego(), image_px, ("any",), codec, {}, "benchmark")
    with write_store(folder / "train.h5", header, frames) as writer:
        for start in range(0, frames, BATCH_SIZE):
            count = min(BATCH_SIZE, frames - start)
            writer.append(
                Frames(
                    images=np.stack([picture(image_px, random) for _ in range(count)]),
                    points2d_px=np.zeros((count, 2, skeleton.num_joints, 2), np.float32),
                    pose_cm=np.zeros((count, skeleton.num_joints, 3), np.float32),
                    origin_cm=np.zeros((count, 2, 3), np.float32),
                    visibility=np.zeros((count, 2, skeleton.num_joints), np.uint8),
                    category=["any"] * count,
                    subject=["somebody"] * count,
                    motion=["something"] * count,
                    frame_number=np.arange(start, start + count, dtype=np.int64),
                )
            )
    return (folder / "train.h5").stat().st_size / frames / 1e3


def frames_per_second(folder: Path, workers: int, seconds: float = 3.0) -> float:
    """Of shuffled batches, from the second batch on: processes' start is not counted."""
    loader = FrameDataModule(folder, BATCH_SIZE, workers=workers).train_dataloader()
    frames, start, end = 0, 0.0, float("inf")
    while True:
        for batch in loader:
            now = time.perf_counter()
            if not start:
                start, end = now, now + seconds
                continue
            frames += len(batch.frame)
            if now > end:
                return frames / (now - start)


def main(frames: int) -> None:
    torch.set_num_threads(1)
    table = Table("codec", "px", "MB / 1000 frames", "frames/s, this process", "frames/s, 2 workers")
    for image_px in (128, 256):
        for codec in (RawCodec(), PngCodec(), JpegCodec()):
            with tempfile.TemporaryDirectory() as folder:
                size = write(Path(folder), codec, image_px, frames)
                speeds = [frames_per_second(Path(folder), workers) for workers in (0, 2)]
            name = ", ".join(str(value) for value in codec.settings.values())
            table.add_row(name, str(image_px), f"{size:.0f}", *(f"{speed:.0f}" for speed in speeds))
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 512)
