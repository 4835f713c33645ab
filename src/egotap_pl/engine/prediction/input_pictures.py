"""Pictures of some of the frames that `egotap predict` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

import egotap_pl
from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.evenly import evenly
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.recordings.frames import StereoBatch, StereoInput
from egotap_pl.data.recordings.images import SOFTWARE
from egotap_pl.figures.estimates import EstimatedFrame, estimates_figure
from egotap_pl.figures.projection import ProjectedPose
from egotap_pl.figures.style import DPI


class Album:
    """Collects frames that are evenly spread over an input, and draws them; in place of a skipped one, the next.

    Args:
        skeleton: the skeleton of heatmaps and poses.
        frames: the input.
        number: number of frames to draw; 0: none.

    Raises:
        EgotapError: if the number of frames in the input is unknown.
    """

    def __init__(self, skeleton: Skeleton, frames: StereoInput, number: int) -> None:
        if number and frames.frames is None:
            raise EgotapError(f"pictures={number}: the video does not say how many frames it has; give frames=N, too")
        self.skeleton = skeleton
        self._wanted = evenly(number, frames.frames or 1)
        self.estimates: list[EstimatedFrame] = []

    def add(
        self,
        stereo: StereoBatch,
        pose_cm: Tensor,
        joint_heatmaps: Tensor | None,
        poses: Sequence[ProjectedPose] | None = None,
    ) -> None:
        """Keep the frames of a batch that are to be drawn.

        Args:
            stereo: the batch.
            pose_cm: its estimated poses.
            joint_heatmaps: its joint heatmaps; None: there are none.
            poses: the pose of each frame in both views; None: only peaks are drawn into them.
        """
        for k, frame in enumerate(stereo.batch.frame.tolist()):
            if not self._wanted or frame < self._wanted[0]:
                continue
            self._wanted = [other for other in self._wanted if other > frame]
            time_s = stereo.time_s[k]
            title = stereo.name[k] or (f"{time_s:.2f} s" if time_s == time_s else str(frame))
            self.estimates.append(
                EstimatedFrame(
                    title.replace("/", "\n"),
                    stereo.batch.images[k].numpy(),
                    None if joint_heatmaps is None else joint_heatmaps[k].cpu().numpy(),
                    pose_cm[k].numpy(),
                    None if poses is None else poses[k],
                )
            )

    def write(self, path: Path) -> None:
        """Draw the frames into a PNG file."""
        with atomic(path) as temporary:
            figure = estimates_figure(self.estimates, self.skeleton)
            # The name of the software keeps the picture from being read as a frame of the folder that it is in.
            software = {"Software": f"{SOFTWARE} {egotap_pl.__version__}"}
            figure.savefig(temporary, dpi=DPI, format="png", metadata=software)
