"""Frames that stand for many: of the largest, the median and the smallest error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Extremes(NamedTuple):
    """Indices of three frames."""

    worst: int
    """The frame of the largest error."""
    median: int
    """The frame of the median error; of an even number of frames, the better of the two in the middle."""
    best: int
    """The frame of the smallest error."""


def extremes(frame_error_mm: Float[np.ndarray, "n"]) -> Extremes:
    """The frames of the largest, the median and the smallest error. Frames with an error of NaN have none of them.

    Raises:
        ValueError: if all errors are NaN.

    Examples:
        >>> extremes(np.array([50.0, 10.0, 90.0, 30.0, 70.0]))
        Extremes(worst=2, median=0, best=1)
    """
    order = np.argsort(frame_error_mm, kind="stable")[: np.count_nonzero(~np.isnan(frame_error_mm))]  # NaN is last
    if not len(order):
        raise ValueError("no frame has an error: none has known joints")
    return Extremes(int(order[-1]), int(order[(len(order) - 1) // 2]), int(order[0]))


def median_frames(frame_error_mm: Float[np.ndarray, "n"], category: Sequence[str]) -> dict[str, int]:
    """For each category, in alphabetical order, the index of the frame of its median error.

    Categories all of whose errors are NaN are omitted.

    Examples:
        >>> median_frames(np.array([50.0, 10.0, 90.0, 30.0]), ["golf", "golf", "golf", "boxing"])
        {'boxing': 3, 'golf': 0}
    """
    names = np.asarray(category)
    frames = {}
    for name in sorted(set(category)):
        rows: Int[np.ndarray, "k"] = np.flatnonzero(names == name)
        if not np.isnan(frame_error_mm[rows]).all():
            frames[name] = int(rows[extremes(frame_error_mm[rows]).median])
    return frames
