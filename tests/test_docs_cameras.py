"""The page on cameras: its calibration, rig files and scripts are run on pictures of a chessboard."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from chessboards import write_pictures
from documented import write_named_files

from egotap_pl.core.camera import KannalaBrandtCamera, PolynomialCamera, StereoRig
from egotap_pl.data.calibration import load_rig

PAGE = Path(__file__).parents[1] / "docs" / "cameras.md"
POINTS = torch.tensor([[0.0, 0.0, 1.0], [0.8, 0.1, 0.6], [-0.6, 0.6, 0.5], [0.1, -0.7, 0.6]]).double() * 30


def blocks(folder: Path) -> dict[str, Path]:
    """The files of the page, written into a folder."""
    return {path.name: path for path in write_named_files("cameras", folder)}


def camchain(rig: StereoRig) -> str:
    """A rig as Kalibr writes it, in metres."""
    content: dict[str, dict] = {}
    for name, camera in zip(("cam0", "cam1"), rig.cameras, strict=True):
        assert isinstance(camera, KannalaBrandtCamera)
        content[name] = {
            "camera_model": "pinhole",
            "distortion_model": "equidistant",
            "intrinsics": [*camera.focal_px, *camera.centre_px],
            "distortion_coeffs": list(camera.distortion),
            "resolution": list(camera.size_px),
        }
    rows = np.column_stack((rig.rotation, np.array(rig.translation_cm) / 100)).tolist()
    content["cam1"]["T_cn_cnm1"] = [*rows, [0.0, 0.0, 0.0, 1.0]]
    return yaml.safe_dump(content)


def ocamcalib(camera: PolynomialCamera) -> str:
    """A camera as OCamCalib writes it."""
    (width, height), (u, v) = camera.size_px, camera.centre_px
    lines = [(len(camera.c2w), *camera.c2w), (len(camera.w2c), *camera.w2c), (v, u), camera.affine, (height, width)]
    return "".join(f"#comment\n\n{' '.join(map(repr, line))}\n\n" for line in lines)


def test_the_numbers_are_a_rig_whose_picture_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = blocks(tmp_path)
    monkeypatch.chdir(tmp_path)
    rig = load_rig(files["numbers.yaml"])
    assert (rig.name, rig.cameras[0].size_px) == ("my_headset", (640, 480))
    runpy.run_path(str(files["look.py"]))
    assert (tmp_path / "my_rig" / "rig.png").stat().st_size > 10_000
    assert load_rig(tmp_path / "my_rig" / "copy.yaml") == rig


def test_the_rigs_of_kalibr_and_ocamcalib(tmp_path: Path) -> None:
    files = blocks(tmp_path)
    true = load_rig(files["numbers.yaml"])
    (tmp_path / "my_rig" / "pairs-camchain.yaml").write_text(camchain(true))
    rig = load_rig(files["kalibr.yaml"])
    torch.testing.assert_close(rig.project(POINTS)[0], true.project(POINTS)[0])
    camera = PolynomialCamera.unrealego().cropped(0, 0, 1024, 480)
    for side in ("left", "right"):
        (tmp_path / "my_rig" / f"{side}.txt").write_text(ocamcalib(camera))
    rig = load_rig(files["ocamcalib.yaml"])
    torch.testing.assert_close(rig.project(POINTS)[0][0], camera.project(POINTS)[0])
    assert rig.translation_cm == (-9.8, 0.0, 0.0)


@pytest.mark.slow
def test_the_script_for_opencv_finds_the_rig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = blocks(tmp_path)
    true = load_rig(files["numbers.yaml"])
    write_pictures(true, tmp_path / "pairs")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(files["calibrate.py"]))
    pairs, error_px = re.findall(r"(\d+) pairs, ([\d.]+) px", capsys.readouterr().out)[0]
    assert int(pairs) >= 10
    assert float(error_px) < 0.5
    rig = load_rig(files["opencv.yaml"])
    np.testing.assert_allclose(rig.translation_cm, true.translation_cm, atol=0.1)
    assert (rig.project(POINTS)[0] - true.project(POINTS)[0]).norm(dim=-1).max() < 1.0


def test_the_model_of_ones_own_is_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = blocks(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EGOTAP_IMPORT", "my_idea.cameras")
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_idea"]:
        monkeypatch.delitem(sys.modules, name)  # of another test's folder
    rig = load_rig(files["stereographic.yaml"])
    px, inside = rig.cameras[0].project(POINTS)
    angle = torch.atan2(POINTS[:, :2].norm(dim=-1), POINTS[:, 2])
    torch.testing.assert_close((px - torch.tensor([320.0, 240.0])).norm(dim=-1), 2 * 160 * (angle / 2).tan())
    rays, _ = rig.cameras[0].unproject(px)
    torch.testing.assert_close(rays[inside], torch.nn.functional.normalize(POINTS, dim=-1)[inside])
    assert inside.any()
