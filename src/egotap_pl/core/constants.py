"""Numbers of Python as tensors that stay on the device where they are used."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_KEPT: dict[tuple[Any, torch.device, torch.dtype], Tensor] = {}


def constant(values: Any, device: torch.device, dtype: torch.dtype = torch.int64) -> Tensor:
    """A tensor of numbers, copied to a device once.

    ``torch.tensor`` and an index that is a list copy their numbers to the device each time, and the program waits for
    everything that a GPU has still to do. Nobody may change the result.

    Args:
        values: numbers, or tuples of numbers.
        device: where they are used.
        dtype: type of the tensor; by default that of indices.

    Examples:
        >>> parents = constant((0, 1, 1), torch.device("cpu"))
        >>> parents, parents is constant((0, 1, 1), torch.device("cpu"))
        (tensor([0, 1, 1]), True)
    """
    if torch.compiler.is_compiling():  # it becomes part of the compiled or exported network
        return torch.tensor(values, device=device, dtype=dtype)
    kept = _KEPT.get((values, device, dtype))
    if kept is None:
        with torch.inference_mode(False):  # a tensor of inference could never be used in training
            kept = torch.tensor(values, device=device, dtype=dtype)
        if type(kept) is Tensor:  # not one of a mode that only traces
            _KEPT[values, device, dtype] = kept
    return kept
