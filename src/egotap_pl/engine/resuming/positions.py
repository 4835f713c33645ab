"""Where a training is: everything that a checkpoint needs, besides Lightning's own state, to go on exactly there."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

KEY = "egotap_position"
"""Key of a `Position` in checkpoints."""


@dataclass(frozen=True)
class Position:
    """The position of a training at a checkpoint."""

    epoch: int
    """Number of the epoch, from 0."""

    batches: int
    """Batches of the epoch that were trained on; 0: the checkpoint is of the end of an epoch."""

    validation_is_due: bool
    """Whether the next thing to do is a validation, which begins anew if it was interrupted."""

    random: list[Mapping[str, Any]]
    """State of the random numbers of each process: see `random_state`."""

    def to_dict(self) -> dict[str, Any]:
        """As plain containers and tensors, for a checkpoint."""
        return {**vars(self)}

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> Position | None:
        """The position in a checkpoint; None if it is of a version without positions."""
        entry = checkpoint.get(KEY)
        return None if entry is None else cls(**entry)

    def describe(self) -> str:
        """Where it is, in words.

        >>> Position(1, 3, False, []).describe()
        'after epoch 1 and 3 batches'
        >>> Position(0, 3, False, []).describe()
        'after 3 batches'
        """
        parts = [f"epoch {self.epoch}"] if self.epoch else []
        parts += [f"{self.batches} batch{'es' * (self.batches != 1)}"]
        return f"after {' and '.join(parts)}"


def random_state(device: torch.device, augmentation: Tensor | None) -> dict[str, Any]:
    """The state of a process's random numbers, as plain containers and tensors.

    Args:
        device: the device of the training.
        augmentation: state of the generator of augmentation.
    """
    name, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002  # what a user's network may use
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), place, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "augmentation": augmentation,
    }


def set_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Set a process's random numbers to a state; those of augmentation are the data module's.

    Args:
        state: what `random_state` returned.
        device: the device of the training.
    """
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
