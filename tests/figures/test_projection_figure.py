"""Poses are drawn back into the views where their joints are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.engine.prediction.overlay import view_with_pose
from egotap_pl.figures.estimates import EstimatedFrame, estimates_figure
from egotap_pl.figures.projection import draw_projection, project_poses

RIG = StereoRig.unrealego()
ORIGIN_CM = torch.tensor([[-5.0, 0.0, 60.0]])


def sighting(skeleton: Skeleton, origin_cm: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A pose of all joints, its true heatmaps, and its true places as shares of the views' sides."""
    pose = torch.tensor(np.random.default_rng(1).normal(0, 15, (1, skeleton.num_joints, 3)), dtype=torch.float32)
    px, _ = RIG.project(pose + origin_cm[:, None])
    estimated = list(skeleton.estimated)
    return pose[:, estimated], joint_heatmaps(px, skeleton, 64), px[:, :, estimated] / 1024


def test_a_pose_without_an_origin_is_drawn_over_its_peaks():
    pose, maps, places = sighting(unrealego(), ORIGIN_CM)
    (projected,) = project_poses(pose, maps, unrealego(), RIG)
    assert projected.inside.all()
    assert (projected.places - places[0]).abs().max() < 0.02  # a heatmap's pixel is 0.016 wide


def test_a_known_origin_is_used_where_it_is_known():
    pose, maps, places = sighting(unrealego(), ORIGIN_CM)
    elsewhere = maps.roll(20, -1)
    (projected,) = project_poses(pose, elsewhere, unrealego(), RIG, ORIGIN_CM)
    torch.testing.assert_close(projected.places, places[0])
    (fitted,) = project_poses(pose, elsewhere, unrealego(), RIG, torch.full((1, 3), torch.nan))
    assert (fitted.places - places[0]).abs().max() > 0.1


def test_camera_relative_poses_are_where_they_say():
    skeleton = egocap()
    pose, maps, _ = sighting(skeleton, torch.zeros(1, 3))
    pose = pose + ORIGIN_CM[:, None]
    (projected,) = project_poses(pose, maps, skeleton, RIG)
    torch.testing.assert_close(projected.places, RIG.project(pose)[0][0] / 1024)


def test_nothing_is_drawn_where_nobody_knows_the_place():
    pose, maps, _ = sighting(unrealego(), ORIGIN_CM)
    (projected,) = project_poses(pose, maps * 0.01, unrealego(), RIG)
    assert not projected.inside.any()
    assert projected.limbs(0, unrealego()) == []


def test_limbs_and_joints_within_the_view_are_drawn():
    skeleton = unrealego()
    pose, maps, places = sighting(skeleton, ORIGIN_CM)
    pose[0, 5] = torch.tensor((0.0, 0.0, -90.0))  # behind the cameras
    (projected,) = project_poses(pose, maps, skeleton, RIG, ORIGIN_CM)
    axis = Figure().add_subplot()
    draw_projection(axis, projected, 1, 200, skeleton)
    kept = [k for k in range(16) if k != 5]
    (joints,) = axis.collections
    np.testing.assert_allclose(np.asarray(joints.get_offsets()), 200 * places[0, 1, kept], atol=1e-3)
    limbs = [limb for limb in skeleton.estimated_limbs if 5 not in limb]
    assert len(axis.lines) == len(limbs)
    for line, limb in zip(axis.lines, limbs, strict=True):
        np.testing.assert_allclose(np.asarray(line.get_xydata()), 200 * places[0, 1, list(limb)], atol=1e-3)


def test_the_pose_is_added_to_the_views_of_a_picture():
    pose, maps, _ = sighting(unrealego(), ORIGIN_CM)
    (projected,) = project_poses(pose, maps, unrealego(), RIG)
    images = np.zeros((2, 3, 64, 64), np.uint8)
    plain = EstimatedFrame("x", images, maps[0].numpy(), pose[0].numpy())
    posed = EstimatedFrame("x", images, maps[0].numpy(), pose[0].numpy(), projected)
    figures = [estimates_figure([frame], unrealego()) for frame in (plain, posed)]
    lines = [sum(len(axis.lines) for axis in figure.axes[:2]) for figure in figures]
    assert lines[1] == lines[0] + 2 * len(unrealego().estimated_limbs)


@pytest.mark.parametrize("number", [0, 1])
def test_the_pose_is_drawn_into_the_video(number):
    pose, maps, places = sighting(unrealego(), ORIGIN_CM)
    (projected,) = project_poses(pose, maps, unrealego(), RIG, ORIGIN_CM)
    view = np.asarray(view_with_pose(Image.new("RGB", (384, 384)), projected, number, unrealego())).sum(-1) > 0
    for u, v in (places[0, number] * 384).round().long().tolist():
        assert view[v, u]
    assert view.mean() < 0.2
