"""Makes the NumPy arrays that a pickle describes.

NumPy's reconstructors are names here, not functions. Arrays are made from their bytes, after type, shape and size have
been checked, because NumPy's own ``__setstate__`` trusts its argument (a dtype's flags may hide that bytes are
pointers).
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MAX_DIMENSIONS = 32
"""The largest number of dimensions that every version of NumPy supports."""

_DTYPE = re.compile(r"(b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,4}|O8?)")


class Refused(Exception):
    """The pickle contains or requests something that is not data. The message names it."""


class TooLarge(Refused):
    """The pickle takes too much memory. The message says how much is exceeded."""


class Name(NamedTuple):
    """A global that a pickle mentions. It has no meaning outside this machine."""

    module: str
    """Name of the module."""

    name: str
    """Name in the module."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class DType:
    """A dtype under construction. Its arguments are those that NumPy pickles: a code and two flags.

    Raises:
        Refused: if the code is anything but that of a plain type.
    """

    def __init__(self, code: Any, *rest: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code) or len(rest) > 2:
            raise Refused(f"the NumPy type {short(code)}")
        self.code, self.order = code, "="

    def build(self, state: Any) -> None:
        """Sets the state: (version, byte order, subarray, names, fields, size, alignment, flags, ...).

        Raises:
            Refused: if it is anything but a plain type's.
        """
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise Refused(f"a NumPy type with the state {short(state)}")
        if any(part is not None for part in state[2:5]):
            raise Refused("a structured NumPy type")
        self.order = state[1]

    def finish(self) -> np.dtype[Any]:
        """NumPy's dtype."""
        return np.dtype("O") if self.code.startswith("O") else np.dtype(self.order + self.code)


class Array:
    """An array under construction. Its arguments are those that NumPy pickles: a class, a shape and a type.

    Raises:
        Refused: if the class is not in `ARRAYS`.
    """

    def __init__(self, kind: Any = None, *rest: Any) -> None:
        if kind not in ARRAYS:
            raise Refused(f"an array of class {short(kind)}")
        self.state: tuple[Any, Any, bool, Any] | None = None
        self.finished: np.ndarray | None = None

    def build(self, state: Any) -> None:
        """Sets the state: (version, shape, dtype, Fortran order, bytes or list), in old NumPy without the version.

        Raises:
            Refused: if it is anything else.
        """
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Refused(f"an array with the state {short(state)}")
        shape, dtype, fortran, data = state[-4:]
        self.state = (shape, dtype, bool(fortran), data)


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    array = Array(Name("numpy", "ndarray"))
    array.state = (shape, dtype, order == "F", data)
    return array


def _encode(text: Any, encoding: Any) -> bytes:
    if encoding != "latin1":
        raise Refused("an encoding other than latin1")
    return _bytes(text)


ARRAYS = frozenset({Name("numpy", "ndarray")})
"""The classes of arrays that a pickle may name."""

# Before NumPy 2.0, the module was named numpy.core. Pickle protocols 0 to 2 write bytes as text that must be encoded,
# and empty bytes as a call of bytes().
MAKERS: dict[Name, Callable[..., Any]] = {
    Name("numpy", "dtype"): DType,
    Name("_codecs", "encode"): _encode,
    Name("__builtin__", "bytes"): lambda: b"",
}
for _core in ("numpy.core", "numpy._core"):
    MAKERS[Name(f"{_core}.multiarray", "_reconstruct")] = Array
    MAKERS[Name(f"{_core}.multiarray", "scalar")] = lambda dtype, data: filled(dtype, (), False, data)[()]
    MAKERS[Name(f"{_core}.numeric", "_frombuffer")] = _from_buffer


def filled(dtype: Any, shape: Any, fortran: bool, data: Any) -> np.ndarray:
    """Makes an array from exactly as much data as its shape says.

    Args:
        dtype: the type, a `DType`.
        shape: the shape, a tuple.
        fortran: whether the data are in Fortran's order.
        data: bytes, bytes as Latin-1 text, or a list of objects.

    Raises:
        Refused: if an argument is anything else, or the data do not fill the shape.
    """
    if not isinstance(dtype, DType) or not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS:
        raise Refused("an array without a type or shape")
    if not all(type(side) is int and 0 <= side < 2**40 for side in shape):
        raise Refused(f"an array of shape {short(shape)}")
    size, kind = math.prod(shape), dtype.finish()
    if kind.hasobject:
        if not isinstance(data, list) or len(data) != size:
            raise Refused(f"an array of {size} objects without them")
        array = np.empty(size, object)
        for index, item in enumerate(data):
            array[index] = item
    else:
        content = _bytes(data)
        if size * kind.itemsize != len(content):
            raise Refused(f"an array of shape {short(shape)} and {len(content)} bytes")
        if not is_text(content, kind):
            raise Refused("a character that Unicode does not have")
        array = np.frombuffer(content, kind) if size else np.empty(0, kind)
    return array.reshape(shape, order="F" if fortran else "C")


def is_text(content: bytes, kind: np.dtype[Any]) -> bool:
    """Whether all characters of an array of strings exist in Unicode. NumPy reads others, and Python then fails."""
    if kind.kind != "U":
        return True
    characters = np.frombuffer(content, np.dtype(np.uint32).newbyteorder(kind.byteorder))
    return not characters.size or int(characters.max()) <= sys.maxunicode


def length(data: Any) -> int:
    """Number of bytes in a text or in bytes; 0 for anything else."""
    return len(data) if isinstance(data, (str, bytes, bytearray)) else 0


def _bytes(data: Any) -> bytes:
    """Converts to bytes, which protocols 0 to 2 and Python 2 write as text."""
    if isinstance(data, str):
        return data.encode("latin1")
    if not isinstance(data, (bytes, bytearray)):
        raise Refused("an array without bytes")
    return bytes(data)


def short(value: Any) -> str:
    """A short description of a value, safe to show in a message."""
    if isinstance(value, (str, bytes, tuple)) and not isinstance(value, Name):
        value = value[:80]
    plain = isinstance(value, (str, bytes, int, float, Name)) or (
        isinstance(value, tuple) and all(isinstance(item, (int, type(None))) for item in value)
    )
    return str(value)[:80] if plain else type(value).__name__.strip("_").lower()
