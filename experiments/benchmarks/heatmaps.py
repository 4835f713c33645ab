"""Frames a second and core: the batched rasterisers against SciPy and scikit-image, map by map.

A frame is UnrealEgo's: 15 joints and 15 limbs in two views, 90 maps of 64 x 64. One thread each.
Run: python experiments/benchmarks/heatmaps.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.draw import line_aa

from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import unrealego

SIZE = 64
SKELETON = unrealego()


def scipy_frame(points_px: np.ndarray, pose_cm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All maps of one frame, one after the other."""
    joints = np.zeros((2, 15, SIZE, SIZE), np.float32)
    limbs = np.zeros((2, 15, 2, SIZE, SIZE), np.float32)
    at = points_px * SIZE / 1024
    for view in range(2):
        for h, (child, parent) in enumerate(SKELETON.limbs):
            x, y = at[view, child]
            canvas = np.zeros((SIZE + 8, SIZE + 8), np.float32)
            if -4 <= x < SIZE + 4 and -4 <= y < SIZE + 4:
                canvas[int(y) + 4, int(x) + 4] = 1
            joints[view, h] = gaussian_filter(canvas, 1)[4:-4, 4:-4] / 0.15915589

            (x0, y0), (x1, y1) = np.rint(at[view, [parent, child]]).astype(int)
            rows, columns, values = line_aa(y0, x0, y1, x1)
            seen = (rows >= 0) & (rows < SIZE) & (columns >= 0) & (columns < SIZE)
            line = np.zeros((SIZE, SIZE), np.float32)
            line[rows[seen], columns[seen]] = values[seen]
            line = 2 * gaussian_filter(line, 1, mode="constant")
            dx, dy, dz = pose_cm[parent] - pose_cm[child]
            theta = np.arctan(dz / np.hypot(dx, dy))
            limbs[view, h, 0], limbs[view, h, 1] = line * np.cos(theta), line * np.sin(theta)
    return joints, limbs


def seconds(call: Callable[[], object], repeats: int = 15) -> float:
    """Median of several runs, after a warm-up; CPU time, so that other work on the machine counts less."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def compare(points: torch.Tensor, pose: torch.Tensor) -> str:
    """One row of the table: both forms on the same frames."""

    def batched() -> tuple[torch.Tensor, torch.Tensor]:
        return joint_heatmaps(points, SKELETON, SIZE), limb_heatmaps(points, pose, SKELETON, SIZE)

    def one_by_one() -> list[tuple[np.ndarray, np.ndarray]]:
        return [scipy_frame(*frame) for frame in zip(points.numpy(), pose.numpy(), strict=True)]

    batch = len(points)
    ours, theirs = batch / seconds(batched), batch / seconds(one_by_one, 5)
    expected = [torch.from_numpy(np.stack(maps)) for maps in zip(*one_by_one(), strict=True)]
    joints, limbs = (float((a - b).abs().max()) for a, b in zip(batched(), expected, strict=True))
    return f"{batch:5d}  {ours:17.0f}  {theirs:15.0f}  {ours / theirs:5.1f}  {joints:.1e}, {limbs:.1e}"


def main() -> None:
    """Print a line per batch size."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    points = 512 + 500 * (2 * torch.rand(32, 2, 16, 2, generator=generator) - 1)
    pose = 50 * torch.randn(32, 16, 3, generator=generator)
    print("batch  batched, frames/s  SciPy, frames/s  ratio  largest difference (joints, limbs)")
    for batch in (16, 32):
        print(compare(points[:batch], pose[:batch]))


if __name__ == "__main__":
    main()
