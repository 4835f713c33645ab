"""Peak memory of a training step of each stage: computed for any batch and, if asked for, measured on this CPU.

    python experiments/benchmarks/memory.py --batch 8 16 32 --measure 8

A step is forward, backward and AdamW; its memory is that of weights, gradients, the optimiser's averages, inputs and
activations. It is computed on torch's meta device, where tensors have sizes and no content: what all of them take
together at the worst moment, without the workspaces of single operations. Measured is the growth of a new process's
resident memory. Widths are those of conf/scale/*.yaml; float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch
from models import SCALES, estimator, lifter
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.benchmarks.live_memory import LiveMemory
from egotap_pl.nn.recomputing import set_recomputing

STAGES = ("estimator", "lifter")
GB = 1e9


def made(stage: str, scale_name: str, batch: int, device: str) -> tuple[nn.Module, list[Tensor]]:
    """The network of a stage and a batch of its inputs."""
    skeleton, scale = unrealego(), OmegaConf.load(SCALES / f"{scale_name}.yaml")
    maps = (batch, 2, skeleton.num_heatmap_joints)
    with torch.device(device):
        if stage == "estimator":
            return estimator(skeleton, scale), [torch.rand(batch, 2, 3, scale.image_px, scale.image_px)]
        joints = torch.rand(*maps, scale.heatmap_px, scale.heatmap_px)
        return lifter(skeleton, scale), [joints, torch.rand(*maps, 2, scale.heatmap_px, scale.heatmap_px)]


def train(stage: str, scale: str, batch: int, recompute: bool, device: str, steps: int = 2) -> None:
    """Take training steps. From the second one on, the optimiser's averages are there from the beginning."""
    network, inputs = made(stage, scale, batch, device)
    set_recomputing(network, recompute)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    for _ in range(steps):
        optimizer.zero_grad()
        network(*inputs).square().mean().backward()
        optimizer.step()


def computed_gb(stage: str, scale: str, batch: int, recompute: bool) -> float:
    with LiveMemory() as memory:
        train(stage, scale, batch, recompute, "meta")
    return memory.peak / GB


def measured_gb(stage: str, scale: str, batch: int, recompute: bool) -> float:
    """In a new process, as memory that was used once is not given back."""
    words = [stage, scale, str(batch), str(int(recompute))]
    command = [sys.executable, str(Path(__file__).resolve()), "--alone", *words]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def alone(stage: str, scale: str, batch: str, recompute: str) -> None:
    """Print the growth of this process's memory, GB."""
    train(stage, "smoke", 2, False, "cpu")  # what torch itself takes does not count
    before = _peak_bytes()
    train(stage, scale, int(batch), bool(int(recompute)), "cpu")
    print(json.dumps((_peak_bytes() - before) / GB))


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="paper", choices=["smoke", "tiny", "paper"])
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--measure", type=int, nargs="*", default=[], help="batches to measure, too")
    parser.add_argument("--alone", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        alone(*args.alone)
        return
    table = Table("stage", "batch", "GB", "with gradient checkpointing", "measured", "measured with checkpointing")
    for stage in STAGES:
        for batch in args.batch:
            cells = [f"{computed_gb(stage, args.scale, batch, recompute):.2f}" for recompute in (False, True)]
            measure = partial(measured_gb, stage, args.scale, batch)
            cells += [f"{measure(recompute):.2f}" if batch in args.measure else "" for recompute in (False, True)]
            table.add_row(stage, str(batch), *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
