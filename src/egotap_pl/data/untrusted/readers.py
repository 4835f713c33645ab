"""Reads files from outside. Nothing in them is executed, and nothing in them takes more memory than it should.

Every function reads a regular file up to a size that the caller sets, and raises `EgotapError` with the file's name for
anything that is wrong with it.
"""

from __future__ import annotations

import io
import json
import math
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from PIL import Image

from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import IMAGE_BYTES, MIB
from egotap_pl.data.untrusted import pickle as untrusted_pickle
from egotap_pl.data.untrusted.arrays import MAX_DIMENSIONS, Refused, TooLarge, is_text

_MAX_HEADER_BYTES = 10_000
_MAX_SIDE = 2**40
_PLAIN_KINDS = "biufcSU"
_IMAGE_FORMATS = ("PNG", "JPEG")
_IMAGE_MODES = ("RGB", "RGBA", "L", "P")


def read_bytes(path: Path | str, max_bytes: int) -> bytes:
    """Reads a whole regular file.

    Raises:
        EgotapError: if it is missing, not a regular file, unreadable, or larger than ``max_bytes``.
        OSError: if the disk fails, which says nothing about the file.
    """
    path = Path(path)
    if not path.is_file():  # reading a pipe or a device might never end
        raise EgotapError(f"{path}: no such file" if not path.exists() else f"{path} is not a regular file")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise_if_disk_fails(error, path)
        raise EgotapError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > max_bytes:
        raise EgotapError(f"{path} is larger than {max_bytes / MIB:.3g} MiB, the most that such a file may have")
    return data


def read_text(path: Path | str, max_bytes: int, comment: str = "") -> str:
    """Reads a UTF-8 text file.

    Args:
        path: the file.
        max_bytes: the largest size that is read.
        comment: what lines begin with that may be in another encoding; what cannot be read of them is replaced.

    Raises:
        EgotapError: as `read_bytes`, or if it is not text.
    """
    content = read_bytes(path, max_bytes)
    if comment:
        line = rb"^[ \t]*" + re.escape(comment.encode()) + rb".*"
        content = re.sub(line, lambda match: match[0].decode("utf-8", "replace").encode(), content, flags=re.M)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EgotapError(f"{path} is not a text file ({error.reason} at byte {error.start})") from error
    if "\0" in text:
        raise EgotapError(f"{path} is not a text file (it contains zero bytes)")
    return text


def read_json(path: Path | str, max_bytes: int) -> Any:
    """Reads a JSON file.

    Raises:
        EgotapError: as `read_text`, or if it is not JSON, is nested too deeply, or has a number that is not finite.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number of JSON")

    def finite(number: str) -> float:
        if not math.isfinite(value := float(number)):
            refuse(number[:20])
        return value

    text = read_text(path, max_bytes)
    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite)
    except RecursionError as error:
        raise EgotapError(f"{path} is nested too deeply for a file of its kind") from error
    except ValueError as error:
        raise EgotapError(f"{path} is not valid JSON: {error}") from error


def _rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def read_image(
    path: Path | str,
    size_px: tuple[int, int],
    max_bytes: int = IMAGE_BYTES,
    modes: Sequence[str] = _IMAGE_MODES,
    convert: Callable[[Image.Image], Image.Image] = _rgb,
) -> Image.Image:
    """Reads and decodes a PNG or JPEG image as RGB.

    The size is checked in the file's header, before memory is allocated for pixels.

    Args:
        path: the file.
        size_px: width and height that the image must have.
        max_bytes: largest size of the file.
        modes: Pillow's modes that are accepted.
        convert: makes RGB of an image of one of them.

    Raises:
        EgotapError: as `read_bytes`, or if it is not an image, damaged, truncated, or of another size.
    """
    data = read_bytes(path, max_bytes)
    try:
        with Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as image:
            if image.size != tuple(size_px):
                raise EgotapError(f"{path} is {image.width} x {image.height} px: expected {size_px[0]} x {size_px[1]}")
            if image.mode not in modes:
                raise EgotapError(
                    f"{path} is an image of Pillow's mode {image.mode}: must be one of {', '.join(modes)}; save it as "
                    "RGB with 8 bits per channel"
                )
            image.verify()  # checks PNG's checksums, not all of which are checked when pixels are loaded
        with Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as image:
            return convert(image)
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error, Image.DecompressionBombError) as error:
        raise EgotapError(f"{path} is a damaged or truncated image, or not an image: {error}") from error


def load_npy(path: Path | str, max_bytes: int) -> np.ndarray:
    """Reads the array of an ``.npy`` file, which may be an array of pickled objects, without executing anything.

    An array of objects may contain NumPy arrays and scalars, numbers, strings, lists, tuples and dicts; see
    `egotap_pl.data.untrusted.pickle`. The arrays may be read-only.

    Raises:
        EgotapError: as `read_bytes`, or if the file is damaged, its data do not fill its shape, or it contains or
            requests anything but data.
    """
    data = read_bytes(path, max_bytes)
    stream = io.BytesIO(data)
    try:
        version = npy_format.read_magic(stream)
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"format version {version}")
        shape, fortran, dtype = readers[version](stream, max_header_size=_MAX_HEADER_BYTES)
    except Exception as error:  # NumPy lets errors of Python's tokenizer and parser through
        raise EgotapError(f"{path} is not a NumPy file, or damaged: {error}") from error
    content = data[stream.tell() :]
    if dtype.kind == "O" and not dtype.names:
        return _unpickled(path, content, shape)
    if dtype.kind not in _PLAIN_KINDS:
        raise EgotapError(f"{path} is refused: it contains an array of type {dtype}, not numbers or strings")
    filled = dtype.itemsize > 0 and math.prod(shape) * dtype.itemsize == len(content)
    if not filled or any(not 0 <= side < _MAX_SIDE for side in shape):
        raise EgotapError(f"{path} is damaged: {len(content)} bytes do not fill an array {shape} of {dtype}")
    if len(shape) > MAX_DIMENSIONS:
        raise EgotapError(f"{path} is refused: an array of {len(shape)} dimensions")
    if not is_text(content, dtype):
        raise EgotapError(f"{path} is damaged: it contains a character that Unicode does not have")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _unpickled(path: Path | str, content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = untrusted_pickle.loads(content)
    except TooLarge as too_large:
        raise EgotapError(f"{path} is refused: its data take {too_large}, far more than the file itself") from too_large
    except Refused as refused:
        raise EgotapError(
            f"{path} is refused: it contains {refused}, but only arrays, numbers, strings and containers of them are "
            "accepted. Unpickling such a file can run code: do not open it with another program"
        ) from refused
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise EgotapError(f"{path} is damaged: its content is not an array of shape {shape}, as its header says")
    return array
