"""A figure with outstretched arms, as cameras on its head see it."""

from __future__ import annotations

import numpy as np
import torch

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.synth.figure import BONES, REST_OFFSETS, bone_of, forward_kinematics
from egotap_pl.synth.mount import HeadMount


def t_pose_cm(mount: HeadMount, skeleton: Skeleton) -> np.ndarray:
    """The estimated joints of a figure in its rest pose, in the left camera's axes."""
    rest = torch.eye(3).expand(1, len(BONES), 3, 3)
    positions, orientations = forward_kinematics(REST_OFFSETS, rest, torch.zeros(1, 3))
    centre, axes = mount.left_camera(positions, orientations)
    bones = [bone_of(skeleton.name, joint) for joint in skeleton.estimated_names]
    return ((positions[:, bones] - centre[:, None]) @ axes)[0].numpy()
