"""What a frame costs the networks of a lifting task, counted and not measured."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS, Batch
from egotap_pl.data.recordings.frames import unlabelled
from egotap_pl.engine.benchmarks import costs
from egotap_pl.tasks import LiftingTask


class FrameCost(NamedTuple):
    """Counts of all networks of a task: its estimators, if it has any, and its lifter."""

    parameters: int
    """Number of parameters, of frozen estimators, too."""

    gflop: float
    """Billions of floating-point operations from a frame to its pose; see `egotap_pl.engine.benchmarks.costs.flops`."""


def frame_cost(task: LiftingTask, window_frames: int = 1) -> FrameCost:
    """What a task computes for a frame, from its images or, if it draws true heatmaps, from these.

    On the ``meta`` device nothing is computed, but all is counted.

    Args:
        task: the task.
        window_frames: number of frames that it reads for a pose. The earlier ones of a recording were encoded before.
    """
    device, px = task.mean_pose_cm.device, task.heatmaps.image_px
    images = torch.zeros(1, NUM_VIEWS, 3, px, px, dtype=torch.uint8)
    batch = unlabelled(images, task.skeleton.num_joints, 0).on(device)
    was_training = task.training
    task.eval()
    gflop = costs.flops(_NextFrame(task, window_frames) if task.reads_past else task, [batch]) / 1e9
    task.train(was_training)
    return FrameCost(costs.parameters(task), gflop)


class _NextFrame(nn.Module):
    """The next frame of a recording: it is encoded once, and its window is lifted."""

    def __init__(self, task: LiftingTask, frames: int) -> None:
        super().__init__()
        self.task, self.frames = task, frames

    def forward(self, batch: Batch) -> Tensor:
        return self.task.lift(whole_windows(self.task.encode(batch), self.frames))


def whole_windows(codes: tuple[Tensor, ...], frames: int) -> tuple[Tensor, ...]:
    """Windows in which the codes of a frame stand for those of the earlier frames, too, which cost the same to lift.

    Args:
        codes: what `LiftingTask.encode` gave of each frame.
        frames: number of frames in a window.
    """
    return tuple(code[:, None].expand(-1, frames, *code.shape[1:]) for code in codes)
