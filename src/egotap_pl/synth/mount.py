"""Stereo rigs mounted on the head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.body import BodyPart, Wear
from egotap_pl.synth.figure import BONES

_HEAD = BONES.index("head")
_ASTRAY_CM = 0.5  # farther on the wrong side than cameras one above the other are by mistakes of a calibration
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
    name: str = ""
    """What distinguishes its pictures from those of another mount with cameras in the same place."""
    is_centred: bool = False
    """Whether another rig is moved sideways, so that the middle between its cameras is in front of the head's."""
    is_reversible: bool = False
    """Whether another rig may be turned by 180 degrees about the left optical axis, so that its right camera is on the
    wearer's right."""

    def with_rig(self, rig: StereoRig) -> HeadMount:
        """The same mount with other cameras. What holds the cameras stays where it is on the head.

        Raises:
            EgotapError: if the right camera would be on the wearer's left.
        """
        rotation, (x, y, z) = np.array(self.rotation), self.position_cm
        to_left_cm = float(_right_centre_cm(rig, rotation)[0])
        if to_left_cm > 0 and self.is_reversible:
            rotation = rotation @ np.diag((-1.0, -1.0, 1.0))
            to_left_cm = float(_right_centre_cm(rig, rotation)[0])
        if to_left_cm > _ASTRAY_CM:
            raise EgotapError(
                f"rig {rig.name}: on this mount, its right camera is {to_left_cm:.1f} cm to the wearer's left of the "
                "left one. Left and right are the wearer's: exchange the cameras in the rig file, or turn the rig by "
                "180 degrees about the left optical axis (mount.roll_deg, mount.rotation)"
            )
        position = (-to_left_cm / 2 if self.is_centred else x, y, z)
        on_head = HeadMount(self.rig, self.position_cm, self.rotation, self.frame).parts
        frame = tuple(_moved(part, rotation.T, -rotation.T @ np.array(position)) for part in on_head)
        return replace(self, rig=rig, position_cm=position, rotation=_matrix(rotation), frame=frame)

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


def _right_centre_cm(rig: StereoRig, rotation: np.ndarray) -> np.ndarray:
    """The right camera's centre relative to the left one's in axes in which ``rotation`` has the left camera's."""
    return -rotation @ np.array(rig.rotation).T @ np.array(rig.translation_cm)


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


def _tilt(degrees: float | int) -> _Matrix:
    """Rotation about the head's X axis that turns what looks ahead downwards."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c))


def _about_y(degrees: float | int) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(((c, 0, s), (0, 1, 0), (-s, 0, c)))


def _about_z(degrees: float | int) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(((c, -s, 0), (s, c, 0), (0, 0, 1)))


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
    baseline_cm: float | int = 12.0,
    forward_cm: float | int = 10.5,
    up_cm: float | int = 7.7,
    tilt_deg: float | int = 82.0,
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

    Raises:
        EgotapError: if a number is not finite.
    """
    _check_finite(baseline_cm=baseline_cm, forward_cm=forward_cm, up_cm=up_cm, tilt_deg=tilt_deg)
    rotation = np.array(_tilt(tilt_deg))  # without a tilt, the camera would look ahead and be upside down
    position = (baseline_cm / 2, float(up_cm), float(forward_cm))
    frame = tuple(_moved(part, rotation.T, -rotation.T @ np.array(position)) for part in _FRAME)
    rig = StereoRig.unrealego(baseline_cm)
    return HeadMount(rig, position, _matrix(rotation), frame, is_centred=True, is_reversible=True)


def stick(
    baseline_cm: float | int = 18.0,
    forward_cm: float | int = 26.0,
    up_cm: float | int = 14.0,
    tilt_deg: float | int = 72.0,
    yaw_deg: float | int = 4.0,
    roll_deg: float | int = 3.0,
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

    Raises:
        EgotapError: if a number is not finite.
    """
    _check_finite(baseline_cm=baseline_cm, forward_cm=forward_cm, up_cm=up_cm)
    _check_finite(tilt_deg=tilt_deg, yaw_deg=yaw_deg, roll_deg=roll_deg)
    camera = PolynomialCamera.unrealego()
    between = _about_z(roll_deg) @ _about_y(yaw_deg)
    rig = StereoRig.of("stick", (camera, camera), between, between @ np.array((-baseline_cm, 0.0, 0.0)))
    ahead = np.diag((-1.0, -1.0, 1.0))
    rotation = _matrix(np.array(_tilt(tilt_deg)) @ ahead)
    position = (baseline_cm / 2, float(up_cm), float(forward_cm))
    return HeadMount(rig, position, rotation, is_centred=True, is_reversible=True)


def headset(
    forward_cm: float | int = 18.0,
    up_cm: float | int = 6.0,
    left_cm: float | int | None = None,
    tilt_deg: float | int = 65.0,
    yaw_deg: float | int = 0.0,
    roll_deg: float | int | None = None,
    rotation: Sequence[Sequence[float | int]] | None = None,
) -> HeadMount:
    """Cameras anywhere on the head, without anything in view that holds them.

    The rig is UnrealEgo's until `HeadMount.with_rig` puts another in its place.

    The angles turn a camera that looks ahead, its image upright: first the roll, then the tilt, then the yaw.

    Args:
        forward_cm: distance of the left camera in front of the head bone's origin, the base of the skull. The face is
            about 9.5 cm in front of it.
        up_cm: height of the left camera above the base of the skull. The eyes are about 7 cm above it.
        left_cm: how far the left camera is to the wearer's left of the head's middle; None: half of the distance
            between the cameras.
        tilt_deg: how far below the horizon the left camera looks; 90: straight down.
        yaw_deg: how far to the wearer's left it looks.
        roll_deg: rotation of the camera about its optical axis, clockwise as it sees it; 0: the body is at the bottom
            of the image, 180: at the top; None: 0 or 180, so that the right camera is on the wearer's right.
        rotation: rotation whose columns are the left camera's axes (X right, Y down, Z forward) in the head's axes (X
            to the wearer's left, Y up, Z forward), in place of the three angles; None: the angles.

    Raises:
        EgotapError: if ``rotation`` is not a rotation, or a number is not finite.
    """
    _check_finite(forward_cm=forward_cm, up_cm=up_cm, left_cm=left_cm or 0.0)
    _check_finite(tilt_deg=tilt_deg, yaw_deg=yaw_deg, roll_deg=roll_deg or 0.0)
    if rotation is None:
        tilted = np.array(_tilt(tilt_deg)) @ np.diag((-1.0, -1.0, 1.0))
        axes = _about_y(yaw_deg) @ tilted @ _about_z(roll_deg or 0.0)
    else:
        axes = _checked_rotation(rotation)
    is_reversible = rotation is None and roll_deg is None
    rig = StereoRig.unrealego()
    if not is_reversible and _right_centre_cm(rig, axes)[0] > 0:
        rig = StereoRig.unrealego(-rig.translation_cm[0])
    place = (0.0 if left_cm is None else float(left_cm), float(up_cm), float(forward_cm))
    mount = HeadMount(rig, place, _matrix(axes), (), "headset", left_cm is None, is_reversible)
    return mount.with_rig(rig)


def _check_finite(**numbers: float | int) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise EgotapError(f"mount.{name}={number}: must be a finite number")


def _checked_rotation(rotation: Sequence[Sequence[float | int]]) -> np.ndarray:
    try:
        axes = np.array(rotation, np.float64)
    except (TypeError, ValueError):
        axes = np.zeros(0)
    if axes.shape != (3, 3) or not np.allclose(axes @ axes.T, np.eye(3), atol=1e-3) or np.linalg.det(axes) < 0:
        raise EgotapError(
            f"mount.rotation={rotation}: must be a rotation, three rows of three numbers whose columns are the left "
            "camera's axes (right, down, forward) in the head's (left, up, forward)"
        )
    return axes
