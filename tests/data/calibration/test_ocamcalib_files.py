"""OCamCalib's files: cameras compared with the published formula, and errors that name the line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from ocamcalib_by_hand import OcamModel

from egotap_pl.core.camera import FisheyeCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration.ocamcalib import read_ocamcalib
from egotap_pl.engine.build import build

CAMERA = FisheyeCamera.unrealego()
SS = (-283.0, 0.0, 1.13e-3, -1.87e-7, 1.55e-9)
"""A polynomial from pixel to ray like those of lenses of 190 degrees."""


def project_by_the_formula(camera: FisheyeCamera, x: float, y: float, z: float) -> tuple[float, float]:
    """Scaramuzza's model for one point, in OCamCalib's order: rows first."""
    n = math.sqrt(x * x + y * y)
    theta = math.atan(-z / n)
    rho = sum(a * theta**k for k, a in enumerate(camera.w2c))
    row, column = y / n * rho, x / n * rho
    c, d, e = camera.affine
    return e * row + column + camera.centre_px[0], c * row + d * column + camera.centre_px[1]


def calibration_text(**replacements: str) -> str:
    """A file as OCamCalib writes it, of a frame wider than high: centre "row column", size "height width"."""
    values = {
        "c2w": f"{len(CAMERA.c2w)} " + " ".join(map(repr, CAMERA.c2w)),
        "w2c": f"{len(CAMERA.w2c)} " + " ".join(map(repr, CAMERA.w2c)),
        "centre": "507.5 651.25",
        "affine": "0.999 -0.002 0.003",
        "size": "1024 1280",
        **replacements,
    }
    comments = {
        "c2w": "#polynomial coefficients for the DIRECT mapping function",
        "w2c": "#polynomial coefficients for the inverse mapping function",
        "centre": '#center: "row" and "column", starting from 0 (C convention)',
        "affine": '#affine parameters "c", "d", "e"',
        "size": '#image size: "height" and "width"',
    }
    return "\n\n".join(f"{comments[name]}\n\n{values[name]}" for name in comments) + "\n\n"


def test_a_file_becomes_a_camera(tmp_path: Path) -> None:
    path = tmp_path / "calibration.txt"
    path.write_text(calibration_text())
    camera = read_ocamcalib(path, circle_radius_px=512)
    assert camera.size_px == (1280, 1024)
    assert camera.centre_px == (651.25, 507.5)
    assert camera.affine == (0.999, -0.002, 0.003)
    assert camera.c2w == CAMERA.c2w
    assert camera.w2c == CAMERA.w2c
    assert camera.max_angle_rad == pytest.approx(CAMERA.max_angle_rad)
    point = (3.0, -7.0, 12.0)
    expected = project_by_the_formula(camera, *point)
    np.testing.assert_allclose(camera.project(torch.tensor(point).double())[0].numpy(), expected, atol=1e-6)


def real_lens(**replacements: str) -> str:
    """A file like those of real lenses: the axis 14% off the middle, no blank lines, notes at the end."""
    r = np.linspace(0.0, 900.0, 3000)
    theta = np.arctan2(r, -np.polynomial.Polynomial(SS)(r)) - math.pi / 2
    w2c = np.polynomial.Polynomial.fit(theta, r, 22, domain=(-math.pi / 2, math.pi / 2)).convert().coef
    long = [*w2c, *(1e-18 * (-1) ** k for k in range(70 - len(w2c)))]  # OCamCalib adds terms until it is satisfied
    values = {
        "c2w": f"{len(SS)} " + " ".join(map(repr, SS)),
        "w2c": f"{len(long)} " + " ".join(map(repr, map(float, long))),
        "centre": "614.4 652.8",
        "affine": "1.000330 0.000219 -0.000257",
        "size": "960 1280",
        **replacements,
    }
    notes = "#camera intrinsics\n277.1 0 652.8\n0 277.0 614.4\n"
    return "".join(f"#{name}\n{value}\n" for name, value in values.items()) + notes


def test_real_lenses_are_read_over_the_whole_field(tmp_path: Path) -> None:
    path = tmp_path / "calib_results.txt"
    path.write_text(real_lens())
    camera = read_ocamcalib(path)
    assert len(camera.w2c) == 70
    assert camera.max_angle_rad > math.radians(95)
    model = OcamModel(SS, 614.4, 652.8, 1.00033, 0.000219, -0.000257)
    v, u = np.mgrid[0.5:960:13, 0.5:1280:13]
    px = np.stack((u, v), -1)
    rays, inside = camera.unproject(torch.from_numpy(px))
    assert inside.float().mean() > 0.9
    np.testing.assert_allclose(rays.numpy()[inside], model.cam2world(px[inside]), atol=1e-12)
    points = rays[inside] * 25
    np.testing.assert_allclose(camera.project(points)[0].numpy(), model.world2cam(points.numpy()), atol=0.01)
    np.testing.assert_allclose(camera.project(points.float())[0].numpy(), px[inside], atol=0.01)


def test_configurations_of_earlier_versions_name_it_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "calibration.txt"
    path.write_text(calibration_text())
    spec = {"_target_": "egotap_pl.core.camera.FisheyeCamera.from_ocamcalib", "path": str(path)}
    assert build(spec) == read_ocamcalib(path)


def test_without_a_radius_the_view_ends_where_the_polynomials_stop_agreeing(tmp_path: Path) -> None:
    path = tmp_path / "calibration.txt"
    path.write_text(calibration_text())
    camera = read_ocamcalib(str(path))
    assert 530 < camera.circle_radius_px < math.hypot(652, 517)
    px = torch.tensor(camera.centre_px) + torch.tensor([[camera.circle_radius_px - 1, 0.0]])
    torch.testing.assert_close(camera.project(camera.unproject(px)[0])[0], px, atol=0.001 * 830, rtol=0)


@pytest.mark.parametrize(
    ("change", "line", "expected"),
    [
        ({"c2w": "5 1 2 3"}, 3, "c2w"),
        ({"c2w": "nothing"}, 3, "c2w"),
        ({"w2c": ""}, 11, "w2c"),  # blank lines do not count: the next one is not a polynomial
        ({"w2c": "2 1.0 nan"}, 7, "w2c"),
        ({"centre": "507.5"}, 11, "row column"),
        ({"centre": "651.25 507.5"}, 11, "row column"),
        ({"affine": "1 0"}, 15, "c d e"),
        ({"affine": "1 1 1"}, 15, "c near 1"),
        ({"affine": "0.001 0 1"}, 15, "in this order"),
        ({"affine": "0 1 0.001"}, 15, "in this order"),
        ({"affine": "1,0003 0,0001 0,0002"}, 15, "decimal points instead of decimal commas"),
        ({"centre": "507,5 651,25"}, 11, "decimal points instead of decimal commas"),
        ({"centre": "507.5 965.0"}, 11, "25% of its side off the middle"),
        ({"size": "1024 1280.5"}, 19, "height width"),
        ({"size": "-1 1280"}, 19, "height width"),
        ({"size": "1280 1024"}, 11, "row column"),
    ],
)
def test_an_error_names_the_bad_line(tmp_path: Path, change: dict[str, str], line: int, expected: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(calibration_text(**change))
    with pytest.raises(EgotapError) as error:
        read_ocamcalib(path)
    assert f"{path}, line {line}: " in str(error.value)
    assert expected in str(error.value)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
def test_comments_may_be_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    plain, other = tmp_path / "plain.txt", tmp_path / "other.txt"
    plain.write_text(calibration_text())
    other.write_bytes(f"# Kalibrierung für 180°\r\n  #é\n{calibration_text()}".encode(encoding))
    assert read_ocamcalib(other) == read_ocamcalib(plain)
    other.write_bytes(calibration_text(affine="1 0 0\xb0").encode("latin-1"))
    with pytest.raises(EgotapError, match="not a text file"):
        read_ocamcalib(other)


def test_files_that_are_not_calibrations_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(EgotapError, match="no such file"):
        read_ocamcalib(path)
    with pytest.raises(EgotapError, match="not a regular file"):
        read_ocamcalib(tmp_path)
    path.write_bytes(b"\x89PNG\xff\xfe" * 10)
    with pytest.raises(EgotapError, match="not a text file"):
        read_ocamcalib(path)
    path.write_text("#\n" * 600_000)
    with pytest.raises(EgotapError, match="larger than"):
        read_ocamcalib(path)
    path.write_text("\n".join(calibration_text().split("\n")[:9]))
    with pytest.raises(EgotapError, match=r"ends after line 9; expected the image centre.* on a further line"):
        read_ocamcalib(path)
    path.write_text(calibration_text(w2c="3 400 100 20"))
    with pytest.raises(EgotapError, match="inverse to each other"):
        read_ocamcalib(path)
