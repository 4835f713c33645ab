"""OCamCalib's calibration text files.

Counted from 0, line 2 holds a count and the c2w polynomial, line 6 a count and the w2c polynomial, line 10 the centre,
line 14 the affine terms c, d, e, and line 18 the size; the lines in between are comments and blanks. OCamCalib writes
the centre as "row column" and the size as "height width" (as the comments in its files say). Only this module converts
them to (u, v) and (width, height). A file with one of these pairs in the wrong order is refused: its centre is far from
the middle of the frame, unless the frame is square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES, POLYNOMIAL

_AGREE = 1e-3  # of the circle's radius; OCamCalib fits w2c to 0.01 px, so a larger difference means another camera
_OFF_CENTRE = 0.1  # of the frame's side; real lenses are within a few hundredths


class Calibration(NamedTuple):
    """The numbers of a calibration file, named and ordered as in `egotap_pl.core.camera.FisheyeCamera`."""

    size_px: tuple[int, int]
    """Width and height of the frame."""
    centre_px: tuple[float, float]
    """(u, v) of the optical axis."""
    c2w: tuple[float, ...]
    """Coefficients from pixel to ray, lowest power first."""
    w2c: tuple[float, ...]
    """Coefficients from point to pixel, lowest power first."""
    circle_radius_px: float
    """Radius of the image circle."""
    affine: tuple[float, float, float]
    """OCamCalib's (c, d, e)."""


def usable_radius_px(c2w: Sequence[float], w2c: Sequence[float], limit_px: float | int) -> float:
    """The radius up to which the angle grows with the radius and w2c inverts c2w (to 0.1% of the limit).

    Args:
        c2w: coefficients from pixel to ray, lowest power first.
        w2c: coefficients from point to pixel, lowest power first.
        limit_px: largest radius to try.
    """
    r = np.linspace(0.0, limit_px, 513)
    angle = np.arctan2(r, -Polynomial(c2w)(r))
    back = Polynomial(w2c)(angle - math.pi / 2)
    good = np.abs(back - r) <= _AGREE * limit_px
    good[1:] &= np.diff(angle) > 0
    return float(limit_px) if good.all() else float(r[max(int(good.argmin()) - 1, 0)])


def read_ocamcalib(path: Path, circle_radius_px: float | int | None) -> Calibration:
    """Read a calibration file.

    Args:
        path: the file.
        circle_radius_px: radius of the image circle; None: the camera sees the whole frame, as far as the two
            polynomials agree.

    Raises:
        EgotapError: if the file is missing or not in OCamCalib's format; names the line and what was expected.
    """
    lines = _lines(path)
    c2w = _polynomial(path, lines, 2, "c2w")
    w2c = _polynomial(path, lines, 6, "w2c")
    row, column = _numbers(path, lines, 10, 2, "the image centre, 'row column'")
    c, d, e = _numbers(path, lines, 14, 3, "the affine terms, 'c d e'")
    height, width = _numbers(path, lines, 18, 2, "the image size, 'height width'")
    if not (1 <= height <= 1e5 and 1 <= width <= 1e5 and height.is_integer() and width.is_integer()):
        raise _bad(path, 18, "the image size, 'height width', in whole pixels", lines[18])
    if abs(row - height / 2) > _OFF_CENTRE * height or abs(column - width / 2) > _OFF_CENTRE * width:
        raise _bad(path, 10, f"a centre 'row column' near the middle of a {width:g} x {height:g} frame", lines[10])
    if abs(c - d * e) < 1e-6:
        raise _bad(path, 14, "affine terms 'c d e' that can be inverted", lines[14])
    corner = math.hypot(max(row, height - row), max(column, width - column))
    limit = corner if circle_radius_px is None else circle_radius_px
    radius = usable_radius_px(c2w, w2c, limit)
    # The tolerance is relative to the radius, so a smaller circle may have to shrink further.
    while circle_radius_px is None and (smaller := usable_radius_px(c2w, w2c, radius)) < radius:
        radius = smaller
    if radius < (min(height, width) / 4 if circle_radius_px is None else circle_radius_px):
        raise EgotapError(
            f"{path}: the polynomials of lines 3 and 7 are inverse to each other only up to {radius:.0f} px from the "
            f"centre, not up to {limit:.0f} px; both must come from the same calibration, with z < 0 in front of the "
            "camera"
        )
    return Calibration((int(width), int(height)), (column, row), c2w, w2c, float(radius), (c, d, e))


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            content = file.read(CALIBRATION_BYTES + 1)
    except OSError as error:
        raise EgotapError(f"{path}: cannot read this camera calibration ({error.strerror})") from error
    if len(content) > CALIBRATION_BYTES:
        raise EgotapError(f"{path}: larger than {CALIBRATION_BYTES} bytes, so not a camera calibration of OCamCalib")
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise EgotapError(f"{path}: not a camera calibration of OCamCalib: not a text file") from error


def _polynomial(path: Path, lines: list[str], index: int, name: str) -> tuple[float, ...]:
    expected = f"a count, followed by that many coefficients of the {name} polynomial"
    count, *coefficients = _numbers(path, lines, index, None, expected)
    if count != len(coefficients) or not 2 <= count <= POLYNOMIAL:
        raise _bad(path, index, expected, lines[index])
    return tuple(coefficients)


def _numbers(path: Path, lines: list[str], index: int, count: int | None, expected: str) -> list[float]:
    if index >= len(lines):
        raise EgotapError(f"{path}: ends after line {len(lines)}; expected {expected} on line {index + 1}")
    try:
        numbers = [float(word) for word in lines[index].split()]
    except ValueError as error:
        raise _bad(path, index, expected, lines[index]) from error
    if not numbers or (count is not None and len(numbers) != count) or not all(map(math.isfinite, numbers)):
        raise _bad(path, index, expected, lines[index])
    return numbers


def _bad(path: Path, index: int, expected: str, actual: str) -> EgotapError:
    return EgotapError(f"{path}, line {index + 1}: expected {expected}, found {actual[:80]!r}")
