"""Rig files: from every kind of calibration, and back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from chessboards import corners
from scipy.spatial.transform import Rotation
from test_kalibr_files import CHAIN

from egotap_pl.core.camera import KannalaBrandtCamera, PolynomialCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import load_rig, read_camera, save_rig

LEFT = KannalaBrandtCamera((640, 480), (322.5, 238.0), 250.0, (190.0, 191.0), (0.01, -0.002, 0.0, 1e-5), 0.001)
RIGHT = PolynomialCamera.unrealego()
TURN = Rotation.from_rotvec((0.02, -0.1, 0.03))
INLINE = f"""\
name: headset
left: {json.dumps(LEFT.to_dict())}
right: {json.dumps(RIGHT.to_dict())}
"""
JSON = {
    "size": [1024, 1024],
    "imageCircleRadius": 512,
    "image_center": list(RIGHT.centre_px),
    "polynomialC2W": list(RIGHT.c2w),
    "polynomialW2C": list(RIGHT.w2c),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "rig.yaml"
    path.write_text(text)
    return path


def rows(rotation: Rotation) -> Any:
    return tuple(map(tuple, rotation.as_matrix().tolist()))


@pytest.mark.parametrize(
    "transform",
    [
        f"left_to_right: {{rotation: {TURN.as_matrix().tolist()}, translation_cm: [11, 2, -0.5]}}",
        f"left_to_right: {{rotation_vector_rad: {TURN.as_rotvec().tolist()}, translation_cm: [11, 2, -5e-1]}}",
        f"left_to_right: {{quaternion_xyzw: {TURN.as_quat().tolist()}, translation_cm: [11, 2, -0.5]}}",
        f"right_to_left: {{rotation: {TURN.inv().as_matrix().tolist()}, "
        f"translation_cm: {(-TURN.inv().apply((11, 2, -0.5))).tolist()}}}",
    ],
)
def test_the_transform_leads_from_the_left_camera_to_the_right(tmp_path: Path, transform: str) -> None:
    rig = load_rig(written(tmp_path, INLINE + transform))
    assert (rig.name, rig.cameras) == ("headset", (LEFT, RIGHT))
    point = np.array((3.0, -7.0, 40.0))
    views = rig.to_views(torch.from_numpy(point[None]))
    np.testing.assert_allclose(views[1, 0].numpy(), TURN.apply(point) + np.array((11, 2, -0.5)), atol=1e-12)


def test_numbers_without_a_circle_reach_as_far_as_those_of_a_file(tmp_path: Path) -> None:
    fields = {key: value for key, value in LEFT.to_dict().items() if key != "circle_radius_px"}
    eye = "left_to_right: {rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation_cm: [12, 0, 0]}\n"
    rig = load_rig(written(tmp_path, f"left: {json.dumps(fields)}\nright: {json.dumps(RIGHT.to_dict())}\n{eye}"))
    assert rig.cameras[0].unproject(torch.tensor([[639.9, 479.9], [0.0, 0.0]]))[1].all()
    assert {**rig.cameras[0].to_dict(), "circle_radius_px": 250.0} == LEFT.to_dict()


def test_a_centre_in_another_unit_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    eye = "left_to_right: {rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation_cm: [12, 0, 0]}\n"
    load_rig(written(tmp_path, INLINE + eye))
    assert "warning" not in capsys.readouterr().err
    moved = json.dumps(replace(LEFT, centre_px=(32.25, 23.8)).to_dict())
    load_rig(written(tmp_path, f"left: {moved}\nright: {json.dumps(RIGHT.to_dict())}\n{eye}"))
    assert "left: centre_px is (32.25, 23.8) of frames of (640, 480) px, which is 45% of its" in capsys.readouterr().err


def test_a_rig_is_equal_after_it_was_saved(tmp_path: Path) -> None:
    rigs = [StereoRig.unrealego(), StereoRig("other", (LEFT, RIGHT), rows(TURN), (11.000000000000001, 2e-7, 1 / 3))]
    rigs.append(StereoRig.of("rough", (RIGHT, LEFT), TURN.as_matrix().round(5), (-12.0, 0.0, 0.0)))
    for rig in rigs:
        save_rig(rig, tmp_path / "rig.yaml")
        assert load_rig(tmp_path / "rig.yaml") == rig
        assert "X_right = rotation X_left + translation_cm" in (tmp_path / "rig.yaml").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["rig.yaml"]


def test_a_rig_of_files(tmp_path: Path) -> None:
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "camchain.yaml").write_text(CHAIN)
    (tmp_path / "right.json").write_text(json.dumps(JSON))
    (tmp_path / "left.yaml").write_text(yaml.safe_dump(LEFT.to_dict()))
    eye = "left_to_right: {rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation_cm: [12, 0, 0]}\n"
    rig = load_rig(written(tmp_path, f"left: left.yaml\nright: {{file: right.json}}\n{eye}"))
    assert (rig.name, rig.cameras) == ("rig", (LEFT, RIGHT))
    cameras = (
        "left: {file: calibration/camchain.yaml, camera: cam0}\nright: {file: calibration/camchain.yaml, camera: cam1"
    )
    rig = load_rig(written(tmp_path, cameras + "}\nleft_to_right: {file: calibration/camchain.yaml}"))
    assert rig.translation_cm == pytest.approx((11.87, -0.12, 0.21))
    assert rig.cameras[1] == read_camera(tmp_path / "calibration" / "camchain.yaml", "cam1")
    exchanged = cameras.translate(str.maketrans("01", "10"))
    limited = load_rig(
        written(tmp_path, exchanged + ", circle_radius_px: 400}\nright_to_left: {file: calibration/camchain.yaml}")
    )
    assert limited.translation_cm == pytest.approx((-11.87, 0.12, -0.21), abs=0.2)
    assert limited.cameras[1].max_angle_rad < rig.cameras[1].max_angle_rad


@pytest.mark.parametrize(
    ("left", "right", "ends", "message"),
    [
        ("cam1", "cam0", "", "from camera cam0 to cam1 of .*, but left is cam1 .*: say from: cam1, to: cam0"),
        ("cam1", "cam3", "", "but left is cam1 and right is cam3: say from: cam1, to: cam3"),
        ("cam1", "cam3", ", from: cam3, to: cam1", "from camera cam3 to cam1 of .*, but left is cam1"),
        ("cam0", "cam0", "", "but left is cam0 and right is cam0: say which camera of the file each is"),
        ("cam1", "cam3", ", from: cam1, to: cam3", None),
        ("cam1", "cam0", ", from: cam1, to: cam0", None),
    ],
)
def test_a_transform_between_other_cameras_of_a_chain_is_refused(
    tmp_path: Path, left: str, right: str, ends: str, message: str | None
) -> None:
    chain = yaml.safe_load(CHAIN)
    chain |= {"cam2": chain["cam1"], "cam3": chain["cam1"]}
    (tmp_path / "chain.yaml").write_text(json.dumps(chain))
    text = f"left: {{file: chain.yaml, camera: {left}}}\nright: {{file: chain.yaml, camera: {right}}}\n"
    rig_file = written(tmp_path, text + f"left_to_right: {{file: chain.yaml{ends}}}")
    if message is not None:
        with pytest.raises(EgotapError, match=message):
            load_rig(rig_file)
        return
    step = np.array(chain["cam1"]["T_cn_cnm1"])
    by_hand = step @ step if right == "cam3" else np.linalg.inv(step)
    np.testing.assert_allclose(load_rig(rig_file).translation_cm, 100 * by_hand[:3, 3], atol=1e-2)


def test_opencvs_transform_from_the_second_camera_is_refused(tmp_path: Path) -> None:
    matrix, identity = [[150.0, 0.0, 320.0], [0.0, 150.0, 240.0], [0.0, 0.0, 1.0]], np.eye(3).tolist()
    content = {"K1": matrix, "K2": matrix, "D1": [0.0] * 4, "D2": [0.0] * 4, "R": identity, "T": [-100.0, 0.0, 0.0]}
    (tmp_path / "stereo.yml").write_text(json.dumps(content | {"image_size": [640, 480]}))
    cameras = "left: {file: stereo.yml, camera: 2}\nright: {file: stereo.yml, camera: 1}\n"
    with pytest.raises(EgotapError, match=r"from camera 1 to 2 of .*, but left is 2 .*: write right_to_left"):
        load_rig(written(tmp_path, cameras + "left_to_right: {file: stereo.yml, unit: mm}"))
    rig = load_rig(written(tmp_path, cameras + "right_to_left: {file: stereo.yml, unit: mm}"))
    assert rig.translation_cm == (10.0, 0.0, 0.0)


def test_opencvs_own_stereo_calibration_gives_the_rig(tmp_path: Path) -> None:
    """Views of a chessboard by a known rig, calibrated and saved by OpenCV."""
    lens = KannalaBrandtCamera((640, 480), (322.5, 238.0), 235.0, (190.0, 191.0), (0.01, -0.002, 0.0, 1e-5))
    other = replace(lens, centre_px=(316.0, 243.5), focal_px=(193.5, 194.0))
    true = StereoRig("true", (lens, other), rows(TURN), (11.8, 0.3, -0.4))
    seen, flags = corners(true), cv2 if cv2.__version__ >= "5" else cv2.fisheye
    guess = np.array([[200.0, 0.0, 320.0], [0.0, 200.0, 240.0], [0.0, 0.0, 1.0]])
    calibrate: Any = cv2.fisheye.stereoCalibrate  # its stubs differ between versions
    _, k1, d1, k2, d2, rotation, translation, *_ = calibrate(
        *seen, guess, np.zeros((4, 1)), guess.copy(), np.zeros((4, 1)), (640, 480),
        flags=flags.CALIB_RECOMPUTE_EXTRINSIC | flags.CALIB_FIX_SKEW | flags.CALIB_USE_INTRINSIC_GUESS,
    )  # fmt: skip
    storage = cv2.FileStorage(str(tmp_path / "stereo.yml"), cv2.FILE_STORAGE_WRITE)
    for name, value in {"K1": k1, "D1": d1, "K2": k2, "D2": d2, "R": rotation, "T": translation}.items():
        storage.write(name, value)
    storage.release()
    camera = "{file: stereo.yml, size_px: [640, 480], circle_radius_px: 230, camera"
    rig = load_rig(
        written(tmp_path, f"left: {camera}: 1}}\nright: {camera}: 2}}\nleft_to_right: {{file: stereo.yml, unit: mm}}")
    )
    np.testing.assert_allclose(rig.translation_cm, true.translation_cm, atol=0.03)
    points = torch.tensor([[0.0, 0.0, 1.0], [0.7, 0.1, 0.7], [-0.5, 0.6, 0.6], [0.1, -0.6, 0.5]]).double() * 30
    assert (rig.project(points)[0] - true.project(points)[0]).norm(dim=-1).max() < 0.2


EYE = "left_to_right: {rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translation_cm: [12, 0, 0]}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (INLINE, "rig.yaml: needs one of left_to_right and right_to_left"),
        (INLINE + EYE + EYE.replace("left_to_right", "right_to_left"), "needs one of left_to_right and right_to_left"),
        (INLINE + EYE + "leftt: 1\n", "rig.yaml: unknown key 'leftt'; there may be: name, left, right"),
        (f"right: {json.dumps(RIGHT.to_dict())}\n{EYE}", "the left camera is missing"),
        (INLINE.replace('"focal_px"', '"focal"') + EYE, "rig.yaml: left: camera: keys .*'focal'"),
        (INLINE.replace("kannala_brandt", "pinhole") + EYE, "rig.yaml: left: unknown camera model 'pinhole'"),
        (INLINE.replace("250.0", "'big'") + EYE, "left: camera: circle_radius_px must be numbers, not 'big'"),
        ("left: 7\nright: 8\n" + EYE, "left must be a file of calibration, or the numbers of a camera, found '7'"),
        ("left: nowhere.txt\nright: nowhere.txt\n" + EYE, "nowhere.txt: no such file"),
        ("left: {file: []}\nright: a\n" + EYE, r"left\.file must be the name of a file"),
        ("left: {file: a, circle: 3}\nright: a\n" + EYE, "left: unknown key 'circle'; there may be: file, camera"),
        (
            "left: {file: a, circle_radius_px: -1}\nright: a\n" + EYE,
            r"left\.circle_radius_px must be a positive number",
        ),
        (INLINE + EYE.replace("12, 0, 0", "0.12, 0, 0"), "0.12 cm apart, which no headset does.*metres times 100"),
        (INLINE + EYE.replace("12, 0, 0", "120, 0, 0"), "120 cm apart, which no headset does.*mm divided by 10"),
        (INLINE + EYE.replace("12, 0, 0", "12, 0"), r"left_to_right\.translation_cm must be 3 numbers"),
        (INLINE + EYE.replace("0, 0, 1]]", "0, 0, -1]]"), r"left_to_right\.rotation is not a rotation"),
        (
            INLINE + "left_to_right: {translation_cm: [12, 0, 0]}",
            "needs translation_cm and one of rotation, rotation_v",
        ),
        (
            INLINE + "left_to_right: {quaternion_xyzw: [0, 0, 0, 2], translation_cm: [1, 0, 0]}",
            "quaternion of length 1",
        ),
        (
            INLINE + "left_to_right: {rotation_vector_rad: [1.2, -5.7, 1.7], translation_cm: [12, 0, 0]}",
            r"rotation_vector_rad is 6\.068 long, more than half a turn: must be in radians, not degrees",
        ),
        (INLINE + "left_to_right: 12", "left_to_right must have a rotation and translation_cm, or a file"),
        (INLINE.replace("headset", "[1]") + EYE, "name must be text"),
    ],
)
def test_a_file_that_does_not_describe_a_rig_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EgotapError, match=message) as error:
        load_rig(written(tmp_path, text))
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (
            "%YAML:1.0\n---\nK1: 1\nD1: 1\nK2: 1\nD2: 1\nR: 1\nT: 1\n",
            "left: {file: rig.yaml, camera: 1}, right: {file: rig.yaml, camera: 2} and "
            "left_to_right: {file: rig.yaml, unit: mm}",
        ),
        (
            "cam0: {}\ncam1: {}\n",
            "left: {file: rig.yaml, camera: cam0}, right: {file: rig.yaml, camera: cam1} and "
            "left_to_right: {file: rig.yaml}",
        ),
        ("camera_matrix: 1\ndistortion_coefficients: 1\n", "write a rig file that names those of both"),
        (json.dumps(JSON), "write a rig file that names those of both"),
    ],
)
def test_a_calibration_is_only_a_part_of_a_rig_file(tmp_path: Path, text: str, remedy: str) -> None:
    with pytest.raises(EgotapError, match=r"rig\.yaml: .*not a rig file.*docs/cameras\.md") as error:
        load_rig(written(tmp_path, text))
    assert remedy in str(error.value)


def test_a_calibration_of_opencv_without_its_unit_is_told_where_to_say_it(tmp_path: Path) -> None:
    (tmp_path / "stereo.yml").write_text("R: [0, 0, 0]\nT: [120, 0, 0]\n")
    with pytest.raises(EgotapError, match=r"rig\.yaml: left_to_right has no unit: add unit: mm, cm or m"):
        load_rig(written(tmp_path, INLINE + "left_to_right: {file: stereo.yml}"))


def test_cameras_with_a_wide_field_are_kept(tmp_path: Path) -> None:
    save_rig(StereoRig("wide", (LEFT, LEFT), rows(TURN), (6.0, 0.0, 0.0)), tmp_path / "rig.yaml")
    assert load_rig(tmp_path / "rig.yaml").cameras[0].max_angle_rad == pytest.approx(LEFT.max_angle_rad)
    assert LEFT.max_angle_rad > math.radians(70)
