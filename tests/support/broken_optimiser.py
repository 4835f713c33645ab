"""Training that fails when it is told to, in the processes of tests that name it in their overrides."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch


class Breaking(torch.optim.SGD):
    """Fails at a step, in the process of a rank, as long as a file named ``break`` lies in the working folder."""

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
        """What happens at that step."""
        raise ZeroDivisionError("a defect")


class Spoiling(Breaking):
    """Makes the weights NaN, and goes on."""

    def fail(self) -> None:
        spoil(self)


def spoil(optimizer: torch.optim.Optimizer) -> None:
    """Makes all weights that an optimiser trains NaN."""
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.fill_(torch.nan)


OVERRIDES = ("training.task.optimizer._target_=broken_optimiser.Breaking", "training.task.optimizer.lr=1e-4")
