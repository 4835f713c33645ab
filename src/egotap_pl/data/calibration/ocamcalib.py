"""Reads OCamCalib's calibration text files.

Five lines have numbers: a count and the c2w polynomial; a count and the w2c polynomial; the centre; the affine terms c,
d, e; and the size. Comments, which begin with # and may be in any encoding, and blank lines may stand between them, and
anything after them.
OCamCalib writes the centre as "row column" and the size as "height width", as the comments in its files say. Only this
module converts them to (u, v) and (width, height).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES, POLYNOMIAL
from egotap_pl.data.calibration.lenses import affine_objection, centre_objection, polynomial_camera
from egotap_pl.data.untrusted.readers import read_text

_C2W, _W2C = (f"a count, followed by that many coefficients of the {name} polynomial" for name in ("c2w", "w2c"))
_CENTRE, _AFFINE = "the image centre, 'row column'", "the affine terms, 'c d e'"
_SIZE = "the image size, 'height width', in whole pixels"
_LINES = (_C2W, _W2C, _CENTRE, _AFFINE, _SIZE)
_DECIMAL_COMMA = re.compile(r"\d,\d")


class _Line(NamedTuple):
    """A line with numbers, and where it is."""

    path: Path | str
    number: int
    text: str

    def error(self, expected: str) -> EgotapError:
        return EgotapError(f"{self.path}, line {self.number}: expected {expected}, found {self.text[:80]!r}")

    def numbers(self, expected: str, count: int | None = None) -> tuple[float, ...]:
        if _DECIMAL_COMMA.search(self.text):
            raise self.error(f"{expected}, with decimal points instead of decimal commas")
        try:
            numbers = tuple(float(word) for word in self.text.split())
        except ValueError as error:
            raise self.error(expected) from error
        if (count is not None and len(numbers) != count) or not all(map(math.isfinite, numbers)):
            raise self.error(expected)
        return numbers

    def polynomial(self, expected: str) -> tuple[float, ...]:
        count, *coefficients = self.numbers(expected)
        if count != len(coefficients) or not 2 <= count <= POLYNOMIAL:
            raise self.error(expected)
        return tuple(coefficients)

    def size(self) -> tuple[int, int]:
        height, width = self.numbers(_SIZE, 2)
        if not (1 <= height <= 1e5 and 1 <= width <= 1e5 and height.is_integer() and width.is_integer()):
            raise self.error(_SIZE)
        return (int(width), int(height))


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
    lines = _lines(path)
    polynomials = lines[0].polynomial(_C2W), lines[1].polynomial(_W2C)
    (row, column), (c, d, e) = lines[2].numbers(_CENTRE, 2), lines[3].numbers(_AFFINE, 3)
    size = lines[4].size()
    if (objection := centre_objection(size, (column, row))) is not None:
        raise lines[2].error(f"{_CENTRE}, near the middle of a {size[0]} x {size[1]} frame, not one {objection}")
    if (objection := affine_objection((c, d, e))) is not None:
        raise lines[3].error(f"affine terms {objection}")
    return polynomial_camera(path, size, (column, row), polynomials, (c, d, e), circle_radius_px)


def _lines(path: Path | str) -> list[_Line]:
    """The lines with numbers. If there are too few, a wrong line is a better explanation than a missing one."""
    text = read_text(path, CALIBRATION_BYTES, comment="#").splitlines()
    stripped = [_Line(path, number, line.strip()) for number, line in enumerate(text, 1)]
    lines = [line for line in stripped if line.text and not line.text.startswith("#")][: len(_LINES)]
    if len(lines) < len(_LINES):
        for line, expected in zip(lines[:2], _LINES, strict=False):
            line.polynomial(expected)
        raise EgotapError(f"{path}: ends after line {len(text)}; expected {_LINES[len(lines)]} on a further line")
    return lines
