"""What a network costs: parameters, operations, time and memory, measured on a device."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from egotap_pl.engine.benchmarks.live_memory import LiveMemory

_MIB = 2**20
_LEAST_CALLS, _MOST_CALLS = 3, 1000


@dataclass(frozen=True)
class Time:
    """How long a call takes."""

    median_s: float
    """Median, s."""

    quartiles_s: tuple[float, float]
    """First and third quartile, s: how steady the machine was."""


def parameters(network: nn.Module) -> int:
    """Number of parameters, trained or not."""
    return sum(parameter.numel() for parameter in network.parameters())


def flops(network: nn.Module, inputs: Sequence[Any]) -> int:
    """Floating-point operations of a forward pass: matrix products, convolutions and attention.

    A multiplication with its addition counts as two. Attention is computed by its matrix products here: the counter
    does not know the kernels that do it at once on a CPU.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        network(*inputs)
    return int(counter.get_total_flops())


def time_of(call: Callable[[], object], seconds: float, device: torch.device) -> Time:
    """Time a call until the time is used up, at least three times, after one call that does not count.

    Args:
        call: what is timed.
        seconds: time to spend.
        device: the device that it runs on.
    """
    call()
    _synchronise(device)
    times: list[float] = []
    while len(times) < _LEAST_CALLS or (sum(times) < seconds and len(times) < _MOST_CALLS):
        start = time.perf_counter()
        call()
        _synchronise(device)
        times.append(time.perf_counter() - start)
    first, median, third = statistics.quantiles(times, n=4)
    return Time(median, (first, third))


def peak_mib(call: Callable[[], object], device: torch.device) -> float:
    """The most memory, in MiB, that a call allocates beyond what was allocated before it.

    On the ``meta`` device it is counted and not allocated; see `LiveMemory`.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / _MIB
    if device.type == "meta":
        call()  # as below
        with LiveMemory() as memory:
            call()
        return memory.peak / _MIB
    call()  # what it keeps for the next call, such as gradients, does not count
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]")
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most / _MIB


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
