"""Learning-rate schedules, stepped per batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, SequentialLR


@runtime_checkable
class ScheduleFactory(Protocol):
    """Makes the learning-rate schedule of a training."""

    def __call__(self, optimizer: Optimizer, total_steps: int, steps_per_epoch: int) -> LRScheduler:
        """Builds the schedule.

        Args:
            optimizer: the optimiser whose learning rate is scheduled.
            total_steps: steps of the whole training.
            steps_per_epoch: steps of one epoch.
        """
        ...


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, steps_per_epoch: int, *, warmup_epochs: int | float
) -> LRScheduler:
    """Linear warm-up, then a cosine to zero (release: lifter).

    Args:
        optimizer: its learning rate is the peak of the schedule.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        warmup_epochs: length of the warm-up; fractions are allowed.
    """
    warmup = _steps(warmup_epochs, steps_per_epoch, total_steps)
    cosine = CosineAnnealingLR(optimizer, T_max=total_steps - warmup)
    return _sequence(optimizer, [_warm_up(optimizer, warmup), cosine], [warmup])


def constant_then_linear(
    optimizer: Optimizer,
    total_steps: int,
    steps_per_epoch: int,
    *,
    constant_epochs: int | float,
    warmup_epochs: int | float = 0.0,
) -> LRScheduler:
    """Optional linear warm-up, then constant, then linear to zero (release: heatmap estimators).

    Args:
        optimizer: its learning rate is that of the constant part.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        constant_epochs: end of the constant part, counted from the start of the training; the rest is the decay.
        warmup_epochs: length of the warm-up; fractions are allowed.
    """
    constant = _steps(constant_epochs, steps_per_epoch, total_steps)
    warmup = _steps(warmup_epochs, steps_per_epoch, constant + 1)
    flat = ConstantLR(optimizer, factor=1.0, total_iters=0)
    fall = LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=total_steps - constant)
    return _sequence(optimizer, [_warm_up(optimizer, warmup), flat, fall], [warmup, constant])


def falling_in_steps(
    optimizer: Optimizer,
    total_steps: int,
    steps_per_epoch: int,
    *,
    falls_at: Sequence[float | int],
    factor: float | int = 0.1,
    warmup_steps: int = 0,
    warmup_epochs: int | float | None = None,
) -> LRScheduler:
    """Optional linear warm-up, then constant, multiplied by a factor at some points (release: EgoPoseFormer).

    Args:
        optimizer: its learning rate is that of the first part.
        total_steps: steps of the whole training.
        steps_per_epoch: steps of one epoch.
        falls_at: where the rate falls, as shares of the whole training.
        factor: what the rate is multiplied by there.
        warmup_steps: length of the warm-up, but at most a tenth of the training.
        warmup_epochs: its length in epochs instead; None: ``warmup_steps``.
    """
    falls = [round(share * total_steps) for share in falls_at]
    if warmup_epochs is None:
        warmup = min(warmup_steps, total_steps // 10)
    else:
        warmup = _steps(warmup_epochs, steps_per_epoch, min([total_steps, *falls]) + 1)
    constant = MultiStepLR(optimizer, [fall - warmup for fall in falls], gamma=factor)
    return _sequence(optimizer, [_warm_up(optimizer, warmup), constant], [warmup])


def _steps(epochs: int | float, steps_per_epoch: int, total_steps: int) -> int:
    """Steps of a part, limited so that at least one is left for the next part."""
    return max(min(round(epochs * steps_per_epoch), total_steps - 1), 0)


def _warm_up(optimizer: Optimizer, steps: int) -> LRScheduler:
    return LinearLR(optimizer, start_factor=1.0 / (steps + 1), end_factor=1.0, total_iters=max(steps, 1))


def _sequence(optimizer: Optimizer, parts: list[LRScheduler], ends: list[int]) -> LRScheduler:
    """One schedule after the other, without those that have no steps."""
    nonempty = [
        k for k, (start, end) in enumerate(zip([0, *ends], [*ends, None], strict=True)) if end is None or end > start
    ]
    for group in optimizer.param_groups:  # every part, even an empty one, has set its own first rate
        group["lr"] = group["initial_lr"]
    return SequentialLR(optimizer, [parts[k] for k in nonempty], milestones=[ends[k] for k in nonempty[:-1]])
