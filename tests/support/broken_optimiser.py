"""Optimisers that make a training fail at a chosen step. Tests name them in their overrides."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from egotap_pl.core.batch import Batch


class Breaking(torch.optim.SGD):
    """Fails at a step in one process, if the working folder has a file named ``break``.

    Args:
        params: parameters to optimise.
        lr: learning rate.
        eps: not used.
        weight_decay: not used.
        break_at: the step that fails, counted from 1; 0: none.
        rank: rank of the process that fails.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, eps: float, weight_decay: float, break_at: int = 0, rank: int = 0
    ) -> None:
        super().__init__(params, lr)
        self.break_at, self.rank, self.steps = break_at, str(rank), 0

    def step(self, closure: Any = None) -> Any:
        self.steps += 1
        if self.steps == self.break_at and os.environ.get("RANK", "0") == self.rank and os.path.exists("break"):
            self.fail()
        return super().step(closure)

    def fail(self) -> None:
        """Called at that step."""
        raise ZeroDivisionError("a defect")


class Spoiling(Breaking):
    """Sets the weights to NaN instead of raising an error."""

    def fail(self) -> None:
        spoil(self)


def spoil(optimizer: torch.optim.Optimizer) -> None:
    """Set all weights that an optimiser trains to NaN."""
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.fill_(torch.nan)


class Stopping(torch.optim.AdamW):
    """Sends its process a signal at a step, counted over all trainings of the process, if a file names one.

    The file is called ``break``, lies in the working folder, and holds the signal's number. If it is negative, all
    processes of the group get the signal.

    Args:
        params: parameters to optimise.
        lr: learning rate.
        eps: AdamW's.
        weight_decay: AdamW's.
        stop_at: the step, counted from 1; 0: none.
        rank: rank of the process that sends it.
    """

    steps = 0

    def __init__(
        self, params: Iterable[Any], lr: float, eps: float, weight_decay: float, stop_at: int = 0, rank: int = 0
    ) -> None:
        super().__init__(params, lr, eps=eps, weight_decay=weight_decay)
        self.stop_at, self.rank = stop_at, str(rank)

    def step(self, closure: Any = None) -> Any:
        Stopping.steps += 1
        is_it = Stopping.steps == self.stop_at and os.environ.get("RANK", "0") == self.rank
        if is_it and os.path.exists("break"):
            number = int(Path("break").read_text())
            (os.kill if number > 0 else os.killpg)(os.getpid() if number > 0 else os.getpgrp(), abs(number))
        return super().step(closure)


class Wandering(Stopping):
    """Adds random numbers of torch and NumPy to the weights. (Python's are used by beartype, which checks shapes.)"""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        with torch.no_grad():
            for parameter in self.param_groups[0]["params"]:
                factor = np.random.rand()  # noqa: NPY002
                parameter += 1e-4 * factor * torch.randn_like(parameter)
        return loss


class Shifting:
    """An augmentation that shifts poses."""

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        return batch._replace(pose_cm=batch.pose_cm + torch.randn(3, generator=generator))


OVERRIDES = ("training.task.optimizer._target_=broken_optimiser.Breaking", "training.task.optimizer.lr=1e-4")
WANDERING = (
    "training.task.optimizer._target_=broken_optimiser.Wandering",
    "training.augment={_target_:broken_optimiser.Shifting}",
)
STOPPING = ("training.task.optimizer._target_=broken_optimiser.Stopping",)
