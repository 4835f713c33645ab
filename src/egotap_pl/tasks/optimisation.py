"""What all tasks share: optimiser and schedule for Lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
from torch import nn
from torch.optim import Optimizer

from egotap_pl.tasks.schedules import ScheduleFactory

OptimiserFactory = Callable[[Iterable[nn.Parameter]], Optimizer]


def optimisation(task: L.LightningModule, optimizer: Optimizer, schedule: ScheduleFactory) -> dict[str, Any]:
    """Lightning's dictionary of an optimiser with a schedule that is stepped per batch."""
    total = int(task.trainer.estimated_stepping_batches)
    per_epoch = max(total // max(task.trainer.max_epochs or 1, 1), 1)
    scheduler = schedule(optimizer, total, per_epoch)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
