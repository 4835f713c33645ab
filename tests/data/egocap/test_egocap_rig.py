"""Locating the second camera, against known poses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import FisheyeCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.egocap.rig import fit_rig, locate, median_distance_px

CAMERA = FisheyeCamera.unrealego()


def scene(rotation: np.ndarray, translation: np.ndarray, noise_px: float, wrong: float, seed: int):
    """Points in the first camera's frame and their pixels in the second, a fraction of which are random."""
    random = np.random.default_rng(seed)
    points = torch.from_numpy(random.uniform((-70, -70, 20), (70, 70, 140), (600, 3)))
    px, _ = CAMERA.project(points @ torch.from_numpy(rotation).T + torch.from_numpy(translation))
    px = px + torch.from_numpy(random.normal(0, noise_px, px.shape))
    outliers = torch.from_numpy(random.random(len(px)) < wrong)
    px[outliers] = torch.from_numpy(random.uniform(200, 800, px.shape))[outliers]
    return points, px


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("wrong", "error_deg", "error_cm"), [(0.0, 0.1, 0.15), (0.3, 0.2, 0.3)])
def test_noise_and_outliers(seed: int, wrong: float, error_deg: float, error_cm: float) -> None:
    rotation = Rotation.random(random_state=seed).as_rotvec() * 0.15
    rotation = Rotation.from_rotvec(rotation).as_matrix()
    translation = np.random.default_rng(seed).uniform(-20, 20, 3)
    points, px = scene(rotation, translation, 2.0, wrong, seed)
    fitted_rotation, fitted_translation, _ = locate(CAMERA, points, px)
    assert np.degrees(Rotation.from_matrix(fitted_rotation.numpy() @ rotation.T).magnitude()) < error_deg
    assert np.abs(fitted_translation.numpy() - translation).max() < error_cm


@pytest.mark.parametrize("degrees", [85, 180, -100])
def test_a_camera_that_is_turned_about_its_axis(degrees: float) -> None:
    rotation = Rotation.from_euler("zx", (degrees, 10), degrees=True).as_matrix()
    points, px = scene(rotation, np.array((-15.0, 3.0, 2.0)), 0.0, 0.0, 0)
    fitted_rotation, fitted_translation, count = locate(CAMERA, points, px)
    np.testing.assert_allclose(fitted_rotation.numpy(), rotation, atol=1e-4)
    np.testing.assert_allclose(fitted_translation.numpy(), (-15.0, 3.0, 2.0), atol=0.02)
    assert 300 < count <= 600


def test_missing_pixels_are_ignored() -> None:
    points, px = scene(np.eye(3), np.array((-15.0, 0.0, 0.0)), 0.0, 0.0, 1)
    px[::3] = torch.nan
    rotation, _, count = locate(CAMERA, points, px)
    np.testing.assert_allclose(rotation.numpy(), np.eye(3), atol=1e-4)
    assert count <= 400
    with pytest.raises(EgotapError, match="only 20 joints are annotated"):
        locate(CAMERA, points, torch.where(torch.arange(600)[:, None] < 30, px, torch.nan))


def test_distances_are_medians_over_annotated_joints_of_each_view() -> None:
    points, px = scene(np.eye(3), np.array((-15.0, 0.0, 0.0)), 0.0, 0.0, 2)
    left, _ = CAMERA.project(points)
    both = torch.stack((left + torch.tensor((3.0, 4.0)), px), 0)[None].numpy()
    both[0, 0, :100] = np.nan
    fit = fit_rig((CAMERA, CAMERA), points[None].numpy(), both)
    assert fit.median_px[0] == pytest.approx(5.0, abs=1e-3)
    assert fit.median_px[1] < 0.01
    both[0, 1] = np.nan
    assert np.isnan(median_distance_px(fit.rig, points[None].numpy(), both)[1])
