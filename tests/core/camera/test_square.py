"""Squares of frames of any shape, and the rigs of what is cut out."""

from __future__ import annotations

import pytest
import torch

from egotap_pl.core.camera import (
    Camera,
    KannalaBrandtCamera,
    PolynomialCamera,
    RadialCamera,
    Square,
    StereoRig,
    circle_square,
    cut_rig,
    square_rig,
)

EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
POINTS_CM = torch.tensor([[0.0, 0.0, 30.0], [12.0, -3.0, 20.0], [-15.0, 14.0, 25.0], [30.0, 5.0, 6.0]]).double()


def camera(size_px: tuple[int, int], centre_px: tuple[float, float], circle_px: float) -> KannalaBrandtCamera:
    focal = (circle_px / 1.55, circle_px / 1.54)
    return KannalaBrandtCamera(size_px, centre_px, circle_px, focal, (0.01, -0.002, 0.0, 0.0))


@pytest.mark.parametrize(
    ("size_px", "centre_px", "circle_px", "square"),
    [
        ((640, 480), (322.5, 238.0), 235.0, (88, 3, 470)),  # the circle is within the frame
        ((480, 640), (238.0, 322.5), 235.0, (3, 88, 470)),  # portrait
        ((1280, 960), (600.0, 500.0), 560.0, (120, 0, 960)),  # the circle is cut off above and below
        ((1280, 1024), (240.0, 512.0), 300.0, (0, 212, 600)),  # the circle is cut off on the left
        ((872, 872), (436.0, 430.0), 400.0, (36, 30, 800)),
    ],
)
def test_the_square_is_around_the_circle_and_within_the_frame(size_px, centre_px, circle_px, square):
    assert circle_square(camera(size_px, centre_px, circle_px)) == square


def test_a_camera_without_a_circle_has_the_largest_square_around_its_axis():
    class Pinhole(Camera):
        size_px = (640, 480)
        centre_px = (400.0, 236.0)
        max_angle_rad = 1.0

    assert circle_square(Pinhole()) == (160, 0, 480)  # type: ignore[abstract]


@pytest.mark.parametrize("size_px", [(640, 480), (480, 640), (872, 872), (1280, 1024)])
def test_a_square_rig_sees_the_same_points_moved_and_scaled(size_px):
    width, height = size_px
    views = [camera(size_px, (width / 2 + shift, height / 2 - shift), 0.47 * min(size_px)) for shift in (3.0, -5.0)]
    rig = StereoRig("own", (views[0], views[1]), EYE, (-9.8, 0.3, 0.0))
    square = square_rig(rig, 1024)
    assert [c.size_px for c in square.cameras] == [(1024, 1024)] * 2
    assert (square.name, square.rotation, square.translation_cm) == (rig.name, rig.rotation, rig.translation_cm)
    whole, cut = rig.project(POINTS_CM), square.project(POINTS_CM)
    assert cut[1].tolist() == whole[1].tolist()
    for view, one in enumerate(views):
        left, top, side = circle_square(one)
        expected = (whole[0][view] - torch.tensor((left, top))) * (1024 / side)
        torch.testing.assert_close(cut[0][view], expected, atol=1e-3, rtol=0)


def test_a_rig_of_square_frames_that_are_full_stays_itself():
    rig = StereoRig.unrealego()
    assert square_rig(rig, 1024) is rig
    assert square_rig(rig, 512).cameras[0].size_px == (512, 512)


def test_each_view_is_cut_by_its_own_square():
    camera = PolynomialCamera.unrealego()
    rig = StereoRig("own", (camera, camera), EYE, (12.0, 0.0, 0.0))
    left, right = cut_rig(rig, (Square(100, 0, 512), Square(300, 200, 512)), 512).cameras
    assert isinstance(left, RadialCamera)
    assert left.centre_px == pytest.approx((camera.centre_px[0] - 100, camera.centre_px[1]))
    assert right.centre_px == pytest.approx((camera.centre_px[0] - 300, camera.centre_px[1] - 200))


@pytest.mark.parametrize(("size_px", "larger_px"), [((640, 480), (1281, 961)), ((872, 872), (300, 300))])
def test_a_resized_square_stays_within_the_frame(size_px, larger_px):
    square = circle_square(camera(size_px, (size_px[0] / 2, size_px[1] / 2), 0.5 * size_px[1]))
    left, top, side = square.resized(size_px, larger_px)
    assert 0 <= left <= larger_px[0] - side
    assert 0 <= top <= larger_px[1] - side
    assert side == pytest.approx(square.side_px * larger_px[0] / size_px[0], abs=1.5)
