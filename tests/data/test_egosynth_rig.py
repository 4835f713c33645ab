"""EgoSynth as rigs of one's own see it. OpenCV's fisheye projection is the reference."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from test_egosynth import source

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import KannalaBrandtCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import save_rig
from egotap_pl.synth.mount import glasses, headset, stick

EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
SQUARES = {  # of the left view, by hand: a circle of 0.45 of the shorter side around the middle + (8, -4)
    (640, 480): (112, 20, 432),
    (480, 640): (32, 100, 432),
    (872, 872): (52, 40, 784),  # as near as 784.8 px round
    (1280, 1024): (187, 47, 922),
}


def rig(size_px: tuple[int, int]) -> StereoRig:
    width, height = size_px
    radius = 0.45 * min(size_px)
    views = [
        KannalaBrandtCamera(
            size_px,
            (width / 2 + shift, height / 2 - shift / 2),
            radius,
            (radius / 1.6, radius / 1.59),
            (0.02, -0.003, 0.0, 0.0),
        )
        for shift in (8.0, -5.0)
    ]
    return StereoRig("own", (views[0], views[1]), EYE, (-9.8, 0.0, 0.0))


def read(**settings: Any) -> tuple[Any, Any]:
    data = source(**settings)
    return data, data.read(data.plan("test")[2])


@pytest.mark.parametrize("size_px", SQUARES)
def test_points_are_where_opencv_projects_them_in_the_cut_frame(size_px):
    own = rig(size_px)
    data, frames = read(rig=own, mount=headset(tilt_deg=80), image_px=64)
    side = round(0.9 * min(size_px))
    assert data.rig.cameras[0].size_px == (1024, 1024)
    for view, camera in enumerate(own.cameras):
        assert isinstance(camera, KannalaBrandtCamera)
        u, v = camera.centre_px
        left, top = (round(x - side / 2) for x in (u, v))
        joints_cm = frames.pose_cm if view == 0 else frames.pose_cm + np.array(own.translation_cm)
        joints_cm = joints_cm + frames.origin_cm[:, 0][:, None]
        matrix = np.array(((camera.focal_px[0], 0, u), (0, camera.focal_px[1], v), (0, 0, 1)))
        expected, _ = cv2.fisheye.projectPoints(
            joints_cm.reshape(-1, 1, 3).astype(np.float64),
            np.zeros(3),
            np.zeros(3),
            matrix,
            np.array(camera.distortion),
        )
        expected = (expected.reshape(*joints_cm.shape[:2], 2) - (left, top)) * (1024 / side)
        ahead = joints_cm[..., 2] > 5  # OpenCV divides by Z
        assert ahead.any()
        np.testing.assert_allclose(frames.points2d_px[:, view][ahead], expected[ahead], atol=0.5)
        if view == 0:
            assert (left, top, side)[:2] == pytest.approx(SQUARES[size_px][:2], abs=1)


def test_what_is_outside_the_image_circle_is_black_and_what_is_inside_is_lit():
    _, frames = read(rig=rig((640, 480)), mount=headset(), image_px=64)
    v, u = np.mgrid[0:64, 0:64] + 0.5
    distance = np.hypot(u - 32, v - 32)
    dark = (frames.images == 0).all(2)
    assert dark[:, :, distance > 33].all()
    assert dark[:, :, distance < 30].mean() < 0.02


def test_the_body_is_seen_from_the_mount(tmp_path: Path):
    save_rig(rig((640, 480)), tmp_path / "rig.yaml")
    for mount in (headset(), glasses(), stick()):
        data = source(rig=str(tmp_path / "rig.yaml"), mount=mount, image_px=8)
        assert data.rig.name == "own"
        assert data.sight(4).frames > 0.7
    assert data.concerns() == ()
    assert source(rig=tmp_path / "rig.yaml", mount=stick(), image_px=8).identity() == data.identity()


@pytest.mark.parametrize(("distance_cm", "is_odd"), [(0.9, True), (3, False), (9, False), (40, False), (90, True)])
def test_cameras_in_another_unit_are_warned_of(distance_cm: float, is_odd: bool):
    far = replace(rig((640, 480)), translation_cm=(-float(distance_cm), 0.0, 0.0))
    odd = [line for line in source(rig=far, mount=headset(), image_px=8).concerns() if "cm apart" in line]
    assert [f"rig own has its cameras {distance_cm} cm apart" in line for line in odd] == [True] * is_odd


def test_cameras_that_look_away_from_the_body_are_warned_of_with_numbers():
    data, frames = read(rig=rig((640, 480)), mount=headset(tilt_deg=-60))
    (concern,) = data.concerns()
    assert "rig own sees little of the body" in concern
    share = (frames.visibility != Visibility.OUT_OF_VIEW).mean((0, 2))
    assert (share < 0.5).all()
    sight = data.sight()
    assert max(sight.joints) < 0.5
    assert f"{sight.joints[0]:.0%} of the joints are in the left view" in concern
    assert f"in {1 - sight.frames:.0%} of {sight.counted} sampled frames" in concern


def test_sight_agrees_with_the_rendered_ground_truth():
    data = source(train=10, mount=headset(tilt_deg=10), image_px=8)
    frames = [data.read(take) for take in data.plan("train")]
    visible = np.concatenate([f.visibility for f in frames]) != Visibility.OUT_OF_VIEW
    sight = data.sight()
    assert sight.counted == 10
    torch.testing.assert_close(torch.tensor(sight.joints).double(), torch.tensor(visible.mean((0, 2))))


def test_the_identity_tells_rigs_and_mounts_apart():
    settings: list[dict[str, Any]] = [{}, {"rig": rig((640, 480))}, {"rig": rig((872, 872))}]
    settings += [{"mount": headset()}, {"mount": headset(), "rig": rig((640, 480))}]
    settings += [{"mount": headset(forward_cm=12.0), "rig": rig((640, 480))}]
    place = glasses()
    same_place = headset(place.position_cm[2], place.position_cm[1], 6.0, rotation=place.rotation)
    assert len({json.dumps(source(**each).identity()) for each in [*settings, {"mount": same_place}]}) == 7


def test_a_rig_file_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(EgotapError, match=r"absent\.yaml"):
        source(rig=tmp_path / "absent.yaml")
