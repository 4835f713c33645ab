"""Stereo rigs: points and pixels in both views."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
import torch

from egotap_pl.core.camera import FisheyeCamera, StereoRig

CAMERA = FisheyeCamera.unrealego()
AFFINE = dataclasses.replace(CAMERA, affine=(0.9977, -0.0116, 0.0121))


def test_rigs_are_values_that_survive_json_and_pickle() -> None:
    rig = StereoRig.unrealego()
    assert StereoRig.from_dict(json.loads(json.dumps(rig.to_dict()))) == rig
    assert len({rig, StereoRig.unrealego(), StereoRig.unrealego(13.0)}) == 2
    assert pickle.loads(pickle.dumps(rig)) == rig


def test_what_does_not_describe_a_rig_is_refused() -> None:
    rig = StereoRig.unrealego().to_dict()
    with pytest.raises(ValueError, match=r"keys cameras, name, .*: 'baseline' is unknown"):
        StereoRig.from_dict({**rig, "baseline": 12})
    with pytest.raises(ValueError, match=r"rig: keys cameras, name, .*: 'name' is missing"):
        StereoRig.from_dict({key: value for key, value in rig.items() if key != "name"})
    with pytest.raises(ValueError, match="rotation"):
        StereoRig.from_dict({**rig, "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, -1]]})


def test_the_right_camera_is_on_the_right_of_a_wearer_who_is_at_the_top_of_the_image() -> None:
    rig = StereoRig.unrealego(baseline_cm=10.0)
    points = torch.tensor([[[5.0, 8.0, 40.0], [5.0, 8.0, 400.0]]])
    views = rig.to_views(points)
    torch.testing.assert_close(views[:, 1] - views[:, 0], torch.tensor([10.0, 0.0, 0.0]).expand(1, 2, 3))
    px, inside = rig.project(points)
    assert px.shape == (1, 2, 2, 2)
    assert inside.all()
    disparity = px[0, 1, :, 0] - px[0, 0, :, 0]
    assert disparity[0] > disparity[1] > 0  # nearer points shift more, to the right in the right view


def test_a_rotated_rig_transforms_points() -> None:
    a = math.radians(30)
    rotation = ((math.cos(a), 0.0, math.sin(a)), (0.0, 1.0, 0.0), (-math.sin(a), 0.0, math.cos(a)))
    rig = StereoRig("rotated", (CAMERA, AFFINE), rotation, (1.0, 2.0, 3.0))
    assert StereoRig.of("rotated", (CAMERA, AFFINE), np.array(rotation), torch.tensor((1, 2, 3))) == rig
    points = torch.randn(4, 5, 3, dtype=torch.float64) + torch.tensor([0.0, 0.0, 20.0])
    right = np.einsum("ij,bnj->bni", np.array(rotation), points.numpy()) + np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(rig.to_views(points)[:, 1].numpy(), right)
    px, inside = rig.project(points)
    torch.testing.assert_close(px[:, 0], CAMERA.project(points)[0])
    torch.testing.assert_close(px[:, 1], AFFINE.project(torch.from_numpy(right))[0])
    assert inside.shape == (4, 2, 5)


def test_mixed_precision_does_not_make_points_and_pixels_less_accurate() -> None:
    rig = StereoRig("rotated", (CAMERA, CAMERA), ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), (10.0, 0.0, 0.0))
    points = torch.randn(4, 5, 3) + torch.tensor([0.0, 0.0, 57.3])
    plain = rig.to_views(points), *rig.project(points)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = rig.to_views(points), *rig.project(points)
    torch.testing.assert_close(cast, plain, atol=0, rtol=0)


def test_points_without_memory_are_transformed() -> None:
    assert StereoRig.unrealego().to_views(torch.zeros(4, 5, 3, device="meta")).shape == (4, 2, 5, 3)


def test_the_pixels_of_two_rigs_are_as_far_apart_as_their_cameras_make_them() -> None:
    rig = StereoRig.unrealego()
    moved = dataclasses.replace(CAMERA, centre_px=(CAMERA.centre_px[0] + 3, CAMERA.centre_px[1] + 4))
    assert rig.distance_px(rig) == 0
    assert dataclasses.replace(rig, cameras=(moved, moved)).distance_px(rig) == pytest.approx(5, abs=0.01)
    assert dataclasses.replace(rig, cameras=(CAMERA, moved)).distance_px(rig) == pytest.approx(2.5, abs=0.1)
    assert StereoRig.unrealego(12.1).distance_px(rig) < 1 < 90 < StereoRig.unrealego(-12.0).distance_px(rig)
