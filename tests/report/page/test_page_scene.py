"""The data blocks hold what the scene holds."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from egotap_pl.figures.drawing import sign_of_left
from egotap_pl.report.contents import Report
from egotap_pl.report.page.viewer_data import NOT_FINITE, SHEET_FRAMES, packed, scene_data, sheets


def blocks(text: str) -> dict[str, str]:
    found = re.findall(r'<script type="([^"]+)" id="([^"]+)">(.*?)</script>', text, re.DOTALL)
    assert all(kind in ("application/json", "text/plain") for kind, _, _ in found)  # data, not programs
    return {name: content for _, name, content in found}


def test_poses_come_back_within_half_a_step():
    pose = np.random.default_rng(0).uniform(-200, 200, (7, 5, 3)).astype(np.float32)
    pose[2, 1, 0] = np.nan
    steps = packed(pose, 0.01)
    back = np.where(steps == NOT_FINITE, np.nan, steps * 0.01)
    np.testing.assert_allclose(back, pose, atol=0.0051)


def test_the_scene_comes_back(report: Report):
    scene = report.scene
    assert scene is not None
    data = blocks(scene_data(scene))
    about = json.loads(data["scene"])
    assert about["methods"] == list(scene.estimates_cm)
    assert about["leftSign"] == sign_of_left(scene.truth_cm, scene.skeleton)
    assert [(m["name"], m["first"], m["count"]) for m in about["motions"]] == [("walk", 0, 5), (scene.motion[5], 5, 21)]
    for number, pose in enumerate([scene.truth_cm, *scene.estimates_cm.values()]):
        steps = np.frombuffer(base64.b64decode(data[f"scene-pose-{number}"]), "<i2").reshape(pose.shape)
        back = np.where(steps == NOT_FINITE, np.nan, steps * about["stepCm"])
        np.testing.assert_allclose(back, pose, atol=0.51 * about["stepCm"])
    visibility = np.frombuffer(base64.b64decode(data["scene-visibility"]), np.uint8)
    np.testing.assert_array_equal(visibility.reshape(scene.visibility.shape), scene.visibility)


def test_poses_far_from_the_camera_keep_their_place(report: Report):
    scene = report.scene
    assert scene is not None
    far = type(scene)(**{**vars(scene), "truth_cm": scene.truth_cm * 50})
    data = blocks(scene_data(far))
    step = json.loads(data["scene"])["stepCm"]
    back = np.frombuffer(base64.b64decode(data["scene-pose-0"]), "<i2").reshape(far.truth_cm.shape) * step
    np.testing.assert_allclose(back, far.truth_cm, atol=0.51 * step)


@pytest.mark.parametrize("frames", [1, SHEET_FRAMES, SHEET_FRAMES + 1])
def test_sheets_have_a_row_per_frame_and_views_side_by_side(frames: int):
    colours = np.random.default_rng(0).integers(0, 256, (frames, 2, 3)).astype(np.uint8)
    pictures = np.broadcast_to(colours[..., None, None], (frames, 2, 3, 16, 16)).copy()
    files = [np.asarray(Image.open(io.BytesIO(sheet))).astype(int) for sheet in sheets(pictures, 95)]
    assert len(files) == -(-frames // SHEET_FRAMES)
    for frame in range(frames):
        sheet, row = files[frame // SHEET_FRAMES], frame % SHEET_FRAMES
        for view in range(2):
            middle = sheet[16 * row + 8, 16 * view + 8]
            np.testing.assert_allclose(middle, colours[frame, view], atol=12)


def test_a_scene_without_pictures_has_none(report: Report):
    scene = report.scene
    assert scene is not None
    bare = type(scene)(**{**vars(scene), "images": None, "heatmaps": None})
    data = blocks(scene_data(bare))
    assert json.loads(data["scene"])["imagePx"] is None
    assert not [name for name in data if name.startswith(("scene-image", "scene-map"))]
