"""The memory that tensors would take, counted on torch's ``meta`` device, where they take none."""

from __future__ import annotations

from typing import Any

from torch import Tensor, UntypedStorage
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make while it is active, from their creation to their end.

    What an operation needs besides its results, such as a convolution's workspace, is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        """The most bytes at any time."""
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = {storage._cdata for storage in _storages((args, kwargs))}
        new = [s for s in _storages(result) if s._cdata not in given and not self._counts(s._cdata)]
        if new:
            self._live = {key: entry for key, entry in self._live.items() if not entry[0].expired()}
            for storage in new:
                self._live[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            self.peak = max(self.peak, sum(size for _, size in self._live.values()))
        return result

    def _counts(self, key: int) -> bool:
        """Whether a storage is counted already; an address may belong to a new one after another's end."""
        return key in self._live and not self._live[key][0].expired()


def _storages(values: Any) -> list[UntypedStorage]:
    return [value.untyped_storage() for value in tree_leaves(values) if isinstance(value, Tensor)]
