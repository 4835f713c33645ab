"""A run's picture of test poses."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import torch

from egotap_pl.analysis.figures import Shown, poses_figure
from egotap_pl.cli.checkpoints import load_task
from egotap_pl.core.batch import Example
from egotap_pl.data.atomic import atomic
from egotap_pl.data.prepare import store_path
from egotap_pl.data.store import FrameStore
from egotap_pl.metrics import mpjpe_mm
from egotap_pl.tasks import LiftingTask

QUANTILES = {"best": 0.0, "median": 0.5, "worst tenth": 0.9, "worst": 1.0}


def ensure_picture(run: Path, store: Path, trust: tuple[str, ...]) -> Path:
    """Draw ``poses.png`` of a run unless it is there: test frames from the best to the worst by MPJPE.

    Args:
        run: a finished run's folder.
        store: folder of the prepared data.
        trust: packages whose classes the run's checkpoint may name.
    """
    path = run / "poses.png"
    if path.is_file():
        return path
    frames = FrameStore(store_path(store, "test"))
    with h5py.File(run / "predictions.h5", "r") as file:
        estimate, truth, rows = file["pose_cm"][...], file["truth_cm"][...], file["row"][...]
    errors = mpjpe_mm(torch.from_numpy(estimate), torch.from_numpy(truth)).numpy()
    order = np.argsort(errors, kind="stable")
    chosen = [int(order[round(quantile * (len(order) - 1))]) for quantile in QUANTILES.values()]
    batch = frames.read([int(rows[k]) for k in chosen])
    task, _ = load_task(run / "checkpoints" / "best.ckpt", trust)
    assert isinstance(task, LiftingTask)
    with torch.inference_mode():
        maps = task.eval().maps(Example(batch, None))
    shown = [
        Shown(
            f"{name}: {errors[k]:.0f} mm\n{frames.categories[int(batch.category[n])]}",
            batch.images[n].numpy(),
            maps.joint[n].numpy(),
            maps.limb[n].numpy(),
            truth[k],
            estimate[k],
        )
        for n, (name, k) in enumerate(zip(QUANTILES, chosen, strict=True))
    ]
    with atomic(path) as temporary:
        poses_figure(shown, frames.skeleton).savefig(temporary, dpi=110, format="png")
    return path
