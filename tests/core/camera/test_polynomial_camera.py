"""Cameras: compared with the published formula in plain Python, and with themselves."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
import torch

from egotap_pl.core.camera import FisheyeCamera

ROUND_TRIP_PX = 0.02
CAMERA = FisheyeCamera.unrealego()
AFFINE = dataclasses.replace(CAMERA, affine=(0.9977, -0.0116, 0.0121))
BOTH = pytest.mark.parametrize("camera", [CAMERA, AFFINE], ids=["plain", "affine"])


def project_by_the_formula(camera: FisheyeCamera, x: float, y: float, z: float) -> tuple[float, float]:
    """Scaramuzza's model for one point, in OCamCalib's order: rows first."""
    n = math.sqrt(x * x + y * y)
    theta = math.atan(-z / n)
    rho = sum(a * theta**k for k, a in enumerate(camera.w2c))
    row, column = y / n * rho, x / n * rho
    c, d, e = camera.affine
    return e * row + column + camera.centre_px[0], c * row + d * column + camera.centre_px[1]


def rays(degrees: torch.Tensor, around: int = 24) -> torch.Tensor:
    """Unit vectors at each angle from the axis, all the way around it."""
    turns = torch.arange(around, dtype=degrees.dtype) * (2 * math.pi / around)
    polar, azimuth = torch.meshgrid(torch.deg2rad(degrees), turns, indexing="ij")
    return torch.stack((polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), polar.cos()), -1)


@BOTH
def test_projection_equals_the_published_formula(camera: FisheyeCamera) -> None:
    points = rays(torch.linspace(1.5, 78.0, 40).double()) * 37.0
    px, inside = camera.project(points)
    expected = [[project_by_the_formula(camera, *p) for p in ring] for ring in points.tolist()]
    np.testing.assert_allclose(px.numpy(), np.array(expected), atol=1e-6)
    assert inside[:35].all()


def test_near_the_axis_projection_equals_the_formula_to_a_hundredth_of_a_pixel() -> None:
    points = rays(torch.tensor([1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0]).double())
    expected = [[project_by_the_formula(CAMERA, *p) for p in ring] for ring in points.tolist()]
    np.testing.assert_allclose(CAMERA.project(points)[0].numpy(), np.array(expected), atol=0.01)


def test_depths_are_those_of_the_polynomial_to_the_last_bit() -> None:
    """They are computed in other units, which must not change frames that are rendered again."""
    rho = torch.linspace(0, CAMERA.circle_radius_px, 5000)
    expected = torch.full_like(rho, CAMERA.c2w[-1])
    for coefficient in reversed(CAMERA.c2w[:-1]):
        expected = expected * rho + coefficient
    assert torch.equal(CAMERA._depth_px(rho), -expected)


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_unprojected_pixels_project_back_over_the_whole_frame(camera: FisheyeCamera, dtype: torch.dtype) -> None:
    side = torch.arange(0, 1024, 7, dtype=dtype)
    px = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)
    ray, inside = camera.unproject(px)
    torch.testing.assert_close(ray.norm(dim=-1), torch.ones_like(px[..., 0]))
    back, inside_again = camera.project(ray * 50)
    assert (back - px).norm(dim=-1).max() < ROUND_TRIP_PX  # outside the circle too
    disc = (px - px.new_tensor(camera.centre_px)).norm(dim=-1)
    assert inside[disc < 500].all()
    assert not inside[disc > 520].any()
    assert torch.equal(inside[(disc - 512).abs() > 8], inside_again[(disc - 512).abs() > 8])


@BOTH
@pytest.mark.parametrize("distance_cm", [0.01, 1.0, 300.0])
def test_projected_points_unproject_back_over_the_whole_field_of_view(
    camera: FisheyeCamera, distance_cm: float
) -> None:
    directions = rays(torch.linspace(0.0, 120.0, 200))
    back, _ = camera.unproject(camera.project(directions * distance_cm)[0])
    assert torch.rad2deg((back - directions).norm(dim=-1)).max() < 0.01


def test_the_circle_reaches_about_78_degrees() -> None:
    assert 78 < math.degrees(CAMERA.max_angle_rad) < 79
    edge = rays(torch.rad2deg(torch.tensor([CAMERA.max_angle_rad - 1e-3, CAMERA.max_angle_rad + 1e-3])))
    px, inside = CAMERA.project(edge)
    in_frame = CAMERA.in_frame(px)
    assert torch.equal(inside[0], in_frame[0])
    assert inside[0].sum() > 12
    assert not inside[1].any()


def test_the_axis_projects_to_the_centre_and_u_is_right_and_v_down() -> None:
    points = torch.tensor([[0.0, 0.0, 30.0], [5.0, 0.0, 30.0], [0.0, 5.0, 30.0]])
    px, inside = CAMERA.project(points)
    assert inside.all()
    torch.testing.assert_close(px[0], torch.tensor(CAMERA.centre_px))
    assert px[1, 0] > px[0, 0]
    assert px[2, 1] > px[0, 1]
    torch.testing.assert_close(CAMERA.unproject(px[:1])[0], torch.tensor([[0.0, 0.0, 1.0]]))


def test_points_outside_the_view_are_flagged_and_have_finite_pixels() -> None:
    behind = torch.cat((rays(torch.linspace(79, 180, 60)).reshape(-1, 3) * 20, torch.tensor([[0.0, 0.0, -5.0]])))
    px, inside = CAMERA.project(behind)
    assert not inside.any()
    assert torch.isfinite(px).all()
    radius = (px - px.new_tensor(CAMERA.centre_px)).norm(dim=-1)
    assert (radius > 512).all()
    assert (radius < 1200).all()
    assert not CAMERA.in_frame(CAMERA.project(rays(torch.linspace(115, 180, 20)))[0]).any()
    at_the_camera, inside = CAMERA.project(torch.zeros(1, 3))
    torch.testing.assert_close(at_the_camera[0], torch.tensor(CAMERA.centre_px))
    assert not inside.any()
    assert not CAMERA.project(torch.tensor([[math.nan, 0.0, 1.0], [math.inf, 0.0, 1.0]]))[1].any()
    assert not CAMERA.unproject(torch.tensor([[math.nan, 0.0], [-300.0, 500.0], [5.0, 5.0]]))[1].any()


def test_pixels_move_outwards_across_the_rim_without_a_jump() -> None:
    ring = rays(torch.linspace(0.0, 179.0, 20000).double(), around=3)
    radius = (CAMERA.project(ring)[0] - ring.new_tensor(CAMERA.centre_px)).norm(dim=-1)
    steps = radius.diff(dim=0)
    assert steps.min() > 0
    assert steps.max() < 0.1


@BOTH
def test_gradients_equal_finite_differences(camera: FisheyeCamera) -> None:
    points = torch.cat(
        (rays(torch.tensor([0.002, 0.05, 0.8, 3.0, 40.0, 77.0, 90.0, 150.0]).double(), 5).reshape(-1, 3),)
    )
    points = (points * 20).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: camera.project(p)[0], points, eps=1e-7, atol=1e-3)
    px = camera.project(points.detach())[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda p: camera.unproject(p)[0], px, eps=1e-4, atol=1e-5)


@BOTH
def test_gradients_on_the_axis_equal_those_beside_it(camera: FisheyeCamera) -> None:
    on = torch.tensor([[0.0, 0.0, 20.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: camera.project(p)[0], on, eps=1e-7, atol=1e-3)
    jacobian_on = torch.autograd.functional.jacobian(lambda p: camera.project(p)[0], on)
    jacobian_beside = torch.autograd.functional.jacobian(lambda p: camera.project(p)[0], on.detach() + 0.005)
    torch.testing.assert_close(jacobian_on, jacobian_beside, atol=0.1, rtol=0)
    centre = torch.tensor([camera.centre_px], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: camera.unproject(p)[0], centre, eps=1e-4, atol=1e-6)


def test_gradients_are_finite_everywhere() -> None:
    edge = [[0, 0, 1], [0, 0, -1], [0, 0, 0], [1e-20, 0, 0], [1e-20, 0, 5], [1e-20, 0, -5], [0, 1e-9, 1e-9], [3, 4, 0]]
    points = torch.tensor(edge, dtype=torch.float32, requires_grad=True)
    px, _ = CAMERA.project(points)
    px.sum().backward()
    assert torch.isfinite(px).all()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    pixels = torch.tensor([CAMERA.centre_px, (0.0, 0.0), (-9e4, 500.0)], requires_grad=True)
    ray, _ = CAMERA.unproject(pixels)
    ray.sum().backward()
    assert pixels.grad is not None
    assert torch.isfinite(pixels.grad).all()


def test_any_batch_shape_even_an_empty_one() -> None:
    points = torch.randn(2, 3, 4, 3) + torch.tensor([0.0, 0.0, 5.0])
    px, inside = CAMERA.project(points)
    assert px.shape == (2, 3, 4, 2)
    assert inside.shape == (2, 3, 4)
    torch.testing.assert_close(CAMERA.project(points[1, 2, 3])[0], px[1, 2, 3])
    assert CAMERA.project(points[:0])[0].shape == (0, 3, 4, 2)


@BOTH
def test_a_crop_moves_pixels_as_it_moves_annotations(camera: FisheyeCamera) -> None:
    crop = camera.cropped(left_px=100, top_px=-30, side_px=640, to_px=256)
    points = rays(torch.linspace(0, 150, 40).double()) * 12
    px, inside = camera.project(points)
    moved, inside_crop = crop.project(points)
    torch.testing.assert_close(moved, (px - px.new_tensor([100, -30])) * 0.4)
    assert torch.equal(inside_crop, inside & crop.in_frame(moved))
    back, _ = crop.unproject(moved)
    torch.testing.assert_close(back, camera.unproject(px)[0])
    assert crop.max_angle_rad == pytest.approx(camera.max_angle_rad)


def test_cameras_are_values_that_survive_json_and_pickle() -> None:
    assert FisheyeCamera.from_dict(json.loads(json.dumps(AFFINE.to_dict()))) == AFFINE
    assert len({AFFINE, dataclasses.replace(AFFINE), CAMERA}) == 2
    assert pickle.loads(pickle.dumps(CAMERA)) == CAMERA


def test_what_does_not_describe_a_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="w2c"):
        FisheyeCamera.from_dict({k: v for k, v in CAMERA.to_dict().items() if k != "w2c"})
    with pytest.raises(ValueError, match="finite"):
        dataclasses.replace(CAMERA, centre_px=(math.nan, 0.0))
    with pytest.raises(ValueError, match="disagree"):
        dataclasses.replace(CAMERA, w2c=(500.0, 100.0))
