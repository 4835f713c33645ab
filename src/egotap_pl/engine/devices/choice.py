"""What a configuration asks for, and what this machine has: number and indices of devices, precision."""

from __future__ import annotations

import math
import re
from typing import Any

import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.started_group import SRUN, started_group

SINGLE = "32-true"
"""Lightning's name for single precision."""
_HERE = "this machine has {} GPUs"


def device_count(devices: Any, accelerator: str) -> tuple[int, tuple[int, ...] | None]:
    """The number of devices and, for GPUs that are named, their indices.

    Args:
        devices: a number; ``auto``, all GPUs or one process on a CPU; a list of indices; or a name such as ``cuda:1``.
        accelerator: ``cpu`` or ``gpu``.

    Raises:
        EgotapError: if it is none of these, or this machine has no such GPUs.
    """
    here = torch.cuda.device_count() if accelerator == "gpu" else 0
    if devices == "auto":
        devices = here if accelerator == "gpu" else 1
    if isinstance(devices, str) and (match := re.fullmatch(r"(?:cuda|gpu):(\d+)", devices)):
        devices = [int(match[1])]
    if isinstance(devices, (list, tuple)) and devices and all(is_whole(k) and k >= 0 for k in devices):
        if accelerator != "gpu":
            raise EgotapError(f"trainer.devices={devices}: a CPU has no indices; give a number of processes")
        if len(set(devices)) < len(devices) or max(devices) >= here:
            raise EgotapError(f"trainer.devices={list(devices)}: {_HERE.format(here)}, from 0; name each once")
        return len(devices), tuple(devices)
    if not is_whole(devices) or (devices < 1 and accelerator == "cpu"):
        raise EgotapError(
            f"trainer.devices={devices}: must be a whole number, 1 or more; auto; or a list of GPUs, such as [0,2]"
        )
    if accelerator == "gpu" and (devices < 1 or here < devices):
        group = started_group()
        if group is not None and group.starter == SRUN and here == 1:
            raise EgotapError(
                f"trainer.devices={devices}: SLURM shows one GPU to this process, which needs to see all of its node: "
                "give srun --gpus-per-node instead of --gpus-per-task"
            )
        advice = "ask for fewer devices, or use" if here else "use trainer.accelerator=cpu, or"
        raise EgotapError(f"trainer.devices={devices}: {_HERE.format(here)}; {advice} trainer=cpu")
    return devices, None


def precision_of(name: str, accelerator: str) -> str:
    """The precision; for ``auto``, the fastest mixed one that the GPU has, and single precision on a CPU.

    Args:
        name: Lightning's name for it, or ``auto``.
        accelerator: ``cpu`` or ``gpu``.
    """
    if name != "auto":
        return name
    if accelerator == "cpu":
        return SINGLE
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def check_of_trainings(checkpoint_minutes: Any = 0, nan_retries: Any = 0, side_by_side: Any = False) -> None:
    """Check the settings of the group ``trainer`` that Lightning does not have.

    Args:
        checkpoint_minutes: see `Devices`.
        nan_retries: see `Devices`.
        side_by_side: see `Devices`.

    Raises:
        EgotapError: if one of them is wrong.
    """
    is_number = isinstance(checkpoint_minutes, (int, float)) and not isinstance(checkpoint_minutes, bool)
    if not is_number or not 0 <= checkpoint_minutes < math.inf:
        raise EgotapError(
            f"trainer.checkpoint_minutes={checkpoint_minutes}: must be a number of minutes; 0: none within an epoch"
        )
    check_whole("trainer.nan_retries", nan_retries, 0)
    if not isinstance(side_by_side, bool) and side_by_side != "auto":
        raise EgotapError(f"trainer.side_by_side={side_by_side}: must be one of: auto, true, false")


def check_whole(key: str, value: Any, least: int) -> None:
    """Check a number.

    Args:
        key: the setting that it is the value of.
        value: the number.
        least: the smallest that it may be.

    Raises:
        EgotapError: if it is not a whole number, or less.
    """
    if not is_whole(value) or value < least:
        raise EgotapError(f"{key}={value}: must be a whole number, {least} or more")


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)
