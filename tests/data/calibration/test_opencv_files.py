"""Calibrations of OpenCV: files that cv2.FileStorage wrote, and cameras compared with cv2.fisheye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from egotap_pl.core.camera import KannalaBrandtCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import read_camera, read_opencv
from egotap_pl.data.calibration.opencv import opencv_transform

K = np.array([[381.2, 1.7, 655.4], [0.0, 379.8, 470.3], [0.0, 0.0, 1.0]])
D = np.array([[-0.011], [0.0032], [-0.0021], [1e-5]])
POINTS = np.random.default_rng(1).uniform((-30, -30, 2), (30, 30, 60), (400, 3))


def written(path: Path, **content: Any) -> Path:
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for name, value in content.items():
        storage.write(name, value)
    storage.release()
    return path


@pytest.mark.parametrize(
    "names", [("K", "D"), ("camera_matrix", "distortion_coefficients"), ("cameraMatrix", "distCoeffs")]
)
@pytest.mark.parametrize("first_line", ["%YAML:1.0", "%YAML 1.2"])  # before OpenCV 5, and since
def test_a_file_of_filestorage_becomes_opencvs_camera(tmp_path: Path, names: tuple[str, str], first_line: str) -> None:
    content = dict(zip(names, (K, D), strict=True))
    path = written(tmp_path / "left.yml", image_width=1280, image_height=960, **content)
    path.write_text("\n".join((first_line, *path.read_text().splitlines()[1:])))
    camera = read_camera(path)
    assert isinstance(camera, KannalaBrandtCamera)
    assert camera == KannalaBrandtCamera(
        (1280, 960), (655.4, 470.3), camera.circle_radius_px, (381.2, 379.8), tuple(D[:, 0].tolist()), 1.7 / 381.2
    )
    expected, _ = cv2.fisheye.projectPoints(POINTS[:, None], np.zeros(3), np.zeros(3), K, D, alpha=1.7 / 381.2)
    np.testing.assert_allclose(camera.project(torch.from_numpy(POINTS))[0].numpy(), expected[:, 0], atol=1e-7)


def test_json_of_filestorage_is_read_as_its_yaml_is_and_xml_is_named(tmp_path: Path) -> None:
    size = {"image_width": 1280, "image_height": 960}
    both = {"K1": K, "D1": D, "K2": K, "D2": D[:, 0], "R": np.eye(3), "T": np.array([-98.0, 0.0, 0.0])}
    yml, json, xml = (written(tmp_path / f"stereo.{ending}", **size, **both) for ending in ("yml", "json", "xml"))
    for camera in (1, 2):
        assert read_camera(json, camera) == read_camera(yml, camera)
    np.testing.assert_array_equal(opencv_transform(json, "mm").translation_cm, (-9.8, 0.0, 0.0))
    with pytest.raises(EgotapError, match=r"stereo\.xml: XML is not read: write the file as YAML"):
        read_camera(xml, 1)


def test_the_view_reaches_the_corners_or_as_far_as_the_caller_says(tmp_path: Path) -> None:
    path = written(tmp_path / "left.yml", K=K, D=np.array([0.01, 0.002, 0.0, 0.0]))
    camera = read_opencv(path, frame_px=(1280, 960))
    corners = torch.tensor([[0.0, 0.0], [1279.9, 959.9], [0.0, 959.9], [1279.9, 0.0]])
    assert camera.unproject(corners)[1].all()
    camera = read_opencv(path, frame_px=(1280, 960), circle_radius_px=450)
    assert not camera.unproject(corners)[1].any()
    assert camera.unproject(torch.tensor([[655.4 + 449, 470.3], [655.4, 470.3 - 448]]))[1].all()
    assert not camera.unproject(torch.tensor([[655.4 + 451, 470.3]]))[1].any()


def test_a_file_of_two_cameras(tmp_path: Path) -> None:
    rotation, _ = cv2.Rodrigues(np.array([0.02, -0.1, 0.03]))
    translation = np.array([[118.0], [2.0], [-1.5]])  # mm
    both = {"K1": K, "D1": D, "K2": K + np.diag([3.0, 3.0, 0.0]), "D2": D, "R": rotation, "T": translation}
    path = written(tmp_path / "stereo.yml", image_width=1280, image_height=960, **both)
    assert read_opencv(path, camera=1).focal_px == (381.2, 379.8)
    assert read_opencv(path, camera="2").focal_px == (384.2, 382.8)
    with pytest.raises(EgotapError, match=r"expected K of OpenCV's fisheye model.*say camera: 1 or camera: 2"):
        read_camera(path)
    transform = opencv_transform(path, "mm")
    np.testing.assert_allclose(transform.rotation, rotation, atol=1e-15)
    np.testing.assert_allclose(transform.translation_cm, (11.8, 0.2, -0.15))
    with pytest.raises(EgotapError, match="in which unit T is: say unit: mm, cm or m"):
        opencv_transform(path, "None")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_width": 1280.5}, "must be width and height in whole pixels"),
        ({"D": np.zeros((1, 5))}, "'D' has 5 numbers, as those of cv2.calibrateCamera have"),
        ({"D": np.zeros((1, 3))}, "'D' must be 4 numbers"),
        ({"K": np.eye(4)}, "'K' must be 3 x 3 numbers"),
        ({"K": K.T}, r"'K' must be \[\[fx, skew, u\], \[0, fy, v\], \[0, 0, 1\]\]"),
        ({"K": K * [[1, 1, 1], [1, -1, 1], [1, 1, 1]]}, "must be positive"),
        ({"K": K * [[1, 1, 0.1], [1, 1, 1], [1, 1, 1]]}, "45% of its side off the middle"),
        ({"image_width": 960, "image_height": 1280}, "only if the two are exchanged, or if width and height are"),
        ({"distortion_model": "plumb_bob"}, "only OpenCV's fisheye model is read"),
        ({"D": np.array([-0.6, 0.0, 0.0, 0.0])}, "turns back 189 px from the centre: calibrate again"),
        ({"image_width": None}, "does not say how large the frames are"),
        ({"K": None}, "expected K of OpenCV's fisheye model, found"),
    ],
)
def test_a_file_that_does_not_describe_a_fisheye_camera_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    content = {"image_width": 1280, "image_height": 960, "K": K, "D": D} | change
    path = written(tmp_path / "bad.yml", **{name: value for name, value in content.items() if value is not None})
    with pytest.raises(EgotapError, match=message) as error:
        read_camera(path)
    assert str(path) in str(error.value)


def test_a_distortion_that_turns_back_inside_the_frame_limits_the_view_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "left.yml", image_width=1280, image_height=960, K=K, D=np.array([-0.2, 0.0, 0.0, 0.0]))
    camera = read_camera(path)
    assert isinstance(camera, KannalaBrandtCamera)
    angles = np.linspace(0, 2, 100_001)
    assert camera.circle_radius_px == pytest.approx(381.2 * (angles - 0.2 * angles**3).max(), abs=1)
    assert f"{path}: the distortion turns back 328 px from the centre" in capsys.readouterr().err
    with pytest.raises(EgotapError, match=r"turns back 328\.\d px from the centre, inside the image circle of 400 px"):
        read_camera(path, circle_radius_px=400)


def test_the_size_must_be_that_of_the_calibrated_frames(tmp_path: Path) -> None:
    """A recording of twice the size is no reason to say so: OpenCV's numbers are in pixels of the calibrated frames."""
    silent = written(tmp_path / "silent.yml", K=K, D=D)
    with pytest.raises(EgotapError, match="which is in the middle only of frames of half that size"):
        read_camera(silent, size_px=(2560, 1920))
    assert read_camera(silent, size_px=(1280, 960)).size_px == (1280, 960)
    for size in ({"image_width": 1280, "image_height": 960}, {"image_size": np.array([[1280, 960]])}):
        path = written(tmp_path / "says.yml", K=K, D=D, **size)
        assert read_camera(path, size_px=(1280, 960)) == read_camera(path)
        with pytest.raises(EgotapError, match="frames of 1280 x 960 px, as it says itself, not 1300 x 975"):
            read_camera(path, size_px=(1300, 975))


def test_a_file_by_hand_or_of_ros(tmp_path: Path) -> None:
    path = tmp_path / "hand.yaml"
    path.write_text(f"K: {K.tolist()}\nD: [-0.011, 3.2e-3, -21e-4, 1e-5]\nimage_size: [1280, 960]\n")
    by_hand = read_camera(path)
    path.write_text(
        "image_width: 1280\nimage_height: 960\ncamera_name: left\ndistortion_model: equidistant\n"
        f"camera_matrix: {{rows: 3, cols: 3, data: {K.flatten().tolist()}}}\n"
        f"distortion_coefficients: {{rows: 1, cols: 4, data: {D.flatten().tolist()}}}\n"
    )
    assert read_camera(path) == by_hand
    assert read_camera(written(tmp_path / "a.yml", image_width=1280, image_height=960, K=K, D=D)) == by_hand
