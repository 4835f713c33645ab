"""Weights of a network that a training would leave as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say

_ELSEWHERE = ("torch.", "torchmetrics.", "lightning.")


def check_registered(task: L.LightningModule, title: str) -> None:
    """Check that PyTorch knows every weight of a task: it does not look into lists and dicts.

    Args:
        task: the task.
        title: name of its training.

    Raises:
        EgotapError: if a module keeps weights with gradients where they would be neither trained nor saved, or a lazy
            module has none yet, which a checkpoint could not be loaded into.
    """
    registered = {id(parameter) for parameter in task.parameters()}
    for module in task.modules():
        if type(module).__module__.startswith(_ELSEWHERE):
            continue
        for name, child in module.named_children():
            if any(is_lazy(weight) for weight in child.parameters(recurse=False)):
                raise EgotapError(
                    f"{title}: {type(module).__name__}.{name} is a {type(child).__name__}, which has no weights that a "
                    "checkpoint could be loaded into: give the width of its input"
                )
        for name, value in vars(module).items():
            hidden = [weight for weight in _weights(value) if weight.requires_grad and id(weight) not in registered]
            if hidden:
                raise EgotapError(
                    f"{title}: {type(module).__name__}.{name} has weights that PyTorch does not know, so they would be "
                    f"neither trained nor saved: make it an {_remedy(value)}"
                )


def check_learns(task: L.LightningModule, output: Any, title: str, own: Collection[str] = ()) -> None:
    """Check, by the gradients of a trial step, that a training changes weights.

    Args:
        task: the task.
        output: what its training step returned.
        title: name of its training.
        own: classes; modules from their packages are named in a warning if the loss depends on none of their weights.

    Raises:
        EgotapError: if the loss depends on no weight at all.
    """
    loss = output["loss"] if isinstance(output, dict) else output
    weights = [weight for weight in task.parameters() if weight.requires_grad]
    if not task.automatic_optimization or not isinstance(loss, Tensor) or not weights:
        return
    if not loss.requires_grad:
        raise EgotapError(f"{title}: the loss depends on no weight, so nothing would be learnt")
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    learning = {id(weight) for weight, gradient in zip(weights, gradients, strict=True) if gradient is not None}
    packages = {name.partition(".")[0] for name in own}
    named = ""  # the module that was named last, whose own modules need no warning
    for place, module in task.named_modules():
        its = {id(weight) for weight in module.parameters() if weight.requires_grad}
        is_own = type(module).__module__.partition(".")[0] in packages
        if is_own and its and not its & learning and not (named and place.startswith(f"{named}.")):
            named = place
            say(
                f"warning: {title}: the loss does not depend on the weights of {type(module).__name__} ({place}), so "
                "they are not trained"
            )


def _weights(value: Any) -> list[Tensor]:
    """The weights in a module's attribute: a tensor, or a list or a dict of modules and tensors."""
    if isinstance(value, Tensor):
        return [value] if value.is_leaf else []
    each = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [
        weight
        for one in each
        for weight in (one.parameters() if isinstance(one, nn.Module) else [one])
        if isinstance(weight, Tensor) and weight.is_leaf
    ]


def _remedy(value: Any) -> str:
    """What a module's attribute should be."""
    if isinstance(value, Tensor):
        return "nn.Parameter"
    of_modules = any(isinstance(one, nn.Module) for one in (value.values() if isinstance(value, dict) else value))
    return f"nn.{'Module' if of_modules else 'Parameter'}{'Dict' if isinstance(value, dict) else 'List'}"
