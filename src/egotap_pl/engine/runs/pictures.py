"""The picture of test frames in a run's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.atomic import atomic
from egotap_pl.core.evenly import evenly
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.checkpoints.files import BEST, FOLDER
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.engine.stages import clear_leftovers, held
from egotap_pl.figures.frames import PosedFrame, poses_figure
from egotap_pl.figures.reconstruction import RebuiltFrame, reconstruction_figure
from egotap_pl.tasks import LiftingTask, ZerosTask

QUANTILES = {"best": 0.0, "median": 0.5, "worst tenth": 0.9, "worst": 1.0}
REBUILT_FRAMES = 4


def ensure_picture(run: Path, store: Path, trust: tuple[str, ...]) -> Path:
    """Draw a run's picture of test frames unless it exists: ``poses.png``, or ``maps.png`` for a probe.

    Args:
        run: a finished run's folder.
        store: folder of the prepared data.
        trust: names of what the run's checkpoint may use besides the allowlist.

    Returns:
        The picture.
    """
    if picture := _picture_of(run):
        return picture
    with held(run / ".lock", "picture of test frames"):
        return _picture_of(run) or _draw(run, store, trust)


def _picture_of(run: Path) -> Path | None:
    return next((run / name for name in ("poses.png", "maps.png") if (run / name).is_file()), None)


def _draw(run: Path, store: Path, trust: tuple[str, ...]) -> Path:
    clear_leftovers(run)  # of a process that was killed, or whose disk failed, while it wrote the picture
    task, _ = load_task(run / FOLDER / BEST, trust)
    frames = FrameStore(store_path(store, "test"))
    if isinstance(task, ZerosTask):
        name, figure = "maps.png", _maps_figure(task, frames)
    else:
        assert isinstance(task, LiftingTask)
        name, figure = "poses.png", _poses_figure(task, frames, run)
    with atomic(run / name) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    return run / name


def _poses_figure(task: LiftingTask, frames: FrameStore, run: Path) -> Figure:
    """Draws frames from the best to the worst by MPJPE."""
    predictions = Predictions.read(run / "predictions.h5")
    estimate, truth, rows = predictions.pose_cm, predictions.truth_cm, predictions.row
    errors = predictions.frame_error_mm
    order = np.argsort(errors, kind="stable")[: np.count_nonzero(~np.isnan(errors))]  # NaN is last
    indices = [int(order[round(quantile * (len(order) - 1))]) for quantile in QUANTILES.values()]
    batch = frames.read([int(rows[k]) for k in indices])
    maps = None
    if task.reads_heatmaps:
        with torch.inference_mode():
            maps = task.eval().maps(batch)
    pictures = [
        PosedFrame(
            f"{name}: {errors[k]:.0f} mm\n{frames.categories[int(batch.category[n])]}",
            batch.images[n].numpy(),
            None if maps is None else maps.joint[n].numpy(),
            None if maps is None else maps.limb[n].numpy(),
            truth[k],
            estimate[k],
        )
        for n, (name, k) in enumerate(zip(QUANTILES, indices, strict=True))
    ]
    return poses_figure(pictures, frames.skeleton)


def _maps_figure(task: ZerosTask, frames: FrameStore) -> Figure:
    """Draws evenly spread frames."""
    batch = frames.read(evenly(REBUILT_FRAMES, len(frames)))
    with torch.inference_mode():
        heatmaps = task.eval().maps(batch)
        rebuilt = task.rebuild(heatmaps)
    pictures = [
        RebuiltFrame(
            frames.categories[int(category)], image.numpy(), {"joint maps": maps.numpy(), "rebuilt": copies.numpy()}
        )
        for category, image, maps, copies in zip(batch.category, batch.images, heatmaps, rebuilt, strict=True)
    ]
    return reconstruction_figure(pictures)
