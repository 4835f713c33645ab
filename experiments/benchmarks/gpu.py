"""Times of the networks on a GPU in several precisions, as a Markdown table: see gpu.sh.

python experiments/benchmarks/gpu.py --device cuda --scale paper --output gpu.md

A step is forward and backward, without an optimiser. Times are medians, each after one call that does not count. The
share is that of the device's own rate of matrix products in the same precision.
"""

from __future__ import annotations

import argparse
import copy
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from models import SCALES, estimator, lifter
from omegaconf import OmegaConf
from torch import Tensor, nn

from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.benchmarks import costs
from egotap_pl.engine.runs.results import device_name
from egotap_pl.engine.versions import versions

BATCHES = {"paper": {"lifter": 32, "estimator": 16}, "tiny": {"lifter": 32, "estimator": 16}}
SMALL = {"lifter": 2, "estimator": 2}
MATRIX = {"cuda": 8192, "cpu": 512}
HEADINGS = ("network", "precision", "batch", "what", "ms", "frames/s", "TFLOP/s", "share of products' rate", "peak MiB")


class Mode(NamedTuple):
    """How networks compute."""

    name: str
    autocast: torch.dtype | None = None
    tf32: bool = False
    channels_last: bool = False
    compiled: bool = False

    def context(self, device: torch.device) -> AbstractContextManager[object]:
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.tf32
        return nullcontext() if self.autocast is None else torch.autocast(device.type, self.autocast)


def modes(device: torch.device, compiles: bool) -> list[Mode]:
    """The modes that a device has."""
    bf16 = partial(Mode, autocast=torch.bfloat16, tf32=True)
    if device.type == "cpu":  # narrow networks, channels last, overrun oneDNN's buffers there
        found = [Mode("float32"), bf16("bfloat16"), Mode("float32, compiled", compiled=True)]
    else:
        found = [
            Mode("float32"),
            Mode("TF32", tf32=True),
            Mode("TF32, channels last", tf32=True, channels_last=True),
            Mode("float16, channels last", torch.float16, True, True),
        ]
        if torch.cuda.is_bf16_supported(including_emulation=False):
            found += [
                bf16("bfloat16, channels last", channels_last=True),
                bf16("bfloat16, channels last, compiled", channels_last=True, compiled=True),
            ]
    return [mode for mode in found if compiles or not mode.compiled]


class Measuring:
    """Collects the rows of the table, until the time is up."""

    def __init__(self, device: torch.device, seconds: float, minutes: float) -> None:
        self.device, self.seconds, self.end = device, seconds, time.monotonic() + 60 * minutes
        self.rows: list[tuple[str, ...]] = []
        self.notes: list[str] = []

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Turns a failure inside the block into a note: of the compiler, for want of memory, or of any other kind."""
        try:
            yield
        except Exception as error:
            self.notes.append(f"{what}: {next(iter(str(error).splitlines()), type(error).__name__)[:200]}")

    def is_time_up(self, what: str) -> bool:
        if time.monotonic() > self.end:
            self.notes.append(f"{what}: not measured, the time was up")
            return True
        return False

    def products(self, mode: Mode) -> float:
        """Floating-point operations per second in matrix products."""
        size = MATRIX[self.device.type]
        one, other = torch.rand(2, size, size, device=self.device)
        with mode.context(self.device), torch.inference_mode():
            return 2 * size**3 / costs.time_of(lambda: one @ other, self.seconds, self.device).median_s

    def add(self, names: tuple[str, str], batch: int, what: str, call: Callable[[], object], flop: float, rate: float):
        """A row: the time of a call."""
        seconds = costs.time_of(call, self.seconds, self.device).median_s
        peak = costs.peak_mib(call, self.device)
        numbers = (f"{seconds * 1e3:.3g}", f"{batch / seconds:.4g}", f"{flop / seconds / 1e12:.3g}")
        self.rows.append((*names, str(batch), what, *numbers, f"{flop / seconds / rate:.0%}", f"{peak:.3g}"))


def measure_network(
    measuring: Measuring, mode: Mode, name: str, network: nn.Module, inputs: list[Tensor], rate: float
) -> None:
    """Rows of a network's forward and of its training step."""
    device, batch = measuring.device, len(inputs[0])
    network = copy.deepcopy(network).to(device)
    inputs = [x.to(device) for x in inputs]
    if mode.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if mode.compiled:
        network.compile()

    def forward() -> None:
        with torch.inference_mode(), mode.context(device):
            network(*inputs)

    def step() -> None:
        network.zero_grad()
        with mode.context(device):
            loss = network(*inputs).square().mean()
        loss.backward()

    shell = copy.deepcopy(network).to("meta").eval()
    flop = costs.flops(shell, [x[:1].to("meta") for x in inputs]) * batch
    for what, call, factor in (("forward", forward, 1), ("step", step, 3)):  # backward: two products for each one
        network.train(what == "step")
        label = f"{name}, {mode.name}, {what}"
        if not measuring.is_time_up(label):
            with measuring.noting(label):
                measuring.add((name, mode.name), batch, what, call, factor * flop, rate)


def measure_targets(measuring: Measuring, batch: int = 64) -> None:
    """A row of the true heatmaps of all joints and limbs, 64 x 64 px."""
    skeleton, device = unrealego(), measuring.device
    points = 1024 * torch.rand(batch, 2, skeleton.num_joints, 2, device=device)
    pose = 50 * torch.randn(batch, skeleton.num_joints, 3, device=device)

    def draw() -> None:
        joint_heatmaps(points, skeleton, 64)
        limb_heatmaps(points, pose, skeleton, 64)

    seconds = costs.time_of(draw, measuring.seconds, device).median_s
    peak = costs.peak_mib(draw, device)
    numbers = (f"{seconds * 1e3:.3g}", f"{batch / seconds:.4g}", "", "", f"{peak:.3g}")
    measuring.rows.append(("true heatmaps", "float32", str(batch), "draw", *numbers))


def waits(network: nn.Module, inputs: list[Tensor], device: torch.device) -> str:
    """What a training step waits for on a GPU, in words."""
    network, inputs = copy.deepcopy(network).to(device), [x.to(device) for x in inputs]
    network(*inputs).square().mean().backward()  # constants are copied once
    torch.cuda.set_sync_debug_mode("error")
    try:
        network(*inputs).square().mean().backward()
    except RuntimeError as error:
        return f"waits for the GPU ({str(error).splitlines()[0][:120]})"
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "does not wait for the GPU"


def networks(scale_name: str) -> Iterator[tuple[str, nn.Module, list[Tensor]]]:
    """Name, network and inputs on the CPU."""
    skeleton, scale = unrealego(), OmegaConf.load(SCALES / f"{scale_name}.yaml")
    batches = BATCHES.get(scale_name, SMALL)
    maps = (batches["lifter"], 2, skeleton.num_heatmap_joints)
    heatmaps = [torch.rand(*maps, *shape, scale.heatmap_px, scale.heatmap_px) for shape in ((), (2,))]
    yield "lifter (Grid ViT, PU)", lifter(skeleton, scale), heatmaps
    images = torch.randn(batches["estimator"], 2, 3, scale.image_px, scale.image_px)
    yield "estimator (joints)", estimator(skeleton, scale), [images]


def page(measuring: Measuring, scale: str) -> str:
    """The table with its origin, as Markdown."""
    known = ", ".join(f"{name} {value}" for name, value in versions().items() if value)
    lines = [
        f"# {device_name(measuring.device)}: networks at scale={scale}",
        "",
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}. `{shlex.join(['python', *sys.argv])}`",
        "",
        f"{known}.",
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'---|' * len(HEADINGS)}",
        *(f"| {' | '.join(row)} |" for row in measuring.rows),
        "",
        *(f"- {note}" for note in measuring.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--scale", default="paper", choices=["smoke", "tiny", "paper"])
    parser.add_argument("--output", type=Path, default=Path("gpu.md"))
    parser.add_argument("--minutes", type=float, default=9.0, help="no measurement begins after these")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--compile", type=int, default=1, choices=[0, 1])
    args = parser.parse_args()
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU here; DEVICE=cpu SIZE=smoke tries the script without one")
    torch.manual_seed(0)
    measuring, made = Measuring(device, args.seconds, args.minutes), list(networks(args.scale))
    measure_targets(measuring)
    for mode in modes(device, bool(args.compile)):
        rate = measuring.products(mode)
        side = MATRIX[device.type]
        measuring.notes.append(f"{mode.name}: {rate / 1e12:.3g} TFLOP/s in products of {side} x {side} matrices")
        for name, network, inputs in made:
            print(f"measuring: {name}, {mode.name}", file=sys.stderr)
            with measuring.noting(f"{name}, {mode.name}"):
                measure_network(measuring, mode, name, network, inputs, rate)
    if device.type == "cuda":
        measuring.notes += [f"A training step of the {name} {waits(net, x, device)}" for name, net, x in made]
    args.output.write_text(page(measuring, args.scale), encoding="utf-8")
    print(args.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
