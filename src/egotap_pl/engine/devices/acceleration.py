"""How a task computes the same in less time or memory: settings of conf/trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn
from torchmetrics import Metric

from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.core.messages import say
from egotap_pl.nn.recomputing import set_recomputing
from egotap_pl.tasks.heatmap_sources import HeatmapSource


@dataclass(frozen=True)
class Acceleration:
    """Settings that change how a task is computed, but only the rounding of its results."""

    tf32: bool = False
    """Whether float32 products on a GPU have TF32's 10 bits of mantissa, as float16 has, instead of 23."""

    channels_last: bool = False
    """Whether convolutions on a GPU have the layout of its tensor cores. On a CPU, networks choose their own."""

    compile: bool = False
    """Whether networks are compiled by `torch.compile`."""

    gradient_checkpointing: bool = False
    """Whether activations are computed again in the backward pass: less memory, about a third more time."""

    @classmethod
    def parse(cls, trainer: Mapping[str, Any]) -> Acceleration:
        """Check the settings in a node of conf/trainer; those that it does not have are off.

        Raises:
            EgotapError: if a value is neither true nor false.
        """
        settings = {name: trainer[name] for name in cls.names() if name in trainer}
        if wrong := [name for name, value in settings.items() if not isinstance(value, bool)]:
            raise EgotapError(f"trainer.{wrong[0]}={settings[wrong[0]]}: must be true or false")
        return cls(**settings)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The keys in conf/trainer."""
        return tuple(column.name for column in fields(cls))

    def apply(self, task: nn.Module, device: torch.device) -> None:
        """Prepare this process and a task for a device. Weights keep their names and values.

        Args:
            task: a task with its weights, on any device.
            device: the device that it will run on.
        """
        if device.type == "cuda":
            self.set_precision()
            if self.channels_last:
                task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        set_recomputing(task, self.gradient_checkpointing)
        if self.compile:
            compile_networks(task, device)

    def set_precision(self) -> None:
        """Allow TF32 in matrix products, if it is chosen; torch allows it in convolutions anyway."""
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")


def compile_networks(task: nn.Module, device: torch.device) -> None:
    """Compile the networks of a task in place; their names stay. Where the compiler does not work, a message says so.

    Args:
        task: the task.
        device: the device that it will run on.
    """
    try:
        torch.compile(nn.Linear(2, 2).to(device))(torch.zeros(2, 2, device=device))
    except Exception as error:  # of any kind: the compiler, its C++ compiler, or Triton
        why = first_line(error)[:200]
        say(f"trainer.compile: torch.compile does not work here, so networks are not compiled: {why}")
        return
    torch._dynamo.config.suppress_errors = True  # what it cannot compile runs as it is
    for network in networks_of(task):
        network.compile()


def networks_of(task: nn.Module) -> Iterator[nn.Module]:
    """The networks of a task that are called as a whole: estimators, and the parts of a lifter."""
    for name, child in task.named_children():
        if isinstance(child, Metric):
            continue
        parts = child.children() if isinstance(child, HeatmapSource) or name == "lifter" else (child,)
        yield from (part for part in parts if not isinstance(part, nn.ModuleList) and has_parameters(part))


def has_parameters(module: nn.Module) -> bool:
    """Whether a module has any parameters."""
    return next(module.parameters(), None) is not None
