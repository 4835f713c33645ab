"""Numbers and matrices from the YAML of several programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from egotap_pl.core.errors import EgotapError

Place = Path | str
"""A file, or a file and a key in it, at the beginning of messages."""


def array(origin: Place, value: Any, *shapes: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Finite numbers in one of the given shapes, from nested lists or from a matrix of OpenCV's FileStorage or of ROS.

    A vector may also be a matrix of one row or one column.

    Args:
        origin: where the value is.
        value: the value.
        *shapes: shapes that are accepted.

    Raises:
        EgotapError: if it is anything else.
    """
    expected = " or ".join(" x ".join(map(str, shape)) for shape in shapes)
    failure = EgotapError(f"{origin} must be {expected} numbers, found {' '.join(str(value).split())[:120]}")
    if isinstance(value, Mapping):
        sides = value.get("sizes", [value.get("rows"), value.get("cols")])
        data = _flat(value.get("data"), failure)
        if not isinstance(sides, list) or any(type(side) is not int or side < 1 for side in sides):
            raise failure
        if math.prod(sides) != len(data):
            raise failure
        numbers = np.array(data).reshape(sides)
    else:
        numbers = np.array(_nested(value, failure))
    for shape in shapes:
        if numbers.shape == shape or (len(shape) == 1 and numbers.size == shape[0] == max(numbers.shape)):
            return numbers.reshape(shape)
    raise failure


def size_px(origin: Place, value: Any) -> tuple[int, int]:
    """Width and height.

    Raises:
        EgotapError: if these are not two whole numbers of pixels.
    """
    width, height = array(origin, value, (2,)).tolist()
    if not all(1 <= side <= 1e5 and side == int(side) for side in (width, height)):
        raise EgotapError(f"{origin} must be width and height in whole pixels, found {value}")
    return (int(width), int(height))


def first_of(content: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of several names that a file uses."""
    return next((name for name in names if name in content), None)


def _nested(value: Any, failure: EgotapError) -> Any:
    rows = value if isinstance(value, (list, tuple)) else ()
    if rows and all(isinstance(row, (list, tuple)) for row in rows):
        if len({len(row) for row in rows}) != 1:
            raise failure
        return [_flat(row, failure) for row in rows]
    return _flat(value, failure)


def _flat(values: Any, failure: EgotapError) -> list[float]:
    if not isinstance(values, (list, tuple)) or not values:
        raise failure
    for value in values:
        if type(value) not in (int, float) or not abs(value) < 1e12:  # false for NaN, too
            raise failure
    return [float(value) for value in values]
