"""The JSON form of OCamCalib's model in which UnrealEgo, UnrealEgo2 and Ego4View publish their cameras.

Its fields are ``size`` (width, height), ``imageCircleRadius``, ``image_center`` (u, v), ``polynomialC2W``,
``polynomialW2C`` and ``affine`` (c, d, e). Files of related data sets have a matrix ``intrinsic`` instead of
``image_center``, of which only the centre counts, and may lack circle and affine terms.

The code of these data sets leaves the affine terms out when it projects; in their published files they move no pixel by
more than 0.15 px.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES, POLYNOMIAL
from egotap_pl.data.calibration.lenses import centre_objection, polynomial_camera
from egotap_pl.data.untrusted.readers import read_json


def read_camera_json(path: Path | str, circle_radius_px: float | int | None = None) -> PolynomialCamera:
    """The camera of a JSON file, including its affine terms.

    Args:
        path: the file.
        circle_radius_px: radius of the image circle; None: what the file says, or else as far as the frame and its two
            polynomials' agreement reach.

    Raises:
        EgotapError: if the file is missing, not of this form, or its numbers cannot be those of a camera.
    """
    content = read_json(path, CALIBRATION_BYTES)
    if not isinstance(content, dict):
        raise EgotapError(f"{path} is not a camera: expected a JSON object with size, polynomialC2W and polynomialW2C")
    size = _numbers(path, content, "size", 2)
    if not all(1 <= x <= 1e5 and x == int(x) for x in size):
        raise EgotapError(f"{path}: 'size' must be width and height in whole pixels, not {list(size)}")
    width, height = (int(x) for x in size)
    centre = _centre(path, content)
    if (objection := centre_objection((width, height), centre)) is not None:
        raise EgotapError(f"{path}: 'image_center' is {centre} in a frame of {width} x {height} px, {objection}")
    c, d, e = _numbers(path, content, "affine", 3) if "affine" in content else (1.0, 0.0, 0.0)
    polynomials = _numbers(path, content, "polynomialC2W"), _numbers(path, content, "polynomialW2C")
    if circle_radius_px is None and "imageCircleRadius" in content:
        (circle_radius_px,) = _numbers(path, {"imageCircleRadius": [content["imageCircleRadius"]]}, "imageCircleRadius")
        if circle_radius_px <= 0:
            raise EgotapError(f"{path}: 'imageCircleRadius' must be positive, not {circle_radius_px:g}")
    return polynomial_camera(path, (width, height), centre, polynomials, (c, d, e), circle_radius_px)


def camera_content(camera: PolynomialCamera, name: str) -> dict[str, Any]:
    """What a JSON file says of a camera.

    Args:
        camera: the camera.
        name: what the file calls it.
    """
    return {
        "name": name,
        "size": list(camera.size_px),
        "imageCircleRadius": camera.circle_radius_px,
        "image_center": list(camera.centre_px),
        "polynomialC2W": list(camera.c2w),
        "polynomialW2C": list(camera.w2c),
        "affine": list(camera.affine),
    }


def _centre(path: Path | str, content: dict[str, Any]) -> tuple[float, float]:
    if "image_center" in content or not isinstance(rows := content.get("intrinsic"), list) or len(rows) < 2:
        u, v = _numbers(path, content, "image_center", 2)
        return (u, v)
    first, second = (_numbers(path, {"intrinsic": row}, "intrinsic") for row in rows[:2])
    if min(len(first), len(second)) < 3:
        raise EgotapError(f"{path}: 'intrinsic' must be a matrix whose first two rows end with the optical axis")
    return (first[2], second[2])


def _numbers(path: Path | str, content: dict[str, Any], key: str, count: int | None = None) -> tuple[float, ...]:
    values = content.get(key)
    is_numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not is_numbers or not 1 <= len(values or ()) <= POLYNOMIAL or (count and len(values or ()) != count):
        expected = f"{count} numbers" if count else "a list of numbers"
        raise EgotapError(f"{path}: {key!r} must be {expected}, found {str(values)[:80]}")
    try:
        numbers = tuple(float(value) for value in values or ())
    except OverflowError as error:
        raise EgotapError(f"{path}: {key!r} has a number that is absurdly large") from error
    assert all(map(math.isfinite, numbers))  # `read_json` accepts no others
    return numbers
