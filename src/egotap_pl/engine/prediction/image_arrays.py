"""The images that a user's program passes to a `Predictor`, checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError


def image_array(images: Any) -> UInt8[np.ndarray, "n v 3 h w"]:
    """Images as a NumPy array.

    Args:
        images: see `Predictor.__call__`; anything else is refused.

    Raises:
        EgotapError: if they are neither an array nor a tensor, are not bytes, have other axes, or are not square.
    """
    if not isinstance(images, (np.ndarray, Tensor)):
        raise EgotapError(
            f"images are a {type(images).__name__}: must be a NumPy array or a tensor; np.stack(frames) makes one of a "
            "list of frames"
        )
    dtype, shape = str(images.dtype).removeprefix("torch."), tuple(images.shape)
    if dtype != "uint8":
        remedy = "0 to 65535, give images // 256" if "int" in dtype else "0 to 1, give images * 255"
        raise EgotapError(f"images are {dtype}: must be uint8, 0 to 255; if they are {remedy} as uint8")
    if len(shape) != 5 or shape[1:3] != (NUM_VIEWS, 3):
        raise EgotapError(
            f"images of shape {shape}: must have the axes (frame, view, channel, height, width), with {NUM_VIEWS} "
            f"views and 3 channels{_remedy(shape)}"
        )
    height, width = shape[3:]
    if not 0 < height == width:
        raise EgotapError(
            f"images of {width} x {height} px: must be square; crop them to the square around the image circle"
        )
    return images.cpu().numpy() if isinstance(images, Tensor) else images


def check_batch_size(batch_size: Any) -> None:
    """Checks the number of frames that are estimated at a time.

    Raises:
        EgotapError: if it is not a whole number, 1 or more.
    """
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise EgotapError(f"batch_size={batch_size}: must be a whole number, 1 or more")


def _remedy(shape: tuple[int, ...]) -> str:
    """What to do about the axes."""
    if shape[-1:] == (3,):
        return "; np.moveaxis(images, -1, -3) puts channels before height and width"
    if shape[:-2] == (NUM_VIEWS, 3):
        return "; for one frame, give images[None]"
    return ""
