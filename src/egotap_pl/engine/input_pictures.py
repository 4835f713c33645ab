"""Pictures of some of the frames that `egotap predict` saw."""

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
        task: whose heatmaps are shown.
        frames: the input.
        number: pictures; 0: none.

    Raises:
        EgotapError: if the input does not know how many frames it has.
    """

    def __init__(self, task: LiftingTask, frames: StereoInput, number: int) -> None:
        if number and frames.frames is None:
            raise EgotapError(f"pictures={number}: the video does not say how many frames it has; give frames=N")
        self.task = task
        self.chosen = set(evenly(number, frames.frames or 1))
        self.kept: list[EstimatedFrame] = []

    def add(self, stereo: StereoBatch, pose_cm: Tensor) -> None:
        """Look for chosen frames in a batch."""
        rows = [k for k, frame in enumerate(stereo.batch.frame.tolist()) if frame in self.chosen]
        if not rows:
            return
        batch = stereo.batch.take(rows)
        with torch.inference_mode():
            maps = self.task.maps(batch.on(next(self.task.parameters()).device)).joint
        for k, row in enumerate(rows):
            time_s = stereo.time_s[row]
            title = stereo.name[row] or (f"{time_s:.2f} s" if time_s == time_s else str(int(batch.frame[k])))
            shown = (batch.images[k].numpy(), maps[k].float().cpu().numpy(), pose_cm[row].numpy())
            self.kept.append(EstimatedFrame(title.replace("/", "\n"), *shown))

    def write(self, path: Path) -> None:
        """Draw what was found."""
        with atomic(path) as temporary:
            estimates_figure(self.kept, self.task.skeleton).savefig(temporary, dpi=DPI, format="png")
