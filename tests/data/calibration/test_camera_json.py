"""UnrealEgo's and Ego4View's JSON: the published files, compared with an independent OCamCalib, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ocamcalib_by_hand import OcamModel
from real_data import real_file

from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import read_camera_json

CAMERA = PolynomialCamera.unrealego()
CONTENT = {
    "name": "anything",
    "size": [1024, 1024],
    "imageCircleRadius": 512,
    "image_center": list(CAMERA.centre_px),
    "polynomialC2W": list(CAMERA.c2w),
    "polynomialW2C": list(CAMERA.w2c),
    "affine": [1, 0, 0],
}
REAL = ["unrealego/fisheye_calibration_UEP.json"]
REAL += [f"ego4view/camera_{end}_{side}.json" for end in ("front", "back") for side in ("left", "right")]


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "camera.json"
    path.write_text(json.dumps({key: value for key, value in (CONTENT | changes).items() if value is not None}))
    return path


def test_a_file_becomes_a_camera(tmp_path: Path) -> None:
    assert read_camera_json(written(tmp_path)) == CAMERA
    assert read_camera_json(written(tmp_path, affine=None)) == CAMERA
    intrinsic = [[500, 0, CAMERA.centre_px[0], 0], [0, 500, CAMERA.centre_px[1], 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert read_camera_json(written(tmp_path, image_center=None, intrinsic=intrinsic)) == CAMERA
    assert read_camera_json(written(tmp_path), circle_radius_px=400).circle_radius_px == 400
    assert read_camera_json(written(tmp_path, imageCircleRadius=None)).circle_radius_px > 700  # the corners


@pytest.mark.parametrize("name", REAL)
def test_published_cameras_equal_an_independent_ocamcalib_over_the_whole_field(name: str) -> None:
    path = real_file(name)
    camera, content = read_camera_json(path), json.loads(path.read_text())
    column, row = content["image_center"]
    model = OcamModel(content["polynomialC2W"], row, column, *content["affine"])
    side = np.arange(0.5, camera.size_px[0], 9.0)
    px = np.stack(np.meshgrid(side, side), -1)
    rays, inside = camera.unproject(torch.from_numpy(px))
    assert abs(inside.float().mean() - math.pi / 4) < 0.06  # the circle that the square encloses
    np.testing.assert_allclose(rays.numpy()[inside], model.cam2world(px[inside]), atol=1e-12)
    points = rays[inside] * 40
    np.testing.assert_allclose(camera.project(points)[0].numpy(), model.world2cam(points.numpy()), atol=0.015)
    np.testing.assert_allclose(camera.project(points.float())[0].numpy(), px[inside], atol=0.015)


def test_unrealegos_camera_is_the_published_one() -> None:
    camera = read_camera_json(real_file("unrealego/fisheye_calibration_UEP.json"))
    assert (camera.size_px, camera.centre_px, camera.c2w, camera.w2c, camera.circle_radius_px) == (
        CAMERA.size_px, CAMERA.centre_px, CAMERA.c2w, CAMERA.w2c, CAMERA.circle_radius_px
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": [1024.5, 1024]}, "'size' must be width and height in whole pixels"),
        ({"size": 1024}, "'size' must be 2 numbers, found 1024"),
        ({"size": [1024, 2400]}, r"'image_center' is .* in a frame of 1024 x 2400 px"),
        ({"size": [1600, 1200], "image_center": [600, 800]}, "only if the two are exchanged"),
        ({"polynomialC2W": None}, "'polynomialC2W' must be a list of numbers"),
        ({"polynomialW2C": [1.0, "2"]}, "'polynomialW2C' must be a list of numbers"),
        ({"polynomialW2C": [500.0, 100.0]}, "inverse to each other only up to"),
        ({"polynomialC2W": [0.0] * 300}, "'polynomialC2W' must be a list of numbers"),
        ({"affine": [0.001, 0, 1]}, r"the affine terms are .*'c d e' in this order"),
        ({"imageCircleRadius": -3}, "'imageCircleRadius' must be positive"),
        ({"image_center": None}, "'image_center' must be 2 numbers"),
        ({"image_center": None, "intrinsic": [[1, 2], [3, 4]]}, "'intrinsic' must be a matrix"),
        ({"affine": [10**400, 0, 0]}, "absurdly large"),
    ],
)
def test_a_file_that_does_not_describe_a_camera_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(EgotapError, match=message):
        read_camera_json(written(tmp_path, **change))
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(EgotapError, match=r"list\.json is not a camera"):
        read_camera_json(tmp_path / "list.json")
