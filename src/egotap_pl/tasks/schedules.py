"""Learning-rate schedules, stepped per batch."""

from __future__ import annotations

from typing import Protocol

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR


class ScheduleFactory(Protocol):
    """Makes a schedule for an optimiser that will take ``total_steps`` steps."""

    def __call__(self, optimizer: Optimizer, total_steps: int, steps_per_epoch: int) -> LRScheduler:
        """Build it."""
        ...


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, steps_per_epoch: int, *, warmup_epochs: float = 1.0
) -> LRScheduler:
    """Linear warm-up, then a cosine to zero (release: lifter).

    Args:
        optimizer: its learning rate is the highest that is reached.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        warmup_epochs: length of the warm-up; fractions are allowed.
    """
    warmup = min(round(warmup_epochs * steps_per_epoch), total_steps - 1)
    cosine = CosineAnnealingLR(optimizer, T_max=max(total_steps - warmup, 1))
    if warmup < 1:
        return cosine
    rise = LinearLR(optimizer, start_factor=1.0 / (warmup + 1), end_factor=1.0, total_iters=warmup)
    return SequentialLR(optimizer, [rise, cosine], milestones=[warmup])


def constant_then_linear(
    optimizer: Optimizer, total_steps: int, steps_per_epoch: int, *, constant_epochs: float = 5.0
) -> LRScheduler:
    """Constant, then linearly to zero (release: heatmap estimators).

    Args:
        optimizer: its learning rate is that of the constant part.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        constant_epochs: length of the constant part; the rest of the training is the decay.
    """
    constant = min(round(constant_epochs * steps_per_epoch), total_steps - 1)
    fall = LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=max(total_steps - constant, 1))
    if constant < 1:
        return fall
    flat = ConstantLR(optimizer, factor=1.0, total_iters=constant)
    return SequentialLR(optimizer, [flat, fall], milestones=[constant])
