"""D-Adaptation (Defazio and Mishchenko 2023): an optimiser that finds its own learning rate."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import Optimizer

from egotap_pl.core.errors import EgotapError


def d_adapted_sgd(
    parameters: Iterable[nn.Parameter], *, growth_rate: float, lr: float = 1.0, weight_decay: float = 0.0
) -> Optimizer:
    """Gradient descent whose step size grows as far as the loss allows (Ego3DPose's optimiser).

    The configuration names this function instead of the package's class, so that a checkpoint names nothing outside
    this package.

    Args:
        parameters: the parameters to train.
        growth_rate: largest growth of the step size per step (release: 1.02).
        lr: factor on the estimated rate; a schedule multiplies it (release: 1).
        weight_decay: L2 penalty.

    Raises:
        EgotapError: if the package dadaptation is not installed.
    """
    try:
        from dadaptation import DAdaptSGD
    except ImportError as error:
        raise EgotapError(
            f"D-Adapted SGD needs the package dadaptation ({error}): pip install 'egotap-pl[baselines]'"
        ) from error
    return DAdaptSGD(parameters, lr=lr, growth_rate=growth_rate, weight_decay=weight_decay)
