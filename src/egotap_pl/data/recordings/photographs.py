"""Images as cameras and phones write them: of any mode that PNG and JPEG have, turned as their EXIF data say."""

from __future__ import annotations

import numpy as np
from PIL import Image

MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16", "I;16B", "I")
"""Pillow's modes that are converted to RGB. A PNG of mode I has 16 bits, as older versions of Pillow call it."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How an image is turned upright, by its EXIF orientation."""
_SWAPPED = (5, 6, 7, 8)
"""Orientations with which width and height change places."""


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an image after `upright_rgb`. Its pixels need not be loaded."""
    width, height = image.size
    return (height, width) if _orientation(image) in _SWAPPED else (width, height)


def upright_rgb(image: Image.Image) -> Image.Image:
    """An image as RGB of 8 bits, turned upright. Transparency is dropped, and 16 bits are scaled to 8."""
    image.load()
    turn = _TURNS.get(_orientation(image))
    if image.mode.startswith("I"):
        image = Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    rgb = image.convert("RGB")
    return rgb if turn is None else rgb.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 is upright, and is taken for EXIF data that are damaged, too."""
    content = image.info.get("exif")
    if not isinstance(content, bytes):
        return 1
    exif = Image.Exif()
    try:
        exif.load(content)
        value = exif.get(_ORIENTATION, 1)
    except Exception:  # the pixels are not worse for it
        return 1
    return value if isinstance(value, int) else 1
