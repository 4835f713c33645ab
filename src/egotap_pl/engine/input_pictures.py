"""Pictures of some of the frames that `egotap predict` reads."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.evenly import evenly
from egotap_pl.data.recordings.frames import StereoBatch, StereoInput
from egotap_pl.figures.estimates import EstimatedFrame, estimates_figure
from egotap_pl.figures.style import DPI
from egotap_pl.tasks import LiftingTask


class Album:
    """Collects frames that are evenly spread over an input, and draws them.

    Args:
        task: the task whose heatmaps are shown.
        frames: the input.
        number: number of frames to draw; 0: none.

    Raises:
        EgotapError: if the number of frames in the input is unknown.
    """

    def __init__(self, task: LiftingTask, frames: StereoInput, number: int) -> None:
        if number and frames.frames is None:
            raise EgotapError(f"pictures={number}: the video does not say how many frames it has; give frames=N, too")
        self.task = task
        self.frames = set(evenly(number, frames.frames or 1))
        self.estimates: list[EstimatedFrame] = []

    def add(self, stereo: StereoBatch, pose_cm: Tensor) -> None:
        """Keep the frames of a batch that are to be drawn.

        Args:
            stereo: the batch.
            pose_cm: its estimated poses.
        """
        rows = [k for k, frame in enumerate(stereo.batch.frame.tolist()) if frame in self.frames]
        if not rows:
            return
        batch = stereo.batch.take(rows)
        with torch.inference_mode():
            maps = self.task.maps(batch.on(next(self.task.parameters()).device)).joint
        for k, row in enumerate(rows):
            time_s = stereo.time_s[row]
            title = stereo.name[row] or (f"{time_s:.2f} s" if time_s == time_s else str(int(batch.frame[k])))
            arrays = (batch.images[k].numpy(), maps[k].float().cpu().numpy(), pose_cm[row].numpy())
            self.estimates.append(EstimatedFrame(title.replace("/", "\n"), *arrays))

    def write(self, path: Path) -> None:
        """Draw the frames into a PNG file."""
        with atomic(path) as temporary:
            estimates_figure(self.estimates, self.task.skeleton).savefig(temporary, dpi=DPI, format="png")
