"""Refuses frames that a store would keep wrongly: HDF5 converts types and repeats single values without a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.source import Frames
from egotap_pl.data.store.schema import FIT_RESIDUAL, NAMES, check_labels, label_columns


def check_frames(frames: Frames, image_px: int, num_joints: int, categories: Sequence[str]) -> None:
    """Refuses frames that `Frames` does not allow.

    Args:
        frames: what a source has read.
        image_px: height and width of its images.
        num_joints: number of joints of its skeleton.
        categories: its motion categories.

    Raises:
        EgotapError: names the field, and what was expected.
    """
    shape = (NUM_VIEWS, 3, image_px, image_px)
    images: Any = frames.images
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != shape:
        raise EgotapError(
            f"images {_described(images)}, expected {image_px} x {image_px} px: shape "
            f"(n, {', '.join(map(str, shape))}) of uint8 with values from 0 to 255"
        )
    count = len(images)
    for column, (dtype, row) in label_columns(num_joints).items():
        if column in ("category", *NAMES):
            _check_texts(column, getattr(frames, column), count)
        else:
            _check_numbers(column, getattr(frames, column), (count, *row), dtype)
    if frames.fit_residual_px is not None:
        _check_numbers(FIT_RESIDUAL, frames.fit_residual_px, (count,), np.float32)
    if unknown := set(frames.category) - set(categories):
        raise EgotapError(f"category: {sorted(unknown)} are not among the source's categories {list(categories)}")
    named = set()
    for name in zip(frames.motion, frames.frame_number.tolist(), strict=True):
        if name in named:
            raise EgotapError(
                f"frame_number: {name[1]} is there twice in motion {name[0]!r}: it must be unique in a motion"
            )
        named.add(name)
    try:
        check_labels(frames._asdict(), {})
    except ValueError as error:
        raise EgotapError(str(error)) from error


def _check_texts(column: str, values: Any, count: int) -> None:
    is_list = isinstance(values, (Sequence, np.ndarray)) and not isinstance(values, str)
    if not is_list or not all(isinstance(value, str) for value in values):
        raise EgotapError(f"{column} must be a list with a text for each frame, not {repr(values)[:80]}")
    if len(values) != count:
        raise EgotapError(f"{column} has {len(values)} entries for {count} frames: it must have one for each")


def _check_numbers(column: str, values: Any, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    """Integers may be stored as floats, but not the other way round."""
    kinds = "fiu" if issubclass(dtype, np.floating) else "iu"
    if not isinstance(values, np.ndarray) or values.shape != shape or values.dtype.kind not in kinds:
        raise EgotapError(f"{column} {_described(values)}, expected shape {shape} of {dtype.__name__}")


def _described(values: Any) -> str:
    """What an array has, or what is there instead."""
    if not isinstance(values, np.ndarray):
        return f"is of type {type(values).__name__}, not a NumPy array"
    return f"has shape {values.shape} of {values.dtype}"
