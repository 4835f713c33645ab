"""How much of the body the cameras of a mount can see, found out without rendering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.synth.render import PosedBody
from egotap_pl.synth.truth import joint_bones


class Sight(NamedTuple):
    """What two cameras see of bodies. Occlusion does not matter."""

    joints: tuple[float, float]
    """Share of all joints that are within the left and the right view."""
    frames: float
    """Share of the frames in which at least half of the joints are within a view."""
    counted: int
    """Number of frames."""

    @classmethod
    def of(cls, inside: Sequence[Bool[Tensor, "f v j"]]) -> Sight:
        """Sums up what `joints_inside` says of several bodies."""
        views = torch.cat(list(inside)).float().mean(-1)
        left, right = views.mean(0).tolist()
        return cls((left, right), float((views.amax(-1) >= 0.5).float().mean()), len(views))


def joints_inside(skeleton: Skeleton, rig: StereoRig, posed: PosedBody) -> Bool[Tensor, "f v j"]:
    """Whether each joint of the body is within each view, hidden or not; the camera's own joint is skipped.

    Args:
        skeleton: the joints.
        rig: the two cameras.
        posed: frames of a body and of the rig that it wears.
    """
    bones = [bone for bone in joint_bones(skeleton) if bone is not None]
    left_cm = (posed.bones_cm[:, bones] - posed.centre_cm[:, None]) @ posed.axes
    return rig.project(left_cm)[1]
