"""What changes of images do to finished networks: errors on test frames, as they are and changed.

python experiments/beyond/robustness.py work/data/egosynth-a1be598205b6 egosynth-small      # prepared data, checkpoints

Every change is one that recordings have: compression, noise of a sensor, less light, and a lens out of focus. The last
column says how far joints move, on average, from where they were without the change.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from rich import box
from rich.progress import track
from rich.table import Table
from scipy.ndimage import gaussian_filter
from torch import Tensor

import egotap_pl
from egotap_pl.core.messages import PROGRESS, print_whole
from egotap_pl.data.store import FrameStore
from egotap_pl.metrics import mpjpe_mm

BATCH = 50
Images = UInt8[np.ndarray, "b 2 3 s s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of prepared data")
    parser.add_argument("checkpoints", nargs="+", help="files, folders of runs, or names of finished weights")
    parser.add_argument("--frames", type=int, default=600, help="test frames, the first ones")
    args = parser.parse_args()
    store = egotap_pl.open_store(args.data, "test")
    table = Table("network", "images", "MPJPE (mm)", "joints move (mm)", box=box.SIMPLE)
    for checkpoint in args.checkpoints:
        predictor = egotap_pl.Predictor.load(checkpoint)
        truth_cm, poses = poses_of(predictor, store, min(args.frames, len(store)), checkpoint)
        for name, poses_cm in poses.items():
            errors_mm = (mpjpe_mm(poses_cm, other).nanmean() for other in (truth_cm, poses["as they are"]))
            table.add_row(checkpoint, name, *(f"{error:.1f}" for error in errors_mm))
    print_whole(table)


def changes(rng: np.random.Generator) -> Mapping[str, Callable[[Images], Images]]:
    """The changes by name."""
    return {
        "as they are": lambda images: images,
        "JPEG, quality 95": lambda images: compressed(images, 95),
        "enlarged to four times, JPEG, quality 95": lambda images: compressed(images, 95, enlarged=4),
        "JPEG, quality 75": lambda images: compressed(images, 75),
        "noise, 2% of white": lambda images: as_bytes(images + rng.normal(0, 0.02 * 255, images.shape)),
        "30% darker": lambda images: as_bytes(0.7 * images),
        "blurred, 0.7 px": lambda images: as_bytes(gaussian_filter(images.astype(np.float32), (0, 0, 0, 0.7, 0.7))),
    }


def poses_of(
    predictor: egotap_pl.Predictor, store: FrameStore, frames: int, title: str
) -> tuple[Float[Tensor, "n e 3"], dict[str, Float[Tensor, "n e 3"]]]:
    """The true poses, and those that are estimated of changed frames, by the name of the change."""
    each, truth = changes(np.random.default_rng(0)), []
    poses: dict[str, list[Tensor]] = {name: [] for name in each}
    for start in track(range(0, frames, BATCH), title, console=PROGRESS, transient=True):
        batch = store.read(range(start, min(start + BATCH, frames)))
        truth.append(batch.pose_cm[:, store.skeleton.estimated])
        for name, change in each.items():
            pose_cm = predictor(change(batch.images.numpy()))
            poses[name].append(torch.from_numpy(pose_cm)[:, store.skeleton.estimated])
    return torch.cat(truth), {name: torch.cat(parts) for name, parts in poses.items()}


def compressed(images: Images, quality: int, enlarged: int = 1) -> Images:
    """Images after compression with JPEG, whose colours have half the resolution. They may be enlarged before."""

    def decoded(image: UInt8[np.ndarray, "3 s s"]) -> UInt8[np.ndarray, "3 _ _"]:
        content, whole = io.BytesIO(), Image.fromarray(image.transpose(1, 2, 0))
        size = (enlarged * whole.width, enlarged * whole.height)
        whole.resize(size, Image.Resampling.BICUBIC).save(content, "JPEG", quality=quality)
        return np.asarray(Image.open(content)).transpose(2, 0, 1)

    return np.stack([np.stack([decoded(view) for view in frame]) for frame in images])


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Values of 0 to 255, rounded."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
