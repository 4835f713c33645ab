"""The headset's own frame, and how it is to the cameras.

Where a data set does not say otherwise, the frame's origin is the midpoint of the two cameras, and its axes are halfway
between theirs. If the cameras' axes are parallel, a point is the mean of its positions in the two cameras' frames.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import StereoRig
from egotap_pl.data.calibration.transform import Transform

DeviceToViews = tuple[Transform, Transform]
"""From the headset's frame to the left and to the right camera's."""


def left_to_right(rig: StereoRig) -> Transform:
    """From the left to the right camera of a rig."""
    return Transform(np.array(rig.rotation), np.array(rig.translation_cm))


def device_to_views(between_cameras: Transform) -> DeviceToViews:
    """The headset's frame of two cameras.

    Args:
        between_cameras: from the left to the right camera.

    >>> to_left, to_right = device_to_views(left_to_right(StereoRig.unrealego(12.0)))
    >>> to_right.translation_cm.tolist()
    [6.0, 0.0, 0.0]
    """
    between, translation = between_cameras
    if np.array_equal(between, np.eye(3)):
        return Transform(np.eye(3), translation / -2 + 0.0), Transform(np.eye(3), translation / 2)
    half = Rotation.from_rotvec(Rotation.from_matrix(between).as_rotvec() / 2).as_matrix()
    return Transform(half.T, -between.T @ translation / 2), Transform(half, translation / 2)


def moved(transform: Transform, points_cm: Float64[np.ndarray, "j 3"]) -> Float64[np.ndarray, "j 3"]:
    """Points in another frame."""
    return points_cm @ transform.rotation.T + transform.translation_cm


def rigid_fit(points_cm: Float64[np.ndarray, "j 3"], target_cm: Float64[np.ndarray, "j 3"]) -> Transform:
    """The rigid transform that moves points nearest to others (Kabsch 1976).

    Args:
        points_cm: at least three points that are not on a line.
        target_cm: where they are in the other frame.
    """
    middle, target_middle = points_cm.mean(0), target_cm.mean(0)
    rotation = Rotation.align_vectors(target_cm - target_middle, points_cm - middle)[0].as_matrix()
    return Transform(rotation, target_middle - rotation @ middle)
