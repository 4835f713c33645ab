"""Optimiser and schedule in the form that Lightning expects, for all tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
from torch import nn
from torch.optim import AdamW, Optimizer

from egotap_pl.tasks.schedules import ScheduleFactory

OptimiserFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
"""Makes an optimiser of the parameters to train."""


def adamw_without_decay_of_scales(
    parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float, eps: float = 1e-8
) -> Optimizer:
    """AdamW whose weight decay spares biases and the scales of norms, which have one axis (release: EgoPoseFormer).

    Args:
        parameters: the parameters to train.
        lr: learning rate.
        weight_decay: weight decay of all other parameters.
        eps: added to the root of the second moment.
    """
    every = list(parameters)
    groups = [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return AdamW([group for group in groups if group["params"]], lr=lr, eps=eps)


def optimisation(task: L.LightningModule, optimizer: Optimizer, schedule: ScheduleFactory) -> dict[str, Any]:
    """The dictionary in which Lightning expects an optimiser and a schedule that is stepped per batch.

    On a CPU, the optimiser is fused where torch can: see `fuse`.

    Args:
        task: the task, already attached to its trainer.
        optimizer: the optimiser.
        schedule: factory of its schedule.
    """
    fuse(optimizer)
    total = int(task.trainer.estimated_stepping_batches)
    per_epoch = max(math.ceil(task.trainer.num_training_batches / task.trainer.accumulate_grad_batches), 1)
    scheduler = schedule(optimizer, total, per_epoch)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def fuse(optimizer: Optimizer) -> None:
    """Let a step update all weights of a CPU in one pass over the memory, equal to rounding.

    By default torch does so on GPUs only: on a CPU, Adam passes over every tensor a dozen times. An optimiser that is
    told otherwise (``fused=false`` or ``foreach=true`` in the configuration), or that has no such way, stays as it is.
    """
    for group in optimizer.param_groups:
        is_open = "fused" in group and group["fused"] is None and not (group["foreach"] or group["differentiable"])
        if is_open and all(p.device.type == "cpu" and p.is_floating_point() for p in group["params"]):
            group["fused"] = True
