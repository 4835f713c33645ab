"""How well 2D points and pelvis are recovered from UnrealEgo's impl files alone.

EgoSynth is written as UnrealEgo's tree, read back by `ImplAlone`, which sees poses, heatmaps and images only, and
compared with the truth.

    python experiments/benchmarks/impl_recovery.py --frames 480
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from egotap_pl.core.batch import Batch, Visibility
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.egosynth import EgoSynthSource
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.unrealego.layout import write_unrealego
from egotap_pl.data.unrealego.source import UnrealEgoSource
from egotap_pl.data.unrealego.variants import ImplAlone
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import glasses

PX = 16  # the images do not matter here
LISTS = {"test": "test.txt"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=480)
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        truth, found, seconds = recovered(Path(folder), arguments.frames, arguments.workers)
    pelvis = (found.origin_cm - truth.origin_cm).norm(dim=-1)
    points = (found.points2d_px - truth.points2d_px).norm(dim=-1)
    seen = truth.visibility != Visibility.OUT_OF_VIEW
    kept = len(found.pose_cm)
    print(f"{arguments.frames} frames, {arguments.frames - kept} left out; read at {kept / seconds:.0f} frames/s")
    print("pelvis in each camera's frame, cm: " + summary(pelvis))
    print("2D points of joints in view, px of 1024: " + summary(points[seen]))
    print("heatmap pixels are 16 px: without recovery, the centre of the peak's pixel is off by about 6.1 px")


def recovered(folder: Path, frames: int, workers: int | None) -> tuple[Batch, Batch, float]:
    """The frames that were not left out: as they are, and as recovered; and the time that reading took."""
    counts = {"train": 1, "validation": 1, "test": frames}
    people = {"train": 1, "validation": 1, "test": 12}
    source = EgoSynthSource(unrealego(), glasses(), [ProceduralMotions()], counts, people, PX, frames_per_take=16)
    console = Console(stderr=True)
    prepare(source, folder / "stores", RawCodec(), workers, console=console)
    write_unrealego(folder / "stores", folder / "tree", workers, console)
    start = time.monotonic()
    prepare(
        UnrealEgoSource(folder / "tree", LISTS, ImplAlone(), PX), folder / "again", RawCodec(), workers, console=console
    )
    seconds = time.monotonic() - start
    truth, found = (FrameStore(store_path(folder / name, "test")) for name in ("stores", "again"))
    # EgoSynth's frames stand take by take, as the tree's do; those left out are missed by their numbers.
    rows = {identity(truth, row): row for row in range(len(truth))}
    kept = [rows[identity(found, row)] for row in range(len(found))]
    return truth.read(kept, images=False), found.read(range(len(found)), images=False), seconds


def identity(store: FrameStore, row: int) -> tuple[bytes, int]:
    return np.round(store.labels["pose_cm"][row].numpy(), 3).tobytes(), int(store.labels["frame_number"][row])


def summary(errors: torch.Tensor) -> str:
    quantiles = torch.quantile(errors.flatten().double(), torch.tensor([0.5, 0.95, 1.0]).double()).tolist()
    return "mean {:.3f}, median {:.3f}, 95% {:.3f}, largest {:.2f}".format(errors.mean().item(), *quantiles)


if __name__ == "__main__":
    main()
