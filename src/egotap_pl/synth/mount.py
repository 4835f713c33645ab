"""Stereo rigs mounted on the head."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera import FisheyeCamera, StereoRig
from egotap_pl.synth.body import BodyPart, Wear
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
    frame: tuple[BodyPart, ...] = ()
    """What holds the cameras and is in their view: parts in the left camera's axes, cm."""

    @property
    def parts(self) -> tuple[BodyPart, ...]:
        """The parts of `frame` in the head bone's axes, for `body.Body`."""
        rotation, position = np.array(self.rotation), np.array(self.position_cm)
        return tuple(_moved(part, rotation, position) for part in self.frame)

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

    def shifted(self, left_cm: float, up_cm: float, forward_cm: float, tilt_deg: float) -> HeadMount:
        """The same rig worn a little differently. It moves as one piece: both cameras keep their relative pose.

        Args:
            left_cm: shift to the wearer's left.
            up_cm: shift upwards.
            forward_cm: shift away from the face.
            tilt_deg: how much farther down the cameras look.
        """
        x, y, z = self.position_cm
        turned = np.array(_tilt(tilt_deg)) @ np.array(self.rotation)
        return replace(self, position_cm=(x + left_cm, y + up_cm, z + forward_cm), rotation=_matrix(turned))


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


def _matrix(rotation: np.ndarray) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    return ((a, b, c), (d, e, f), (g, h, i))


def _moved(part: BodyPart, rotation: np.ndarray, position_cm: np.ndarray) -> BodyPart:
    """A part in other axes, which are the columns of ``rotation``, and with another origin."""

    def turned(vector: tuple[float, float, float], origin: np.ndarray | float) -> tuple[float, float, float]:
        x, y, z = (rotation @ np.array(vector) + origin).tolist()
        return (x, y, z)

    return replace(
        part,
        start=turned(part.start, position_cm),
        end=turned(part.end, position_cm),
        thin=(turned(part.thin[0], 0.0), part.thin[1]),
        weave=(turned(part.weave[0], 0.0), turned(part.weave[1], 0.0)),
    )


def _tilt(degrees: float) -> _Matrix:
    """Rotation about the head's X axis that turns what looks ahead downwards."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c))


_FRAME = tuple(
    BodyPart(f"{name}_{side}", "head", (sign * a, b, c), (sign * d, e, f), radii, Wear.FRAME)
    for side, sign in (("l", 1.0), ("r", -1.0))
    for name, (a, b, c), (d, e, f), radii in (
        ("endpiece", (4.75, 5.6, 9.1), (4.9, 6.8, 7.2), (0.8, 0.45)),
        ("rim", (4.6, 5.1, 9.5), (0.0, 6.3, 10.3), (0.35, 0.22)),
    )
)
"""What a camera on the outer end of each rim sees of the frame, in the head bone's axes."""


def glasses(
    baseline_cm: float = 12.0, forward_cm: float = 10.5, up_cm: float = 7.7, tilt_deg: float = 82.0
) -> HeadMount:
    """UnrealEgo's cameras on its glasses, about 1 cm in front of the face, looking down along the trunk.

    The body is at the top of the image and the wearer walks towards its bottom: +Y points forwards, +X to the wearer's
    left. Place and tilt are those for which an average figure's neck, shoulders and hips are where UnrealEgo's sample
    frame has them (tests/synth/test_glasses.py).

    Args:
        baseline_cm: distance between the two cameras.
        forward_cm: distance of the cameras in front of the head bone's origin.
        up_cm: height of the cameras above it.
        tilt_deg: angle between the optical axes and the horizon.
    """
    rotation = np.array(_tilt(tilt_deg))  # without a tilt, the camera would look ahead and be upside down
    position = (baseline_cm / 2, up_cm, forward_cm)
    frame = tuple(_moved(part, rotation.T, -rotation.T @ np.array(position)) for part in _FRAME)
    return HeadMount(StereoRig.unrealego(baseline_cm), position, _matrix(rotation), frame)


def stick(
    baseline_cm: float = 18.0,
    forward_cm: float = 26.0,
    up_cm: float = 14.0,
    tilt_deg: float = 72.0,
    yaw_deg: float = 4.0,
    roll_deg: float = 3.0,
) -> HeadMount:
    """A stand-in for EgoCap's stick, 20 to 25 cm in front of the head, its second camera rotated against the first.

    EgoCap's images and calibration are only published with its data, and were never compared with this: the intrinsics
    are UnrealEgo's, and baseline, place and angles are our choice. The body is at the bottom of the image; the right
    camera is at +X of the left one.

    Args:
        baseline_cm: distance between the two cameras.
        forward_cm: distance of the cameras in front of the head bone's origin.
        up_cm: height of the cameras above it.
        tilt_deg: angle between the left optical axis and the horizon.
        yaw_deg: rotation of the right camera against the left one about the vertical image axis.
        roll_deg: rotation of the right camera against the left one about the optical axis.
    """
    camera = FisheyeCamera.unrealego()
    yaw, roll = math.radians(yaw_deg), math.radians(roll_deg)
    about_y = np.array(((math.cos(yaw), 0, math.sin(yaw)), (0, 1, 0), (-math.sin(yaw), 0, math.cos(yaw))))
    about_z = np.array(((math.cos(roll), -math.sin(roll), 0), (math.sin(roll), math.cos(roll), 0), (0, 0, 1)))
    between = about_z @ about_y
    x, y, z = (between @ np.array((-baseline_cm, 0.0, 0.0))).tolist()
    rig = StereoRig("stick", (camera, camera), _matrix(between), (x, y, z))
    ahead = np.diag((-1.0, -1.0, 1.0))
    return HeadMount(rig, (baseline_cm / 2, up_cm, forward_cm), _matrix(np.array(_tilt(tilt_deg)) @ ahead))
