"""D-Adaptation (Defazio and Mishchenko 2023): an optimiser that finds its own learning rate."""

from __future__ import annotations

from collections.abc import Iterable

from dadaptation import DAdaptSGD
from torch import nn
from torch.optim import Optimizer


def d_adapted_sgd(
    parameters: Iterable[nn.Parameter], *, lr: float = 1.0, growth_rate: float = 1.02, weight_decay: float = 0.0
) -> Optimizer:
    """Gradient descent whose step size grows to what the loss bears (Ego3DPose's optimiser).

    Stands here, and not in the configuration, so that a checkpoint names nothing outside this package.

    Args:
        parameters: to be trained.
        lr: factor on the rate that is found; a schedule multiplies it (release: 1).
        growth_rate: largest growth per step (release: 1.02).
        weight_decay: L2 penalty.
    """
    return DAdaptSGD(parameters, lr=lr, growth_rate=growth_rate, weight_decay=weight_decay)
