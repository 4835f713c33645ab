"""Cached heatmaps: size, and frames a second and core, as hundredths and as half floats.

python experiments/benchmarks/kept_heatmaps.py [frames]

The heatmaps are those that egosynth-small gives for EgoSynth frames. Reading is in random order, in batches, up
to floats; the file is in the operating system's cache. One thread, CPU time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import egotap_pl
from egotap_pl.core.batch import Heatmaps
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.store.heatmaps import HeatmapStore, HeatmapWriter
from egotap_pl.engine.datasets import ensure_data

BATCH_SIZE, ROUNDS = 32, 5


def estimated(frames: int, folder: Path) -> Heatmaps:
    """Heatmaps of rendered frames, exact."""
    counts = f"data.frames={{train: {frames}, validation: 1, test: 1}}"
    data = ensure_data(egotap_pl.compose("scale=tiny", counts, "data.workers=0").data, folder)
    source = egotap_pl.load_task("egosynth-small").eval().heatmaps
    source.rounded = False
    with torch.inference_mode():
        batches = FrameDataModule(data.folder, BATCH_SIZE, workers=0).ordered_loader("train")
        parts = [source(batch) for batch in batches]
    return Heatmaps(*(torch.cat(part) for part in zip(*parts, strict=True)))


def rate(frames: int, work: Callable[[], object]) -> float:
    """Frames a second of CPU time: the best of a few rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return frames / best


def measure(maps: Heatmaps, path: Path, rounded: bool) -> tuple[float, float, float]:
    """kB per frame, and frames a second that are written and read."""
    frames = len(maps.joint)
    batches = torch.randperm(frames, generator=torch.Generator().manual_seed(0)).split(BATCH_SIZE)

    def write() -> None:
        with HeatmapWriter(path, frames, rounded) as writer:
            for rows in torch.arange(frames).split(BATCH_SIZE):
                writer.append(Heatmaps(*(part[rows] for part in maps)))

    written = rate(frames, write)
    store = HeatmapStore(path, frames)

    def read() -> None:
        for rows in batches:
            store.read(rows.tolist()).floats()

    return path.stat().st_size / frames / 1e3, written, rate(frames, read)


def main(frames: int = 300) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table(title=f"{frames} frames, 90 heatmaps of 32 x 32 px each")
    for heading in ("cached as", "kB a frame", "written, frames/s", "read, frames/s"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        maps = estimated(frames, Path(folder))
        for name, rounded in {"half floats": False, "hundredths": True}.items():
            size, *rates = measure(maps, Path(folder) / f"{rounded}.h5", rounded)
            table.add_row(name, f"{size:.1f}", *(f"{value:.0f}" for value in rates))
    Console().print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
