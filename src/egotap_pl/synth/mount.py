"""How a stereo rig sits on the head."""

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
    """A rig and the pose of its left camera in the head bone's axes (X to the wearer's left, Y up, Z forward).

    Fields:
        rig: the two cameras.
        position_cm: the left camera, from the head bone's origin (the base of the skull) of a figure of any size.
        rotation: its columns are the left camera's axes (X right, Y down, Z forward).
    """

    rig: StereoRig
    position_cm: tuple[float, float, float]
    rotation: _Matrix

    def left_camera(
        self, positions_cm: Float[Tensor, "frame bone 3"], orientations: Float[Tensor, "frame bone 3 3"]
    ) -> tuple[Float[Tensor, "frame 3"], Float[Tensor, "frame 3 3"]]:
        """The left camera's centre and its axes (as columns) in the world."""
        head = orientations[:, _HEAD]
        centre = positions_cm[:, _HEAD] + head @ head.new_tensor(self.position_cm)
        return centre, head @ head.new_tensor(self.rotation)

    def shifted(self, right_cm: float, down_cm: float, forward_cm: float, tilt_deg: float) -> HeadMount:
        """The same rig, worn a little differently: moved along the left camera's axes and tilted farther down.

        The rig turns as one piece: the cameras keep their places to each other.
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
    """Each view's camera axes (as columns) and centre in the world, from the left camera's."""
    rotation, translation = axes.new_tensor(rig.rotation), axes.new_tensor(rig.translation_cm)
    right = centre_cm - axes @ (rotation.T @ translation)
    return torch.stack((axes, axes @ rotation.T), 1), torch.stack((centre_cm, right), 1)


def _matrix(rotation: Tensor) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    return ((a, b, c), (d, e, f), (g, h, i))


def _tilt(degrees: float) -> _Matrix:
    """Turns a camera's axes so that it looks farther down (about its own X axis)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((1.0, 0.0, 0.0), (0.0, c, s), (0.0, -s, c))


def _looking_down(rig: StereoRig, left_cm: float, up_cm: float, forward_cm: float, tilt_deg: float) -> HeadMount:
    level = torch.tensor(((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)), dtype=torch.float64)
    rotation = level @ torch.tensor(_tilt(tilt_deg), dtype=torch.float64)
    return HeadMount(rig, (left_cm, up_cm, forward_cm), _matrix(rotation))


def glasses(
    baseline_cm: float = 12.0, forward_cm: float = 17.0, up_cm: float = 9.0, tilt_deg: float = 70.0
) -> HeadMount:
    """UnrealEgo's calibration on a pair of glasses, parallel axes, looking down.

    Where exactly the glasses sit is chosen here so that the picture shows the body well; closer to the face, the chest
    hides the legs.
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
    """An EgoCap-like stick 20 to 25 cm in front of the head, its second camera rotated against the first.

    The intrinsics are UnrealEgo's: EgoCap's own calibration comes with its data only. Baseline and angles are chosen.
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
