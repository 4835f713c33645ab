"""Kannala and Brandt's model: compared with OpenCV's own functions, and with its formula beyond 90 degrees."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pytest
import torch

from egotap_pl.core.camera import KannalaBrandtCamera

WIDE = KannalaBrandtCamera(
    size_px=(1280, 960),
    centre_px=(641.2, 478.5),
    circle_radius_px=640.0,
    focal_px=(380.7, 379.9),
    distortion=(-0.011, 0.0032, -0.0021, 0.0001),
)
CURVED = KannalaBrandtCamera((640, 480), (331.0, 226.5), 260.0, (190.0, 201.0), (0.12, -0.08, 0.03, -0.005))
SKEWED = dataclasses.replace(CURVED, skew=0.013)
PLAIN = KannalaBrandtCamera((872, 872), (436.0, 436.0), 436.0, (300.0, 300.0), (0.0, 0.0, 0.0, 0.0))
CAMERAS = pytest.mark.parametrize(
    "camera", [WIDE, CURVED, SKEWED, PLAIN], ids=["wide", "curved", "skewed", "equidistant"]
)


def matrix(camera: KannalaBrandtCamera) -> np.ndarray:
    """OpenCV's K, which undistortPoints and projectPoints take without the skew."""
    return np.array(
        [[camera.focal_px[0], 0, camera.centre_px[0]], [0, camera.focal_px[1], camera.centre_px[1]], [0, 0, 1]]
    )


def directions(degrees: np.ndarray, around: int = 36) -> np.ndarray:
    """Unit vectors at each angle from the axis, all the way around it: (angle, turn, 3)."""
    polar, turn = np.meshgrid(np.radians(degrees), np.arange(around) * 2 * math.pi / around, indexing="ij")
    return np.stack((np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)), -1)


@CAMERAS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_equals_opencvs_in_front_of_the_camera(camera: KannalaBrandtCamera, dtype: torch.dtype) -> None:
    widest = min(math.degrees(camera.max_angle_rad), 89.0)  # OpenCV divides by Z
    points = directions(np.concatenate(([1e-6, 1e-3, 0.1], np.linspace(0.5, widest, 60)))) * 37.0
    expected, _ = cv2.fisheye.projectPoints(
        points.reshape(-1, 1, 3),
        np.zeros(3),
        np.zeros(3),
        matrix(camera),
        np.array(camera.distortion),
        alpha=camera.skew,
    )
    px, _ = camera.project(torch.from_numpy(points).to(dtype))
    tolerance = 1e-3 if dtype == torch.float32 else 1e-8
    np.testing.assert_allclose(px.numpy().reshape(-1, 2), expected[:, 0], atol=tolerance)


@CAMERAS
def test_rays_equal_opencvs(camera: KannalaBrandtCamera) -> None:
    camera = dataclasses.replace(camera, skew=0.0)  # undistortPoints knows no skew
    v, u = np.mgrid[0 : camera.size_px[1] : 9.0, 0 : camera.size_px[0] : 9.0]
    px = np.stack((u, v), -1).reshape(-1, 2)
    radius = np.linalg.norm((px - camera.centre_px) / camera.focal_px, axis=-1)
    px = px[radius < math.pi / 2 - 1e-3]  # OpenCV clamps the distorted angle to 90 degrees
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
    flat = cv2.fisheye.undistortPoints(px[:, None], matrix(camera), np.array(camera.distortion), criteria=criteria)[
        :, 0
    ]
    rays, inside = camera.unproject(torch.from_numpy(px))
    front = inside.numpy() & (rays.numpy()[:, 2] > 0.02) & (np.abs(flat) < 1e4).all(-1)  # OpenCV gives up with -1e6
    assert front.sum() > 0.6 * len(px)
    np.testing.assert_allclose((rays[..., :2] / rays[..., 2:]).numpy()[front], flat[front], rtol=1e-6, atol=1e-7)


@CAMERAS
def test_projection_equals_the_formula_beyond_90_degrees(camera: KannalaBrandtCamera) -> None:
    degrees = np.linspace(1.0, math.degrees(camera.max_angle_rad), 50)
    ring = directions(degrees)
    polar = np.radians(degrees)[:, None]
    theta_d = polar + sum(k * polar ** (2 * n + 3) for n, k in enumerate(camera.distortion))
    turn = np.arctan2(ring[..., 1], ring[..., 0])
    x, y = theta_d * np.cos(turn), theta_d * np.sin(turn)
    expected = np.stack((camera.focal_px[0] * (x + camera.skew * y), camera.focal_px[1] * y), -1) + camera.centre_px
    np.testing.assert_allclose(camera.project(torch.from_numpy(ring * 20))[0].numpy(), expected, atol=1e-8)


def test_the_circle_may_reach_beyond_90_degrees() -> None:
    assert math.degrees(WIDE.max_angle_rad) > 94
    px, inside = WIDE.project(torch.from_numpy(directions(np.array([93.0]))) * 10)
    assert inside.any()
    assert torch.equal(inside, WIDE.in_frame(px))
    rays, _ = WIDE.unproject(px)
    assert (rays[..., 2] < -0.05).all()


def test_a_distortion_that_turns_back_inside_the_circle_is_refused() -> None:
    with pytest.raises(ValueError, match=r"turns back 298\.\d px from the centre, inside the image circle of 300 px"):
        KannalaBrandtCamera((640, 640), (320.0, 320.0), 300.0, (300.0, 300.0), (-0.15, 0.0, 0.0, 0.0))
    angles = np.linspace(0.0, math.pi / 2, 100_001)
    highest = 300 * (angles - 0.15 * angles**3).max()
    assert 298 < highest < 300
    assert KannalaBrandtCamera((640, 640), (320.0, 320.0), 298.0, (300.0, 300.0), (-0.15, 0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"focal_px": [380.0, -1.0]}, "focal_px must be two positive numbers"),
        ({"distortion": [0.1, 0.0, 0.0, 0.0, 0.0]}, "form that was expected|the four numbers k1 to k4"),
        ({"skew": 2.0}, "skew must be a small fraction"),
        ({"size_px": [640.5, 480]}, "size_px must be whole numbers"),
        ({"centre_px": ["a", 1]}, "centre_px must be numbers, not 'a'"),
        ({"centre_px": [10**400, 1]}, "centre_px must be numbers"),
        ({"circle_radius_px": 0}, "positive circle radius"),
        ({"focal": [1, 1]}, "focal"),
    ],
)
def test_what_does_not_describe_a_camera_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KannalaBrandtCamera.from_dict({**WIDE.to_dict(), **change})
