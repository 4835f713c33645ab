"""What may save time in a training step of an estimator on a CPU: each with and without, in turn, by processor time.

    python experiments/benchmarks/savings.py --scale tiny --batch 8 --rounds 5

One thread. Processor time hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import torch
from models import SCALES, estimator
from omegaconf import OmegaConf
from torch import Tensor, nn

from egotap_pl.core.skeleton import unrealego


def channels_last(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in inputs)


def step_of(net: nn.Module, images: Tensor) -> Callable[[], None]:
    def step() -> None:
        net.zero_grad()
        net(images).square().mean().backward()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="tiny", choices=["tiny", "paper"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    scale = OmegaConf.load(SCALES / f"{args.scale}.yaml")
    images = torch.randn(args.batch, 2, 3, scale.image_px, scale.image_px)
    nets: list[Any] = [estimator(unrealego(), scale) for _ in range(2)]
    for lateral in nets[1].laterals:
        lateral.register_forward_pre_hook(channels_last)
    ways = {"decoder, channels first": step_of(nets[0], images), "decoder, channels last": step_of(nets[1], images)}
    for step in ways.values():
        step()
    ways["Adam, fused"] = torch.optim.Adam(nets[0].parameters(), fused=True).step
    ways["Adam, one tensor at a time"] = torch.optim.Adam(nets[1].parameters()).step
    ways["Adam, fused"](), ways["Adam, one tensor at a time"]()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, call in ways.items():
            start = time.process_time()
            call()
            times[name].append(1000 * (time.process_time() - start) / args.batch)
    print(f"torch {torch.__version__}, {date.today()}, scale {args.scale}, batch {args.batch}: processor ms a frame")
    for name, some in times.items():
        print(f"| {name} | {statistics.median(some):.2f} | {min(some):.2f} to {max(some):.2f} |")


if __name__ == "__main__":
    main()
