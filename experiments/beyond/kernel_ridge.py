"""Poses without a network behind the heatmaps: kernel ridge regression on what is known of their peaks.

    python experiments/beyond/kernel_ridge.py work/data/egosynth-a1be598205b6

reads prepared data, estimates their heatmaps with packaged estimators, and prints the errors on the test split. A frame
is what `PeakLifter` reads, 600 numbers for UnrealEgo's skeleton. Training frames are used as they are and mirrored.
Validation selects the ridge.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl import load_task, open_store
from egotap_pl.core.batch import Batch
from egotap_pl.data.augment.mirror import swap_mirror
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.metrics import PoseMetrics
from egotap_pl.nn.peak_lifter import PeakLifter
from egotap_pl.tasks.heatmap_sources import IMAGE_TO_MAP

_GAMMA = 0.25  # of the Gaussian kernel, for squared distances over their mean
_RIDGES = (0.01, 0.03, 0.1)
_FRAMES_AT_ONCE = 25


class Split(NamedTuple):
    """The frames of a split."""

    numbers: Float[Tensor, "n d"]
    pose_cm: Float[Tensor, "n e 3"]


@torch.no_grad()
def read(store: FrameStore, frames: int, estimators: str) -> tuple[Split, Split]:
    """A split's first frames: as they are, and mirrored."""
    source, skeleton = load_task(estimators).heatmaps, store.skeleton
    lifter = PeakLifter(skeleton, store.image_px // IMAGE_TO_MAP, hidden_dims=())
    lifter.set_rig(store.rig)
    parts: tuple[list[Split], list[Split]] = ([], [])
    count = min(frames, len(store))
    for first in range(0, count, _FRAMES_AT_ONCE):
        batch: Batch = store.read(range(first, min(first + _FRAMES_AT_ONCE, count)))
        batch = batch._replace(heatmaps=source(batch))
        for part, seen in zip(parts, (batch, swap_mirror(batch, skeleton, store.rig)), strict=True):
            assert seen.heatmaps is not None
            part.append(Split(lifter.numbers(*seen.heatmaps), seen.pose_cm[:, list(skeleton.estimated)]))
    plain, mirrored = (Split(*(torch.cat(column) for column in zip(*part, strict=True))) for part in parts)
    return plain, mirrored


def main(folder: str, frames: int, estimators: str) -> None:
    """Fits training frames and prints MPJPE and PA-MPJPE (mm) of the validation and test splits."""
    stores = {split: open_store(folder, split) for split in ("train", "validation", "test")}
    both = read(stores["train"], frames, estimators)
    splits = {name: read(stores[name], frames, estimators)[0] for name in ("validation", "test")}
    mean, deviation = both[0].numbers.mean(0), both[0].numbers.std(0) + 1e-3

    def scaled(numbers: Tensor) -> Tensor:
        return ((numbers - mean) / deviation).clamp(-6, 6)

    known = scaled(torch.cat([part.numbers for part in both]))
    poses = torch.cat([part.pose_cm for part in both]).flatten(1)
    unit = torch.cdist(known, known).square().mean()

    def kernel(numbers: Tensor) -> Tensor:
        return (-_GAMMA * torch.cdist(numbers, known).square() / unit).exp()

    for ridge in _RIDGES:
        factor = torch.linalg.cholesky(kernel(known) + ridge * torch.eye(len(known)))
        weights = torch.cholesky_solve(poses - poses.mean(0), factor)
        line = [f"ridge {ridge:5}"]
        for name in ("validation", "test"):
            numbers, truth = splits[name]
            estimate = (kernel(scaled(numbers)) @ weights + poses.mean(0)).unflatten(1, (-1, 3))
            error = PoseMetrics(stores[name].skeleton.estimated_names, ("all",))
            error.update(estimate, truth, torch.zeros(len(truth), dtype=torch.long))
            errors = error.compute()
            line.append(f"{name}: MPJPE {errors['mpjpe']:.2f}, PA-MPJPE {errors['pa_mpjpe']:.2f} mm")
        print("  ".join(line))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of prepared data")
    parser.add_argument("--frames", type=int, default=10**9, help="first frames of each split (default: all)")
    parser.add_argument("--estimators", default="egosynth-small", help="checkpoint with estimators")
    arguments = parser.parse_args()
    main(arguments.data, arguments.frames, arguments.estimators)
