"""Fails where code makes something on the CPU, or asks a device for a value, in what should run on a device alone.

Tensors of torch's ``meta`` device have shapes and no values. An operation that needs a value raises an error there by
itself; `only_device` adds errors for tensors on the CPU and for copies from the host.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

META = torch.device("meta")
_FROM_PYTHON = (torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy, Tensor.new_tensor)


class _NoCpuTensors(TorchDispatchMode):
    """Raises at an operation that reads or makes a tensor on the CPU. Numbers in an expression are no tensors."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors((*args, *(kwargs or {}).values(), result)):
            if tensor.device != META:
                raise AssertionError(f"{func} with a tensor of {list(tensor.shape)} on {tensor.device}")
        return result


def _tensors(values: Any) -> Iterator[Tensor]:
    """The tensors among an operation's arguments or results, some of which are lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


class _NoPythonNumbers(TorchFunctionMode):
    """Raises where numbers of Python become a tensor: they are copied to the device, which then is waited for."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FROM_PYTHON and not isinstance(args[-1], Tensor) and not _kept_by(sys._getframe(1)):
            raise AssertionError(f"{func.__name__} copies {args[-1]} to the device: see core/constants.py")
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            if lists := [part for part in index if isinstance(part, (list, tuple))]:
                raise AssertionError(f"the index {lists[0]} is copied to the device: see core/constants.py")
        return func(*args, **(kwargs or {}))


def _kept_by(frame: FrameType) -> bool:
    """Whether `egotap_pl.core.constants` makes a tensor, which copies each constant only once."""
    return frame.f_globals.get("__name__") == "egotap_pl.core.constants"


@contextmanager
def only_device() -> Iterator[None]:
    """Raises `AssertionError` inside the block at the first tensor on the CPU, and the first copy from the host."""
    with _NoPythonNumbers(), _NoCpuTensors():
        yield
