"""Kalibr's camchains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import KannalaBrandtCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import read_camera
from egotap_pl.data.calibration.kalibr import kalibr_transform

CHAIN = """\
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.0105, 0.0031, -0.0022, 0.00012]
  distortion_model: equidistant
  intrinsics: [381.2, 380.9, 645.1, 478.2]
  resolution: [1280, 960]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [0.99995, 0.0, 0.01, 0.1187]
  - [0.0, 1.0, 0.0, -0.0012]
  - [-0.01, 0.0, 0.99995, 0.0021]
  - [0.0, 0.0, 0.0, 1.0]
  cam_overlaps: [0]
  camera_model: pinhole
  distortion_coeffs: [-0.0099, 0.0028, -0.002, 0.00011]
  distortion_model: equidistant
  intrinsics: [380.2, 379.9, 635.1, 482.2]
  resolution: [1280, 960]
  rostopic: /cam1/image_raw
"""


def changed(folder: Path, camera: str = "cam0", **changes: Any) -> Path:
    content = yaml.safe_load(CHAIN)
    content[camera].update(changes)
    path = folder / "camchain.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_cameras_of_a_chain(tmp_path: Path) -> None:
    (tmp_path / "camchain.yaml").write_text(CHAIN)
    camera = read_camera(tmp_path / "camchain.yaml")
    assert isinstance(camera, KannalaBrandtCamera)
    assert camera == KannalaBrandtCamera(
        (1280, 960), (645.1, 478.2), camera.circle_radius_px, (381.2, 380.9), (-0.0105, 0.0031, -0.0022, 0.00012)
    )
    smaller = read_camera(tmp_path / "camchain.yaml", camera="cam1", circle_radius_px=470)
    assert isinstance(smaller, KannalaBrandtCamera)
    assert (smaller.focal_px, smaller.circle_radius_px) == ((380.2, 379.9), 470)


def test_metres_become_centimetres_and_the_transform_leads_from_cam0_to_cam1(tmp_path: Path) -> None:
    (tmp_path / "camchain.yaml").write_text(CHAIN)
    transform = kalibr_transform(tmp_path / "camchain.yaml")
    np.testing.assert_allclose(transform.translation_cm, (11.87, -0.12, 0.21))
    np.testing.assert_allclose(transform.rotation, Rotation.from_rotvec((0, 0.01, 0)).as_matrix(), atol=1e-5)
    back = kalibr_transform(tmp_path / "camchain.yaml", "cam1", "cam0").after(transform)
    np.testing.assert_allclose(back.rotation, np.eye(3), atol=1e-4)
    np.testing.assert_allclose(back.translation_cm, 0, atol=1e-3)


def test_a_chain_of_three_cameras(tmp_path: Path) -> None:
    content, steps = yaml.safe_load(CHAIN), Rotation.from_rotvec([(0, 0.2, 0), (0.1, 0, 0.3)]).as_matrix()
    moves_m = np.array([(0.1, 0.0, 0.02), (-0.03, 0.05, 0.0)])
    content["cam2"] = yaml.safe_load(CHAIN)["cam1"]
    for camera, step, move in zip(("cam1", "cam2"), steps, moves_m, strict=True):
        content[camera]["T_cn_cnm1"] = [*np.column_stack((step, move)).tolist(), [0, 0, 0, 1]]
    (tmp_path / "camchain.yaml").write_text(yaml.safe_dump(content))
    point = np.array((3.0, -7.0, 40.0))
    expected = steps[1] @ (steps[0] @ point + 100 * moves_m[0]) + 100 * moves_m[1]
    transform = kalibr_transform(tmp_path / "camchain.yaml", "cam0", "cam2")
    np.testing.assert_allclose(transform.rotation @ point + transform.translation_cm, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"camera_model": "omni"}, "camera_model 'omni' and distortion_model 'equidistant', but only pinhole with"),
        ({"distortion_model": "radtan"}, "calibrate with --models pinhole-equi pinhole-equi"),
        ({"intrinsics": [1.0, 2.0]}, "cam0.intrinsics must be 4 numbers"),
        ({"intrinsics": [0.5, 381.0, 381.0, 645.1, 478.2]}, "cam0.intrinsics must be 4 numbers"),
        ({"distortion_coeffs": None}, "cam0.distortion_coeffs must be 4 numbers"),
        ({"distortion_coeffs": [-0.7, 0, 0, 0]}, "camchain.yaml: cam0: the distortion .* turns back"),
        ({"resolution": [960, 1280]}, "only if the two are exchanged, or if width and height are"),
        ({"resolution": [1280]}, "cam0.resolution must be 2 numbers"),
    ],
)
def test_what_does_not_describe_a_fisheye_camera_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(EgotapError, match=message):
        read_camera(changed(tmp_path, **change))


def test_transforms_and_cameras_that_are_not_there_are_refused(tmp_path: Path) -> None:
    mirror = [[1, 0, 0, 0.1], [0, 1, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]]
    with pytest.raises(EgotapError, match=r"the rotation in cam1.T_cn_cnm1 is not a rotation"):
        kalibr_transform(changed(tmp_path, "cam1", T_cn_cnm1=mirror))
    with pytest.raises(EgotapError, match=r"cam1.T_cn_cnm1 must end with the row"):
        kalibr_transform(changed(tmp_path, "cam1", T_cn_cnm1=np.ones((4, 4)).tolist()))
    with pytest.raises(EgotapError, match=r"cam1.T_cn_cnm1 must be 4 x 4 numbers"):
        kalibr_transform(changed(tmp_path, "cam1", T_cn_cnm1=None))
    with pytest.raises(EgotapError, match="has no camera 'cam7'; it has cam0, cam1"):
        kalibr_transform(changed(tmp_path), "cam0", "cam7")
    with pytest.raises(EgotapError, match="has no camera 'left'"):
        read_camera(changed(tmp_path), camera="left")
    with pytest.raises(EgotapError, match=r"size_px=\(1, 2\) has no meaning for a file of this form"):
        read_camera(changed(tmp_path), size_px=(1, 2))
