from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import PolynomialCamera, StereoRig, rays_in_left_frame, triangulate

TURNED: list[list[float]] = Rotation.from_euler("xyz", [4.0, -11.0, 2.0], degrees=True).as_matrix().tolist()
CAMERA = PolynomialCamera.unrealego()
RIGS = {
    "parallel": StereoRig.unrealego(),
    "turned": StereoRig.from_dict(
        {
            "name": "turned",
            "cameras": [CAMERA.to_dict(), CAMERA.to_dict()],
            "rotation": TURNED,
            "translation_cm": [11.0, 0.5, -1.5],
        }
    ),
}


def points_in_view(rig: StereoRig, count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Points that both cameras see, and their pixels."""
    random = torch.Generator().manual_seed(0)
    points_cm = torch.randn(20 * count, 3, generator=random) * 40 + torch.tensor([0.0, 0.0, 60.0])
    px, inside = rig.project(points_cm)
    seen = inside.all(0)
    return points_cm[seen][:count], px[:, seen][:, :count]


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_rays_point_at_the_points(rig):
    points_cm, px = points_in_view(rig)
    left, right = rays_in_left_frame(rig, px).double().numpy()
    rotation, translation = np.array(rig.rotation), np.array(rig.translation_cm)
    centre = -rotation.T @ translation
    for rays, origin in ((left, np.zeros(3)), (right, centre)):
        along = points_cm.double().numpy() - origin
        np.testing.assert_allclose(rays, along / np.linalg.norm(along, axis=1, keepdims=True), atol=2e-4)


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_exact_rays_meet_at_the_point(rig):
    points_cm, px = (x.double() for x in points_in_view(rig))
    met = triangulate(rig, rays_in_left_frame(rig, px))
    close = points_cm.norm(dim=-1) < 80
    torch.testing.assert_close(met.points_cm[close], points_cm[close], atol=0.2, rtol=0)
    assert met.gap_cm[close].max() < 0.05


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_inexact_rays_meet_at_the_least_squares_point(rig):
    """The midpoint has the smallest sum of squared distances to both lines, which is a linear problem."""
    px = points_in_view(rig)[1].double()
    rays = rays_in_left_frame(rig, px + torch.randn(px.shape, generator=torch.Generator().manual_seed(1)) * 8)
    met = triangulate(rig, rays)
    centre = -np.array(rig.rotation).T @ np.array(rig.translation_cm)
    compared = 0
    for (left, right), point, gap, sine in zip(
        rays.transpose(0, 1).numpy(), met.points_cm.numpy(), met.gap_cm, met.sine, strict=True
    ):
        off_left, off_right = np.eye(3) - np.outer(left, left), np.eye(3) - np.outer(right, right)
        expected = np.linalg.solve(off_left + off_right, off_right @ centre)
        ahead = expected @ left > 0 and (expected - centre) @ right > 0
        if not ahead or np.linalg.norm(expected) > 300:
            continue
        np.testing.assert_allclose(point, expected, atol=1e-3)
        distances = np.linalg.norm(off_left @ expected), np.linalg.norm(off_right @ (expected - centre))
        assert gap == pytest.approx(sum(distances), abs=1e-3)
        assert sine == pytest.approx(np.linalg.norm(np.cross(left, right)), abs=1e-6)
        compared += 1
    assert compared > 100


def test_rays_that_never_meet_give_finite_points_in_front_of_the_cameras():
    rig = RIGS["parallel"]
    ahead = torch.tensor([0.0, 0.0, 1.0])
    apart = torch.nn.functional.normalize(torch.tensor([[0.3, 0.0, 1.0], [-0.3, 0.0, 1.0]]), dim=-1)
    for left, right in ((ahead, ahead), tuple(apart)):
        rays = torch.stack((left, right))[:, None].requires_grad_()
        met = triangulate(rig, rays)
        (met.points_cm.sum() + met.gap_cm.sum() + met.sine.sum()).backward()
        assert met.points_cm.isfinite().all()
        assert rays.grad is not None
        assert rays.grad.isfinite().all()
        assert 0 <= met.points_cm[0, 2] <= 400
