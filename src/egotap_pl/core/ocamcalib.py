"""OCamCalib's calibration text files.

By 0-based line: 2 holds a count and the c2w polynomial, 6 a count and the w2c polynomial, 10 the centre, 14 the affine
terms c, d, e, and 18 the size; the lines between are comments and blanks. OCamCalib writes the centre as "row column"
and the size as "height width" (its files say so in their comments), and this module is the one place where that is
turned into (u, v) and (width, height). A file with one of the pairs the other way round has its centre far from the
frame's middle, unless the frame is square, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

from egotap_pl.core.errors import EgotapError

MAX_FILE_BYTES = 1_000_000
_MAX_DEGREE = 64
_AGREE = 1e-3  # of the circle's radius; OCamCalib fits w2c to 0.01 px, and more than this is another camera's
_OFF_CENTRE = 0.1  # of the frame's side; real lenses sit within a few hundredths


class Calibration(NamedTuple):
    """The numbers of a calibration file, in this package's order: (u, v) and (width, height)."""

    size_px: tuple[int, int]
    centre_px: tuple[float, float]
    c2w: tuple[float, ...]
    w2c: tuple[float, ...]
    circle_radius_px: float
    affine: tuple[float, float, float]


def usable_radius_px(c2w: Sequence[float], w2c: Sequence[float], upto_px: float | int) -> float:
    """How far from the centre, at most ``upto_px``, the angle grows with the radius and w2c undoes c2w (to 0.1%)."""
    r = np.linspace(0.0, upto_px, 513)
    angle = np.arctan2(r, -Polynomial(c2w)(r))
    back = Polynomial(w2c)(angle - math.pi / 2)
    good = np.abs(back - r) <= _AGREE * upto_px
    good[1:] &= np.diff(angle) > 0
    return float(upto_px) if good.all() else float(r[max(int(good.argmin()) - 1, 0)])


def read_ocamcalib(path: Path, circle_radius_px: float | int | None) -> Calibration:
    """Reads a calibration file; without a circle radius, the view ends with the frame or with the polynomials.

    Raises:
        EgotapError: if the file is missing or not what OCamCalib writes; names the line and what was expected.
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
    wanted = corner if circle_radius_px is None else circle_radius_px
    radius = usable_radius_px(c2w, w2c, wanted)
    # agreement is measured against the circle itself, so a smaller circle may have to be smaller still
    while circle_radius_px is None and (smaller := usable_radius_px(c2w, w2c, radius)) < radius:
        radius = smaller
    if radius < (min(height, width) / 4 if circle_radius_px is None else circle_radius_px):
        raise EgotapError(
            f"{path}: the polynomials of lines 3 and 7 undo each other only up to {radius:.0f} px from the centre "
            f"({wanted:.0f} px wanted); both must come from the same calibration, in front of the camera z < 0"
        )
    return Calibration((int(width), int(height)), (column, row), c2w, w2c, float(radius), (c, d, e))


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise EgotapError(f"{path}: cannot read this camera calibration ({error.strerror})") from error
    if len(content) > MAX_FILE_BYTES:
        raise EgotapError(f"{path}: larger than {MAX_FILE_BYTES} bytes, so not a camera calibration of OCamCalib")
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise EgotapError(f"{path}: not a text file, so not a camera calibration of OCamCalib") from error


def _polynomial(path: Path, lines: list[str], index: int, name: str) -> tuple[float, ...]:
    expected = f"a count and then that many coefficients of the {name} polynomial"
    count, *coefficients = _numbers(path, lines, index, None, expected)
    if count != len(coefficients) or not 2 <= count <= _MAX_DEGREE:
        raise _bad(path, index, expected, lines[index])
    return tuple(coefficients)


def _numbers(path: Path, lines: list[str], index: int, count: int | None, expected: str) -> list[float]:
    if index >= len(lines):
        raise EgotapError(f"{path}: ends after line {len(lines)}; expected {expected} in line {index + 1}")
    try:
        numbers = [float(word) for word in lines[index].split()]
    except ValueError as error:
        raise _bad(path, index, expected, lines[index]) from error
    if not numbers or (count is not None and len(numbers) != count) or not all(map(math.isfinite, numbers)):
        raise _bad(path, index, expected, lines[index])
    return numbers


def _bad(path: Path, index: int, expected: str, found: str) -> EgotapError:
    return EgotapError(f"{path}, line {index + 1}: expected {expected}, found {found[:80]!r}")
