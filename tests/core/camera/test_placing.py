"""A pose is put back where it was seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.camera.placing import place_pose

TURNED = ((0.98, 0.0, 0.198997487421324), (0.0, 1.0, 0.0), (-0.198997487421324, 0.0, 0.98))
CAMERA = PolynomialCamera.unrealego()
RIGS = {
    "parallel": StereoRig.unrealego(),
    "turned": StereoRig("turned", (CAMERA, CAMERA), TURNED, (-15.0, 1.0, 2.0)),
}
ORIGIN_CM = torch.tensor([[-4.0, 12.0, 60.0], [3.0, -10.0, 45.0]])


def seen(rig: StereoRig, noise_cm: float | int = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Poses of 15 joints, and the pixels of joints that are ``noise_cm`` elsewhere."""
    random = np.random.default_rng(3)
    pose = torch.tensor(random.normal(0, 18, (2, 15, 3)), dtype=torch.float32)
    there = pose + ORIGIN_CM[:, None] + torch.tensor(random.normal(0, 1, (2, 15, 3)) * noise_cm).float()
    return pose, rig.project(there)[0]


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_exact_sightings_give_the_exact_place(rig):
    pose, px = seen(rig)
    torch.testing.assert_close(place_pose(pose, px, torch.ones(2, 2, 15), rig), ORIGIN_CM, atol=0.05, rtol=0)


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_wrong_sightings_hardly_matter(rig):
    pose, px = seen(rig, noise_cm=2)
    px[:, 0, :3] = torch.tensor((100.0, 900.0))
    px[:, 1, 7] = torch.tensor((512.0, 30.0))
    away = (place_pose(pose, px, torch.ones(2, 2, 15), rig) - ORIGIN_CM).norm(dim=-1)
    assert (away < 3).all()


def test_sightings_without_weight_do_not_count():
    pose, px = seen(RIGS["parallel"])
    weights = torch.ones(2, 2, 15)
    weights[:, 1, 4:] = 0
    px[:, 1, 4:] = torch.nan
    placed = place_pose(pose, px, weights, RIGS["parallel"])
    torch.testing.assert_close(placed, ORIGIN_CM, atol=0.2, rtol=0)


def test_a_pose_that_nobody_saw_has_no_place():
    pose, px = seen(RIGS["parallel"])
    weights = torch.ones(2, 2, 15)
    weights[1] *= 0.05
    placed = place_pose(pose, px, weights, RIGS["parallel"])
    assert placed[0].isfinite().all()
    assert placed[1].isnan().all()
