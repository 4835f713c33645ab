"""How reading grows: frames/s against the number of frames, the batch, reading processes and the image's size.

    python experiments/benchmarks/growth.py --picture growth.png

A store of 256 frames (raw images) stands for one of any size: rows beyond its end are read from its beginning. Its file
is in the operating system's cache. The first batch comes after the order of all frames is drawn and processes have
started. Drawing of true heatmaps, by number of joints, is on one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from store import write

from egotap_pl.core.batch import Batch
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.datamodule import FrameDataModule, FrameDataset
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.figures.style import BLUE, DPI, legend_below, log_x, looks, page, style_axis

SCALES = Path(__file__).parents[2] / "conf" / "scale"
STORED = 256


class Repeated(FrameDataset):
    """A store that seems to have as many frames as one likes."""

    frames = STORED

    def __len__(self) -> int:
        return self.frames

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        return super().__getitems__([row % len(self.store) for row in rows])


class RepeatedModule(FrameDataModule):
    """Loaders of `Repeated` frames."""

    frames = STORED

    def _dataset(self, split: str) -> FrameDataset:
        data = Repeated(self.store(split))
        data.frames = self.frames
        return data


def reading(folder: Path, frames: int, batch: int, workers: int, seconds: float) -> tuple[float, float]:
    """Seconds until the first batch, and frames/s after it."""
    start = time.perf_counter()
    module = RepeatedModule(folder, batch, workers=workers)
    module.frames = frames
    batches = iter(module.train_dataloader())
    next(batches)
    first = time.perf_counter() - start
    read, start = 0, time.perf_counter()
    for each in batches:
        read += len(each.frame)
        if time.perf_counter() - start > seconds:
            break
    return first, read / max(time.perf_counter() - start, 1e-9)


def drawing(joints: int, size: int, seconds: float, batch: int = 32) -> float:
    """Frames/s of all true heatmaps of a skeleton with so many joints."""
    names = tuple(f"joint {k}" for k in range(joints))
    skeleton = Skeleton("chain", names, (0, *range(joints - 1)), estimates_root=True)
    points, pose = 1024 * torch.rand(batch, 2, joints, 2), 50 * torch.randn(batch, joints, 3)
    drawn, start = 0, time.perf_counter()
    while not drawn or time.perf_counter() - start < seconds:
        joint_heatmaps(points, skeleton, size)
        limb_heatmaps(points, pose, skeleton, size)
        drawn += batch
    return drawn / (time.perf_counter() - start)


def picture(read: Mapping[int, Mapping[tuple[int, int, int], float]], drawn: Mapping[int, float]) -> Figure:
    """Frames/s against the number of frames, the batch, reading processes and joints.

    Args:
        read: frames/s by the images' size, then by the number of frames, the batch and reading processes.
        drawn: frames/s of true heatmaps by the number of joints.
    """
    figure = page(2.4)
    *axes, last = figure.subplots(1, 4)
    names = ("frames in the store", "batch", "reading processes")
    for k, (axis, name) in enumerate(zip(axes, names, strict=True)):
        style_axis(axis, name, "" if k else "read, frames/s")
        for (px, of_rows), look in zip(read.items(), looks(len(read)), strict=True):
            rest = [row[:k] + row[k + 1 :] for row in of_rows]
            usual = max(rest, key=rest.count)  # what the other two are while this one changes
            points = sorted((row[k], speed) for row, speed in of_rows.items() if row[:k] + row[k + 1 :] == usual)
            axis.plot(*zip(*points, strict=True), color=look.color, marker=look.marker, label=f"images of {px} px")
        axis.margins(y=0.08)
        axis.set_ylim(0)
    log_x(axes[0])
    axes[0].xaxis.set_major_locator(LogLocator())
    axes[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    axes[2].xaxis.set_major_locator(MaxNLocator(integer=True))
    style_axis(last, "joints", "heatmaps drawn, frames/s")
    last.plot(list(drawn), list(drawn.values()), color=BLUE, marker="s")
    last.margins(y=0.08)
    last.set_ylim(0)
    legend_below(figure, axes[0])
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="paper", choices=["smoke", "tiny", "paper"], help="of images and heatmaps")
    parser.add_argument("--frames", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--picture", type=Path, help="where to draw the curves")
    args = parser.parse_args()
    torch.set_num_threads(1)
    scale = OmegaConf.load(SCALES / f"{args.scale}.yaml")
    read: dict[int, dict[tuple[int, int, int], float]] = {}
    table = Table("image px", "frames", "batch", "workers", "first batch, s", "frames/s")
    with tempfile.TemporaryDirectory() as folder:
        for px in (scale.image_px // 2, scale.image_px):
            path = Path(folder) / str(px)
            path.mkdir()
            write(path, RawCodec(), px, STORED)
            middle = (args.frames[-1], args.batch[len(args.batch) // 2], args.workers[0])
            rows = [(frames, *middle[1:]) for frames in args.frames]
            rows += [(middle[0], batch, middle[2]) for batch in args.batch]
            rows += [(*middle[:2], workers) for workers in args.workers]
            for row in dict.fromkeys(rows):
                first, speed = reading(path, *row, args.seconds)
                read.setdefault(px, {})[row] = speed
                table.add_row(str(px), *map(str, row), f"{first:.2f}", f"{speed:.0f}")
    joints = Table("joints", "true heatmaps, frames/s")
    drawn = {number: drawing(number, scale.heatmap_px, args.seconds) for number in (8, 16, 32, 64)}
    for number, speed in drawn.items():
        joints.add_row(str(number), f"{speed:.0f}")
    Console().print(table, joints)
    if args.picture is not None:
        picture(read, drawn).savefig(args.picture, dpi=DPI)


if __name__ == "__main__":
    main()
