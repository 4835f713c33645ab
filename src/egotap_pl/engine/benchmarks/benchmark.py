"""Measures what the networks of a checkpoint or an experiment cost: part by part, in several runtimes."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.core.messages import say
from egotap_pl.engine.benchmarks import costs
from egotap_pl.engine.benchmarks.parts import Part
from egotap_pl.engine.devices.acceleration import Acceleration
from egotap_pl.engine.devices.choice import SINGLE
from egotap_pl.engine.runs.results import device_name
from egotap_pl.engine.versions import versions
from egotap_pl.interop.onnx import OutputsDiffer, session_of

FILE = "benchmark.json"
"""File in a run's folder with what its networks cost."""
RUNTIMES = ("torch", "compile", "onnx")
"""Values of ``runtimes``."""
PRECISIONS = {SINGLE: None, "16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}
"""Precisions that can be measured, by Lightning's names, and what products are computed in."""

Call = Callable[[Sequence[Tensor]], object]


@dataclass(frozen=True)
class Cost:
    """What a part costs in a runtime. Times are medians."""

    part: str
    """See `Part`."""

    runtime: str
    """One of `RUNTIMES`."""

    parameters: int
    """Number of parameters."""

    gflop: float
    """Billions of floating-point operations for a frame."""

    latency_ms: float
    """Time of one frame alone, ms."""

    quartiles_ms: tuple[float, float]
    """First and third quartile of that time, ms."""

    frames_per_s: float
    """Frames per second in batches."""

    peak_mib: float | None
    """Memory that a batch takes besides the parameters, MiB; None where it cannot be measured."""

    step_ms: float | None = None
    """Time of a training step (forward and backward) for each frame of a batch, ms; None if it is not measured."""

    step_mib: float | None = None
    """Memory that it takes, MiB."""

    precision: str = SINGLE
    """Lightning's name for the precision; ONNX Runtime has single precision."""


def benchmark(
    parts: Sequence[Part],
    device: torch.device,
    *,
    runtimes: Sequence[str] = ("torch",),
    batch_size: int = 32,
    seconds: float = 1.0,
    steps: bool = True,
    precision: str = SINGLE,
    acceleration: Acceleration | None = None,
) -> Iterator[Cost]:
    """Measure parts one by one.

    Args:
        parts: the networks.
        device: the device that they run on.
        runtimes: see `RUNTIMES`. A runtime that cannot run a part is named on the screen and passed over.
        batch_size: frames in a batch.
        seconds: time that each number is measured for, at least.
        steps: whether training steps are measured.
        precision: one of `PRECISIONS`.
        acceleration: how networks are computed; None: as they are. Whether they are compiled is a runtime here.

    Raises:
        EgotapError: if there is no such runtime or precision, or ONNX Runtime is not installed.
    """
    if precision not in PRECISIONS:
        raise EgotapError(f"trainer.precision={precision}: egotap benchmark measures one of: {', '.join(PRECISIONS)}")
    if wrong := [name for name in runtimes if name not in RUNTIMES]:
        raise EgotapError(f"runtimes={wrong[0]}: must be among: {', '.join(RUNTIMES)}")
    if batch_size < 2:
        raise EgotapError(f"batch_size={batch_size}: must be 2 or more; one frame alone is measured in any case")
    for part in parts:
        part.network.to(device)
        replace(acceleration or Acceleration(), compile=False).apply(part.network, device)
        gflop = costs.flops(part.network, _inputs(part, 1, device)) / 1e9
        for runtime in runtimes:
            say(f"measuring: {part.name}, {runtime}")
            found = None
            own = SINGLE if runtime == "onnx" else precision
            with _autocast(device, own), _started(part, runtime, device) as call:
                if call is not None:
                    found = _cost(part, runtime, call, gflop, device, batch_size, seconds, steps)
            if found is not None:
                yield replace(found, precision=own)


def record(found: Sequence[Cost], device: torch.device, batch_size: int, origin: str) -> dict[str, Any]:
    """The content of a `FILE`.

    Args:
        found: the costs.
        device: the device that they were measured on.
        batch_size: frames in a batch.
        origin: the checkpoint or the overrides.
    """
    return {
        "origin": origin,
        "device": device_name(device),
        "batch_size": batch_size,
        "date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "versions": versions(),
        "costs": [asdict(cost) for cost in found],
    }


def _cost(
    part: Part,
    runtime: str,
    call: Call,
    gflop: float,
    device: torch.device,
    batch_size: int,
    seconds: float,
    steps: bool,
) -> Cost:
    one, many = (_inputs(part, size, device) for size in (1, batch_size))
    has_memory = runtime == "torch" or (device.type == "cuda" and runtime != "onnx")
    with torch.inference_mode():
        alone = costs.time_of(lambda: call(one), seconds, device)
        together = costs.time_of(lambda: call(many), seconds, device)
        peak = costs.peak_mib(lambda: call(many), device) if has_memory else None
    step_ms = step_mib = None
    if steps and part.is_trained and runtime == "torch":
        trained = copy.deepcopy(part.network).requires_grad_(True).train()
        step = partial(_step, trained, many)
        step_ms = costs.time_of(step, seconds, device).median_s * 1e3 / batch_size
        step_mib = costs.peak_mib(step, device)
    return Cost(
        part=part.name,
        runtime=runtime,
        parameters=costs.parameters(part.network),
        gflop=gflop,
        latency_ms=alone.median_s * 1e3,
        quartiles_ms=(alone.quartiles_s[0] * 1e3, alone.quartiles_s[1] * 1e3),
        frames_per_s=batch_size / together.median_s,
        peak_mib=peak,
        step_ms=step_ms,
        step_mib=step_mib,
    )


def _autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    dtype = PRECISIONS[precision]
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def _step(network: nn.Module, inputs: Sequence[Tensor]) -> None:
    network.zero_grad()
    network(*inputs).float().square().mean().backward()


@contextmanager
def _started(part: Part, runtime: str, device: torch.device) -> Iterator[Call | None]:
    """The part in a runtime, ready to be called; None if it cannot run it."""
    if runtime == "torch":
        yield lambda inputs: part.network(*inputs)
    elif runtime == "compile":
        yield _compiled(part, device)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield _in_onnx(part, device, Path(folder) / "network.onnx")


def _compiled(part: Part, device: torch.device) -> Call | None:
    compiled = torch.compile(part.network)
    try:
        with torch.inference_mode():
            compiled(*_inputs(part, 1, device))
    except Exception as error:  # of any kind: the compiler, its C++ compiler, or Triton
        say(f"{part.name}: torch.compile cannot compile it here, so it is not measured: {first_line(error)[:200]}")
        return None
    return lambda inputs: compiled(*inputs)


def _in_onnx(part: Part, device: torch.device, path: Path) -> Call | None:
    import onnxruntime

    provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        say(f"{part.name}: this ONNX Runtime has no {provider}, so it is not measured")
        return None
    network = part.network.cpu()
    try:
        session = session_of(network, part.inputs, path, (provider,), torch.get_num_threads(), part.tolerance)
    except OutputsDiffer as error:
        say(f"{part.name}: not measured in ONNX Runtime: {str(error).removeprefix(f'{path}: not written, because ')}")
        return None
    finally:
        network.to(device)
    names = list(part.inputs(1))
    return lambda inputs: session.run(None, {name: x.cpu().numpy() for name, x in zip(names, inputs, strict=True)})


def _inputs(part: Part, size: int, device: torch.device) -> tuple[Tensor, ...]:
    return tuple(value.to(device) for value in part.inputs(size).values())
