"""A pickle machine that can make data and nothing else.

Python's own unpickler calls what a file names. This one reads the opcodes with `pickletools`, which runs nothing, and
knows those that make numbers, strings, lists, tuples, dicts and NumPy arrays; there is no opcode, name or state by
which a file could get hold of a function, a class or an attribute. NumPy's reconstructors are names to it, not
functions: arrays are made here from their bytes, after type, shape and size were checked, because NumPy's own
``__setstate__`` trusts its argument (a dtype's flags may hide that bytes are pointers).
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

MAX_OPCODES = 200_000
"""A frame of UnrealEgo has about 100."""
MAX_DEPTH = 16
MAX_NODES = 200_000

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BINARIES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_VALUES = frozenset((*_CONSTANTS, *_NUMBERS, *_TEXTS, *_BINARIES))
_DTYPE = re.compile(r"(b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,4}|O8?)")
_MARK = object()
_KEYS = (str, int, float, bool, bytes, type(None))


class Refused(Exception):
    """The pickle holds, or asks for, something that is not data."""


class _Name(NamedTuple):
    """A global that the pickle mentions; it stands for nothing outside this machine."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class _DType:
    """A dtype under construction."""

    def __init__(self, code: Any, *rest: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code) or len(rest) > 2:
            raise Refused(f"the NumPy type {code!r}")
        self.code, self.order = code, "="

    def build(self, state: Any) -> None:
        """State: (version, byte order, subarray, names, fields, size, alignment, flags, ...)."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise Refused(f"a NumPy type with the state {_short(state)}")
        if any(part is not None for part in state[2:5]):
            raise Refused("a structured NumPy type")
        self.order = state[1]

    def made(self) -> np.dtype[Any]:
        return np.dtype("O") if self.code.startswith("O") else np.dtype(self.order + self.code)


class _Array:
    """An array under construction."""

    def __init__(self, kind: Any = None, *rest: Any) -> None:
        if kind not in _ARRAYS:
            raise Refused(f"an array of class {_short(kind)}")
        self.state: tuple[Any, Any, bool, Any] | None = None
        self.finished: np.ndarray | None = None

    def build(self, state: Any) -> None:
        """State: (version, shape, dtype, Fortran order, bytes or list); old NumPy left out the version."""
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Refused(f"an array with the state {_short(state)}")
        shape, dtype, fortran, data = state[-4:]
        self.state = (shape, dtype, bool(fortran), data)


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array(_Name("numpy", "ndarray"))
    array.state = (shape, dtype, order == "F", data)
    return array


def _encode(text: Any, encoding: Any) -> bytes:
    if encoding != "latin1":
        raise Refused("an encoding other than latin1")
    return _bytes(text)


_ARRAYS = frozenset({_Name("numpy", "ndarray")})
# NumPy before 2.0 was called numpy.core inside. Pickle protocols 0 to 2 write bytes as text, to be encoded,
# and no bytes as a call of bytes().
_MAKERS: dict[_Name, Callable[..., Any]] = {
    _Name("numpy", "dtype"): _DType,
    _Name("_codecs", "encode"): _encode,
    _Name("__builtin__", "bytes"): lambda: b"",
}
for _core in ("numpy.core", "numpy._core"):
    _MAKERS[_Name(f"{_core}.multiarray", "_reconstruct")] = _Array
    _MAKERS[_Name(f"{_core}.multiarray", "scalar")] = lambda dtype, data: _filled(dtype, (), False, data)[()]
    _MAKERS[_Name(f"{_core}.numeric", "_frombuffer")] = _from_buffer


def loads(data: bytes) -> Any:
    """The data in a pickle: numbers, strings, lists, tuples, dicts and NumPy arrays and scalars.

    Raises:
        Refused: if there is anything else in it, it is damaged, or it is too deep or too large.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MAX_OPCODES:
                raise Refused(f"more than {MAX_OPCODES} opcodes")
            machine.step(opcode.name, argument)
        if len(machine.stack) != 1:
            raise Refused("a damaged pickle")
        return _Finisher().finish(machine.stack[0], 0)
    except Refused:
        raise
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, UnicodeError, AttributeError) as error:
        raise Refused(f"a damaged pickle ({error})") from error


class _Machine:
    """The stack and the memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Follow one opcode."""
        if name in _VALUES:
            self.stack.append(_CONSTANTS.get(name, argument))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.push_name(*argument.split(" ", 1))
        elif (action := _ACTIONS.get(name)) is not None:
            action(self)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"the opcode {name}")

    def push_name(self, module: Any, name: Any) -> None:
        """Refuses at once what is not on the list, so that the message can name it."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("a global without a name")
        if (found := _Name(module, name)) not in _MAKERS and found not in _ARRAYS:
            raise Refused(str(found)[:80])
        self.stack.append(found)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Name) or function not in _MAKERS or not isinstance(arguments, tuple):
            raise Refused(f"a call of {_short(function)}")
        self.stack.append(_MAKERS[function](*arguments))

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _DType)):
            raise Refused(f"a state for {_short(self.stack[-1])}")
        self.stack[-1].build(state)

    def to_mark(self) -> list[Any]:
        """Pops what stands above the last mark, and the mark."""
        at = next((i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is _MARK), None)
        if at is None:
            raise Refused("a damaged pickle")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def join(self, count: int) -> None:
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise Refused("appending to what is no list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        # A tuple as a key would be hashed, and nested tuples take exponential time.
        if not isinstance(target, dict) or not all(type(key) in _KEYS for key in items[::2]):
            raise Refused("a dict with keys that are no names or numbers")
        target.update(zip(items[::2], items[1::2], strict=True))

    def new_dict(self) -> None:
        items = self.to_mark()
        self.stack.append({})
        self.set_items(items)


_ACTIONS: Mapping[str, Callable[[_Machine], Any]] = MappingProxyType(
    {
        "STACK_GLOBAL": lambda m: m.push_name(m.stack.pop(-2), m.stack.pop()),
        "REDUCE": _Machine.reduce,
        "BUILD": _Machine.build,
        "MARK": lambda m: m.stack.append(_MARK),
        "EMPTY_LIST": lambda m: m.stack.append([]),
        "EMPTY_DICT": lambda m: m.stack.append({}),
        "EMPTY_TUPLE": lambda m: m.stack.append(()),
        "TUPLE1": lambda m: m.join(1),
        "TUPLE2": lambda m: m.join(2),
        "TUPLE3": lambda m: m.join(3),
        "TUPLE": lambda m: m.stack.append(tuple(m.to_mark())),
        "LIST": lambda m: m.stack.append(m.to_mark()),
        "DICT": _Machine.new_dict,
        "APPEND": lambda m: m.extend([m.stack.pop()]),
        "APPENDS": lambda m: m.extend(m.to_mark()),
        "SETITEM": lambda m: m.set_items([m.stack.pop(-2), m.stack.pop()]),
        "SETITEMS": lambda m: m.set_items(m.to_mark()),
    }
)


class _Finisher:
    """Turns what the machine left into plain data: arrays made, nothing under construction, no cycles, no bombs."""

    def __init__(self) -> None:
        self.nodes = 0

    def finish(self, value: Any, depth: int) -> Any:
        """The value with everything in it finished."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise Refused("data nested too deeply or repeated too often")
        if isinstance(value, _Array):
            if value.finished is None:
                value.finished = self._array(value, depth)
            return value.finished
        if isinstance(value, dict):
            return {key: self.finish(item, depth + 1) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.finish(item, depth + 1) for item in value)
        if isinstance(value, (_Name, _DType)) or value is _MARK:
            raise Refused(f"{_short(value)} where data should be")
        return value

    def _array(self, array: _Array, depth: int) -> np.ndarray:
        if array.state is None:
            raise Refused("an array without a state")
        shape, dtype, fortran, data = array.state
        return _filled(dtype, shape, fortran, self.finish(data, depth + 1) if isinstance(data, list) else data)


def _filled(dtype: Any, shape: Any, fortran: bool, data: Any) -> np.ndarray:
    """An array of exactly as much data as its shape says."""
    if not isinstance(dtype, _DType) or not isinstance(shape, tuple) or len(shape) > 32:
        raise Refused("an array without a type or shape")
    if not all(type(side) is int and 0 <= side < 2**40 for side in shape):
        raise Refused(f"an array of shape {_short(shape)}")
    size, kind = math.prod(shape), dtype.made()
    if kind.hasobject:
        if not isinstance(data, list) or len(data) != size:
            raise Refused(f"an array of {size} objects without them")
        array = np.empty(size, object)
        for index, item in enumerate(data):
            array[index] = item
    else:
        content = _bytes(data)
        if size * kind.itemsize != len(content):
            raise Refused(f"an array of shape {_short(shape)} and {len(content)} bytes")
        array = np.frombuffer(content, kind) if size else np.empty(0, kind)
    return array.reshape(shape, order="F" if fortran else "C")


def _bytes(data: Any) -> bytes:
    """Bytes; protocol 0 to 2 and Python 2 wrote them as text."""
    if isinstance(data, str):
        return data.encode("latin1")
    if not isinstance(data, (bytes, bytearray)):
        raise Refused("an array without bytes")
    return bytes(data)


def _short(value: Any) -> str:
    """A harmless description for a message."""
    if isinstance(value, (str, bytes, tuple)) and not isinstance(value, _Name):
        value = value[:80]
    plain = isinstance(value, (str, bytes, int, float, _Name)) or (
        isinstance(value, tuple) and all(isinstance(item, (int, type(None))) for item in value)
    )
    return str(value)[:80] if plain else type(value).__name__.strip("_").lower()
