"""Stereo rigs mounted on the head."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.synth.figure import BONES

_HEAD = BONES.index("head")
_Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class HeadMount:
    """A rig, and where its left camera is in the head bone's axes (X to the wearer's left, Y up, Z forward)."""

    rig: StereoRig
    """The two cameras."""
    position_cm: tuple[float, float, float]
    """Position of the left camera relative to the head bone's origin (the base of the skull); the same for subjects of
    any size."""
    rotation: _Matrix
    """Rotation whose columns are the left camera's axes (X right, Y down, Z forward)."""

    def left_camera(
        self, positions_cm: Float[Tensor, "frame bone 3"], orientations: Float[Tensor, "frame bone 3 3"]
    ) -> tuple[Float[Tensor, "frame 3"], Float[Tensor, "frame 3 3"]]:
        """Centre (cm) and axes (as columns) of the left camera in the world.

        Args:
            positions_cm: origin of every bone in the world.
            orientations: orientation of every bone in the world.
        """
        head = orientations[:, _HEAD]
        centre = positions_cm[:, _HEAD] + head @ head.new_tensor(self.position_cm)
        return centre, head @ head.new_tensor(self.rotation)

    def shifted(self, right_cm: float, down_cm: float, forward_cm: float, tilt_deg: float) -> HeadMount:
        """The same rig worn a little differently. It moves as one piece: both cameras keep their relative pose.

        Args:
            right_cm: shift along the left camera's X axis.
            down_cm: shift along its Y axis.
            forward_cm: shift along its Z axis.
            tilt_deg: additional downward tilt.
        """
        rotation = torch.tensor(self.rotation, dtype=torch.float64)
        moved = torch.tensor(self.position_cm, dtype=torch.float64)
        moved = moved + rotation @ torch.tensor((right_cm, down_cm, forward_cm), dtype=torch.float64)
        turned = rotation @ torch.tensor(_tilt(tilt_deg), dtype=torch.float64)
        x, y, z = moved.tolist()
        return HeadMount(self.rig, (x, y, z), _matrix(turned))


def both_cameras(
    rig: StereoRig, centre_cm: Float[Tensor, "f 3"], axes: Float[Tensor, "f 3 3"]
) -> tuple[Float[Tensor, "f v 3 3"], Float[Tensor, "f v 3"]]:
    """Axes (as columns) and centre (cm) of each view's camera in the world.

    Args:
        rig: the two cameras.
        centre_cm: centre of the left camera in the world.
        axes: its axes in the world, as columns.
    """
    rotation, translation = axes.new_tensor(rig.rotation), axes.new_tensor(rig.translation_cm)
    right = centre_cm - axes @ (rotation.T @ translation)
    return torch.stack((axes, axes @ rotation.T), 1), torch.stack((centre_cm, right), 1)


def _matrix(rotation: Tensor) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    return ((a, b, c), (d, e, f), (g, h, i))


def _tilt(degrees: float) -> _Matrix:
    """Rotation of a camera about its own X axis, so that it looks farther down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((1.0, 0.0, 0.0), (0.0, c, s), (0.0, -s, c))


def _looking_down(rig: StereoRig, left_cm: float, up_cm: float, forward_cm: float, tilt_deg: float) -> HeadMount:
    level = torch.tensor(((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)), dtype=torch.float64)
    rotation = level @ torch.tensor(_tilt(tilt_deg), dtype=torch.float64)
    return HeadMount(rig, (left_cm, up_cm, forward_cm), _matrix(rotation))


def glasses(
    baseline_cm: float = 12.0, forward_cm: float = 17.0, up_cm: float = 9.0, tilt_deg: float = 70.0
) -> HeadMount:
    """UnrealEgo's calibration on a pair of glasses with parallel axes, looking down.

    The position of the glasses is our choice. It shows the body well; closer to the face, the chest hides the legs.

    Args:
        baseline_cm: distance between the two cameras.
        forward_cm: distance of the cameras in front of the head bone's origin.
        up_cm: height of the cameras above it.
        tilt_deg: angle between the optical axes and the horizon.
    """
    return _looking_down(StereoRig.unrealego(baseline_cm), baseline_cm / 2, up_cm, forward_cm, tilt_deg)


def stick(
    baseline_cm: float = 18.0,
    forward_cm: float = 26.0,
    up_cm: float = 14.0,
    tilt_deg: float = 72.0,
    yaw_deg: float = 4.0,
    roll_deg: float = 3.0,
) -> HeadMount:
    """A stick like EgoCap's, 20 to 25 cm in front of the head, with its second camera rotated against the first.

    The intrinsics are UnrealEgo's, because EgoCap's calibration is only published with its data. Baseline and angles
    are our choice.

    Args:
        baseline_cm: distance between the two cameras.
        forward_cm: distance of the cameras in front of the head bone's origin.
        up_cm: height of the cameras above it.
        tilt_deg: angle between the left optical axis and the horizon.
        yaw_deg: rotation of the right camera against the left one about the vertical image axis.
        roll_deg: rotation of the right camera against the left one about the optical axis.
    """
    eyes = StereoRig.unrealego(baseline_cm)
    yaw, roll = math.radians(yaw_deg), math.radians(roll_deg)
    about_y = torch.tensor(
        ((math.cos(yaw), 0, math.sin(yaw)), (0, 1, 0), (-math.sin(yaw), 0, math.cos(yaw))), dtype=torch.float64
    )
    about_z = torch.tensor(
        ((math.cos(roll), -math.sin(roll), 0), (math.sin(roll), math.cos(roll), 0), (0, 0, 1)), dtype=torch.float64
    )
    rotation = about_z @ about_y
    x, y, z = (rotation @ torch.tensor((-baseline_cm, 0.0, 0.0), dtype=torch.float64)).tolist()
    rig = StereoRig("stick", eyes.cameras, _matrix(rotation), (x, y, z))
    return _looking_down(rig, baseline_cm / 2, up_cm, forward_cm, tilt_deg)
