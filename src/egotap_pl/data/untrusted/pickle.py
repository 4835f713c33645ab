"""A pickle machine that can make data and nothing else.

Python's own unpickler calls whatever a file names. This machine reads the opcodes with `pickletools`, which executes
nothing, and knows only those that make numbers, strings, lists, tuples, dicts and NumPy arrays
(`egotap_pl.data.untrusted.arrays`). No opcode, name or state gives a file access to a function, a class or an
attribute. The bytes that a file makes are counted, and limited to a few times its size.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from egotap_pl.core.limits import MIB, PICKLE_SPARE_BYTES, PICKLE_TIMES_SIZE
from egotap_pl.data.untrusted.arrays import ARRAYS, MAKERS, Array, DType, Name, Refused, TooLarge, filled, length, short

MAX_DEPTH = 16
_OBJECT_BYTES = 200
"""The most that an opcode or an item takes, in addition to the text or bytes in it."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BINARIES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_VALUES = frozenset((*_CONSTANTS, *_NUMBERS, *_TEXTS, *_BINARIES))
_MARK = object()
_KEYS = (str, int, float, bool, bytes, type(None))


class _Budget:
    """The number of bytes that a pickle may still make.

    Opcodes may use one text again and again, so that neither the pickle's size nor the number of opcodes says how much
    memory it takes.

    Args:
        size: size of the pickle.
    """

    def __init__(self, size: int) -> None:
        self.total = self.remaining = PICKLE_TIMES_SIZE * size + PICKLE_SPARE_BYTES

    def charge(self, count: int) -> None:
        """Subtracts the size of an object with ``count`` bytes of content.

        Raises:
            TooLarge: if fewer bytes remain.
        """
        self.remaining -= _OBJECT_BYTES + count
        if self.remaining < 0:
            raise TooLarge(f"more than {self.total / MIB:.0f} MiB")


def loads(data: bytes) -> Any:
    """The data in a pickle: numbers, strings, lists, tuples, dicts, and NumPy arrays and scalars.

    Raises:
        TooLarge: if the data take far more memory than the pickle's size.
        Refused: if the pickle contains anything else, or is damaged or nested too deeply.
    """
    budget = _Budget(len(data))
    machine = _Machine(budget)
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
        if len(machine.stack) != 1:
            raise Refused("a damaged pickle")
        return _Finisher(budget).finish(machine.stack[0], 0)
    except Refused:
        raise
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, UnicodeError, AttributeError) as error:
        raise Refused(f"a damaged pickle ({error})") from error


class _Machine:
    """The stack and the memo of a pickle machine."""

    def __init__(self, budget: _Budget) -> None:
        self.budget = budget
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Executes one opcode."""
        self.budget.charge(sys.getsizeof(argument))
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
        """Pushes a global, if it is on the list. Others are refused at once, so that the message can name them."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("a global without a name")
        if (full_name := Name(module, name)) not in MAKERS and full_name not in ARRAYS:
            raise Refused(str(full_name)[:80])
        self.stack.append(full_name)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or function not in MAKERS or not isinstance(arguments, tuple):
            raise Refused(f"a call of {short(function)}")
        self.budget.charge(2 * sum(map(length, arguments)))  # a maker makes at most a text's bytes and a copy of them
        self.stack.append(MAKERS[function](*arguments))

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (Array, DType)):
            raise Refused(f"a state for {short(self.stack[-1])}")
        self.stack[-1].build(state)

    def to_mark(self) -> list[Any]:
        """Pops the last mark and everything above it, and returns the latter."""
        mark = next((i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is _MARK), None)
        if mark is None:
            raise Refused("a damaged pickle")
        items = self.stack[mark + 1 :]
        del self.stack[mark:]
        return items

    def join(self, count: int) -> None:
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise Refused("an item for something that is not a list")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        # A tuple as a key would be hashed, which takes exponential time for nested tuples.
        if not isinstance(target, dict) or not all(type(key) in _KEYS for key in items[::2]):
            raise Refused("a dict with keys that are not names or numbers")
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
    """Turns the machine's result into plain data: complete arrays, no cycles, no exponential expansion."""

    def __init__(self, budget: _Budget) -> None:
        self.budget = budget

    def finish(self, value: Any, depth: int) -> Any:
        """The value, with everything in it complete."""
        self.budget.charge(0)
        if depth > MAX_DEPTH:
            raise Refused("data nested too deeply")
        if isinstance(value, Array):
            if value.finished is None:
                value.finished = self._array(value, depth)
            return value.finished
        if isinstance(value, dict):
            return {key: self.finish(item, depth + 1) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.finish(item, depth + 1) for item in value)
        if isinstance(value, (Name, DType)) or value is _MARK:
            raise Refused(f"{short(value)} where data should be")
        return value

    def _array(self, array: Array, depth: int) -> np.ndarray:
        if array.state is None:
            raise Refused("an array without a state")
        shape, dtype, fortran, data = array.state
        self.budget.charge(length(data))
        return filled(dtype, shape, fortran, self.finish(data, depth + 1) if isinstance(data, list) else data)
