"""Optimisers that make a training fail at a chosen step. Tests name them in their overrides."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch


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

    The file is called ``break``, lies in the working folder, and holds the signal's number.
    """

    steps = 0

    def __init__(self, params: Iterable[Any], lr: float, eps: float, weight_decay: float, stop_at: int = 0) -> None:
        super().__init__(params, lr, eps=eps, weight_decay=weight_decay)
        self.stop_at = stop_at

    def step(self, closure: Any = None) -> Any:
        Stopping.steps += 1
        if Stopping.steps == self.stop_at and os.path.exists("break"):
            os.kill(os.getpid(), int(Path("break").read_text()))
        return super().step(closure)


OVERRIDES = ("training.task.optimizer._target_=broken_optimiser.Breaking", "training.task.optimizer.lr=1e-4")
STOPPING = ("training.task.optimizer._target_=broken_optimiser.Stopping",)
