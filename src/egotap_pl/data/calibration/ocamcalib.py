"""Reads OCamCalib's calibration text files.

Counted from 0, line 2 has a count and the c2w polynomial, line 6 a count and the w2c polynomial, line 10 the centre,
line 14 the affine terms c, d, e, and line 18 the size; the lines between them are comments and blank lines. OCamCalib
writes the centre as "row column" and the size as "height width", as the comments in its files say. Only this module
converts them to (u, v) and (width, height). A file with one of these pairs in the wrong order is refused, because its
centre is far from the middle of the frame, unless the frame is square.
"""

from __future__ import annotations

import math
from pathlib import Path

from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.camera.ocamcalib import usable_radius_px
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES, POLYNOMIAL
from egotap_pl.data.untrusted.readers import read_text

_OFF_CENTRE = 0.1  # of the frame's side; real lenses are within a few hundredths


def read_ocamcalib(path: Path | str, circle_radius_px: float | int | None = None) -> PolynomialCamera:
    """The camera of a calibration file, including its affine terms.

    Args:
        path: the file, as OCamCalib's exportData writes it.
        circle_radius_px: radius of the image circle, which the file does not contain. By default the camera sees the
            whole frame, as far as the file's two polynomials agree.

    Raises:
        EgotapError: if the file is missing or not in OCamCalib's format; the message names the line and what was
            expected.
    """
    lines = read_text(path, CALIBRATION_BYTES).splitlines()
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
    return PolynomialCamera((int(width), int(height)), (column, row), c2w, w2c, float(radius), (c, d, e))


def _polynomial(path: Path | str, lines: list[str], index: int, name: str) -> tuple[float, ...]:
    expected = f"a count, followed by that many coefficients of the {name} polynomial"
    count, *coefficients = _numbers(path, lines, index, None, expected)
    if count != len(coefficients) or not 2 <= count <= POLYNOMIAL:
        raise _bad(path, index, expected, lines[index])
    return tuple(coefficients)


def _numbers(path: Path | str, lines: list[str], index: int, count: int | None, expected: str) -> list[float]:
    if index >= len(lines):
        raise EgotapError(f"{path}: ends after line {len(lines)}; expected {expected} on line {index + 1}")
    try:
        numbers = [float(word) for word in lines[index].split()]
    except ValueError as error:
        raise _bad(path, index, expected, lines[index]) from error
    if not numbers or (count is not None and len(numbers) != count) or not all(map(math.isfinite, numbers)):
        raise _bad(path, index, expected, lines[index])
    return numbers


def _bad(path: Path | str, index: int, expected: str, actual: str) -> EgotapError:
    return EgotapError(f"{path}, line {index + 1}: expected {expected}, found {actual[:80]!r}")
