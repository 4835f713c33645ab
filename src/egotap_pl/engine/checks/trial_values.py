"""Which part of a network makes numbers that are not finite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@contextmanager
def culprits(network: nn.Module) -> Iterator[list[str]]:
    """The classes of modules that turn finite inputs into NaN or infinities during the block, the first one first.

    Args:
        network: the network. It is left as it was.
    """
    names: list[str] = []

    def note(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if _are_finite((args, kwargs)) and not _are_finite(output):
            names.append(type(module).__name__)

    hooks = [module.register_forward_hook(note, with_kwargs=True) for module in network.modules()]
    try:
        yield names
    finally:
        for hook in hooks:
            hook.remove()


def _are_finite(values: Any) -> bool:
    tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor) and value.is_floating_point()]
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
