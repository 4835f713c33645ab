"""Learning-rate schedules, stepped per batch."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR


@runtime_checkable
class ScheduleFactory(Protocol):
    """Makes a schedule for an optimiser that will take ``total_steps`` steps."""

    def __call__(self, optimizer: Optimizer, total_steps: int, steps_per_epoch: int) -> LRScheduler:
        """Build it."""
        ...


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, steps_per_epoch: int, *, warmup_epochs: int | float = 1.0
) -> LRScheduler:
    """Linear warm-up, then a cosine to zero (release: lifter).

    Args:
        optimizer: its learning rate is the highest that is reached.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        warmup_epochs: length of the warm-up; fractions are allowed.
    """
    warmup = _steps(warmup_epochs, steps_per_epoch, total_steps)
    cosine = CosineAnnealingLR(optimizer, T_max=total_steps - warmup)
    return _in_turn(optimizer, [_rise(optimizer, warmup), cosine], [warmup])


def constant_then_linear(
    optimizer: Optimizer,
    total_steps: int,
    steps_per_epoch: int,
    *,
    constant_epochs: int | float = 5.0,
    warmup_epochs: int | float = 0.0,
) -> LRScheduler:
    """Constant, then linearly to zero (release: heatmap estimators), after a linear warm-up if wanted.

    Args:
        optimizer: its learning rate is that of the constant part.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        constant_epochs: end of the constant part, warm-up included; the rest of the training is the decay.
        warmup_epochs: length of the warm-up.
    """
    constant = _steps(constant_epochs, steps_per_epoch, total_steps)
    warmup = _steps(warmup_epochs, steps_per_epoch, constant + 1)
    flat = ConstantLR(optimizer, factor=1.0, total_iters=0)
    fall = LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=total_steps - constant)
    return _in_turn(optimizer, [_rise(optimizer, warmup), flat, fall], [warmup, constant])


def _steps(epochs: int | float, steps_per_epoch: int, total_steps: int) -> int:
    """Steps of a part that leaves at least one to the part after it."""
    return max(min(round(epochs * steps_per_epoch), total_steps - 1), 0)


def _rise(optimizer: Optimizer, steps: int) -> LRScheduler:
    return LinearLR(optimizer, start_factor=1.0 / (steps + 1), end_factor=1.0, total_iters=max(steps, 1))


def _in_turn(optimizer: Optimizer, parts: list[LRScheduler], ends: list[int]) -> LRScheduler:
    """One schedule after the other; parts without steps are left out."""
    kept = [
        k for k, (start, end) in enumerate(zip([0, *ends], [*ends, None], strict=True)) if end is None or end > start
    ]
    for group in optimizer.param_groups:  # every part, also one that is left out, has set its own first rate
        group["lr"] = group["initial_lr"]
    return SequentialLR(optimizer, [parts[k] for k in kept], milestones=[ends[k] for k in kept[:-1]])
