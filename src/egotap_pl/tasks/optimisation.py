"""Optimiser and schedule in the form that Lightning expects, for all tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
from torch import nn
from torch.optim import Optimizer

from egotap_pl.tasks.schedules import ScheduleFactory

OptimiserFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
"""Makes an optimiser of the parameters to train."""


def optimisation(task: L.LightningModule, optimizer: Optimizer, schedule: ScheduleFactory) -> dict[str, Any]:
    """The dictionary in which Lightning expects an optimiser and a schedule that is stepped per batch.

    Args:
        task: the task, already attached to its trainer.
        optimizer: the optimiser.
        schedule: factory of its schedule.
    """
    total = int(task.trainer.estimated_stepping_batches)
    per_epoch = max(total // max(task.trainer.max_epochs or 1, 1), 1)
    scheduler = schedule(optimizer, total, per_epoch)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
