"""Where mounts put cameras on the head, and rigs of one's own on mounts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.mount import HeadMount, glasses, headset, stick

LEFT, UP, FORWARD = np.eye(3)
EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def rig(right_at_cm: float, rotation=EYE) -> StereoRig:
    """A rig whose right camera is at this X of the left one."""
    camera = PolynomialCamera.unrealego()
    x, y, z = (-np.array(rotation) @ (right_at_cm, 0.0, 0.0)).tolist()
    return StereoRig("own", (camera, camera), rotation, (x, y, z))


def axes(mount: HeadMount) -> np.ndarray:
    """Rows right, down and forward of the left camera, in the head's axes (left, up, forward)."""
    return np.array(mount.rotation).T


def right_centre_cm(mount: HeadMount) -> np.ndarray:
    in_left = -np.array(mount.rig.rotation).T @ mount.rig.translation_cm
    return np.array(mount.position_cm) + np.array(mount.rotation) @ in_left


def test_angles_in_words():
    right, down, ahead = axes(headset(tilt_deg=0, roll_deg=0))
    np.testing.assert_allclose((right, down, ahead), (-LEFT, -UP, FORWARD), atol=1e-12)
    np.testing.assert_allclose(axes(headset(tilt_deg=90, roll_deg=0))[2], -UP, atol=1e-12)
    assert axes(headset(tilt_deg=30, yaw_deg=20, roll_deg=0))[2] @ LEFT > 0.1
    half = math.sqrt(0.5)
    np.testing.assert_allclose(axes(headset(tilt_deg=0, yaw_deg=45, roll_deg=0))[2], (half, 0, half), atol=1e-12)
    np.testing.assert_allclose(axes(headset(tilt_deg=0, roll_deg=90))[0], -UP, atol=1e-12)  # image-right looks down
    np.testing.assert_allclose(axes(headset(tilt_deg=0, roll_deg=180))[1], UP, atol=1e-12)


def test_a_rotation_takes_the_angles_place():
    mount = headset(rotation=[[-1, 0, 0], [0, 0, -1], [0, -1, 0]])
    np.testing.assert_allclose(axes(mount), (-LEFT, -FORWARD, -UP), atol=1e-12)
    for wrong in ([[1, 0, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, -1]], [[2, 0, 0], [0, 1, 0], [0, 0, 1]]):
        with pytest.raises(EgotapError, match=r"mount\.rotation.*must be a rotation"):
            headset(rotation=wrong)


@pytest.mark.parametrize("mount", [glasses(), stick(), headset(), headset(tilt_deg=-20)])
@pytest.mark.parametrize("right_at_cm", [-8.0, 8.0])
def test_the_right_camera_is_the_wearers_whichever_way_up_the_rig_is(mount, right_at_cm):
    turned = ((0.8, 0.0, 0.6), (0.0, 1.0, 0.0), (-0.6, 0.0, 0.8))
    for own in (rig(right_at_cm), rig(right_at_cm, turned)):
        worn = mount.with_rig(own)
        assert worn.rig is own
        np.testing.assert_allclose(axes(worn)[2], axes(mount)[2], atol=1e-12)
        assert worn.position_cm[0] == pytest.approx(4.0)
        np.testing.assert_allclose(right_centre_cm(worn) - worn.position_cm, (-8, 0, 0), atol=1e-9)
        assert worn.position_cm[1:] == mount.position_cm[1:]


def test_the_mounts_own_rig_changes_nothing():
    for mount in (glasses(), stick(), headset(), headset(roll_deg=0), headset(left_cm=2.0)):
        again = mount.with_rig(mount.rig)
        np.testing.assert_allclose(again.position_cm, mount.position_cm, atol=1e-12)
        np.testing.assert_allclose(again.rotation, mount.rotation, atol=1e-12)
        for part, own in zip(again.parts, mount.parts, strict=True):
            np.testing.assert_allclose(part.start, own.start, atol=1e-9)


def test_what_holds_the_cameras_stays_on_the_face():
    worn = glasses().with_rig(rig(6.0))
    assert worn.position_cm[0] == pytest.approx(3.0)
    for part, own in zip(worn.parts, glasses().parts, strict=True):
        np.testing.assert_allclose((*part.start, *part.end), (*own.start, *own.end), atol=1e-9)
        np.testing.assert_allclose(part.thin[0], own.thin[0], atol=1e-9)


def test_a_place_of_ones_own_is_kept():
    assert headset(left_cm=2.5).with_rig(rig(8.0)).position_cm == (2.5, 6.0, 18.0)


def test_a_rig_whose_cameras_are_exchanged_is_refused():
    for mount in (headset(roll_deg=0), headset(rotation=np.diag((-1, -1, 1)).tolist())):
        mount.with_rig(rig(8.0))
        with pytest.raises(EgotapError, match=r"rig own.*8\.0 cm to the wearer's left"):
            mount.with_rig(rig(-8.0))


def test_cameras_one_above_the_other_are_allowed():
    camera = PolynomialCamera.unrealego()
    mount = headset(roll_deg=0).with_rig(StereoRig("upright", (camera, camera), EYE, (0.1, 8.0, 0.0)))
    assert abs(mount.position_cm[0]) < 0.1


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_places_and_angles_are_finite(number):
    for make in (glasses, stick, headset):
        for key in ("forward_cm", "tilt_deg"):
            with pytest.raises(EgotapError, match=rf"mount\.{key}={number}: must be a finite number"):
                make(**{key: number})
