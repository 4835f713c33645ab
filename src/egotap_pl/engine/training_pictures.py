"""Pictures of a few fixed validation frames, given to every logger that has pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import lightning as L
import numpy as np
import torch
from jaxtyping import Float
from lightning.pytorch.loggers import Logger
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.core.evenly import evenly
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.engine.loggers import log_clouds, log_figures
from egotap_pl.figures.drawing import sign_of_left
from egotap_pl.figures.panels import FramePanel, panel_figure, pose_cloud
from egotap_pl.tasks import HeatmapTask, LiftingTask, ZerosTask
from egotap_pl.tasks.targets import limb_points_cm


def picture_maker(
    module: FrameDataModule, number: int, loggers: Sequence[Logger]
) -> Callable[[L.LightningModule, int], None]:
    """Make a function that draws evenly spread frames of the validation split, always the same ones, and logs them.

    Args:
        module: the data. The frames are read at once, with images even if the training reads cached heatmaps.
        number: number of frames.
        loggers: loggers that get the pictures.

    Returns:
        A function of the task, which must be in evaluation mode, and the training step.
    """
    store = module.store("validation")
    frames = store.read(evenly(number, len(store)))
    limbs = module.skeleton.estimated_limbs
    names = [module.categories[int(category)] for category in frames.category]

    def show(task: L.LightningModule, step: int) -> None:
        panels = panels_of(task, frames.on(task.device), names)
        has_poses = bool(panels and panels[0].poses_cm)
        if panels:
            log_figures(loggers, {"pictures/frames": panel_figure(panels, limbs if has_poses else ())}, step)
        if has_poses:
            clouds = {f"poses/frame_{k + 1}": (p.title, pose_cloud(p, limbs)) for k, p in enumerate(panels)}
            log_clouds(loggers, clouds, step)

    return show


def panels_of(task: L.LightningModule, frames: Batch, titles: Sequence[str]) -> list[FramePanel]:
    """Frames with the heatmaps, and poses if it has any, of a task of this package; empty for any other task.

    Args:
        task: the task, in evaluation mode.
        frames: the frames, on the task's device.
        titles: titles of the frames.
    """
    maps: Mapping[str, Tensor]
    poses: dict[str, Tensor] = {}
    lefts = [1] * len(titles)
    if isinstance(task, LiftingTask):
        maps = {}
        if task.reads_heatmaps:
            frames = frames._replace(heatmaps=task.maps(frames))
            maps = _targets_and(frames, task)
        poses = {"truth": task.truth_cm(frames), "estimate": task(frames)}
        lefts = [sign_of_left(truth, task.skeleton) for truth in poses["truth"].float().cpu().numpy()]
    elif isinstance(task, HeatmapTask):
        estimate = task(frames.images)
        truth = task.target.draw(frames, task.skeleton, estimate.shape[-1])
        maps = {"target heatmaps": truth, "estimated heatmaps": estimate}
    elif isinstance(task, ZerosTask):
        joint_maps = task.maps(frames)
        maps = {"joint heatmaps": joint_maps, "rebuilt": task.rebuild(joint_maps)}
    else:
        return []
    return [
        FramePanel(
            title,
            frames.images[k, 0].cpu().numpy(),
            {name: _channels(value[k, 0]) for name, value in maps.items()},
            {name: value[k].float().cpu().numpy() for name, value in poses.items()},
            lefts[k],
        )
        for k, title in enumerate(titles)
    ]


def _targets_and(frames: Batch, task: LiftingTask) -> Mapping[str, Tensor]:
    """The heatmaps that a lifter reads, each beside the true heatmaps that it should equal."""
    heatmaps = frames.heatmaps
    assert heatmaps is not None
    side = heatmaps.joint.shape[-1]
    return {
        "target joints": joint_heatmaps(frames.points2d_px, task.skeleton, side),
        "joint heatmaps": heatmaps.joint,
        "target limbs": limb_heatmaps(frames.points2d_px, limb_points_cm(frames), task.skeleton, side),
        "limb heatmaps": heatmaps.limb,
    }


def _channels(maps: Float[Tensor, "j *rest"]) -> Float[np.ndarray, "j h w"]:
    """One channel per joint or limb; for limbs, the length of the vector (cosine, sine)."""
    flat = torch.linalg.vector_norm(maps, dim=1) if maps.ndim == 4 else maps
    return flat.float().cpu().numpy()
