"""Forward pass and training step of Grid ViT, of its sparse variant and of the encoder that knows the cameras, in turn.

    python experiments/benchmarks/encoders.py --scale paper --batch 2 --rounds 5

Widths are those of conf/scale/*.yaml, or others by --set, with --patches per side; float32, UnrealEgo's skeleton. On a
CPU, times are of the processor, so that other jobs matter less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import nn

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.benchmarks import costs
from egotap_pl.nn.encoders import GridViTEncoder, RayEncoder, SparseGridViTEncoder

SCALES = Path(__file__).parents[2] / "conf" / "scale"
PATCHES = (3, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="paper", choices=["smoke", "tiny", "paper"])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--patches", type=int, default=4, help="per side of a heatmap (at scale=tiny, Grid ViT has 2)")
    parser.add_argument("--set", nargs="*", default=[], help="sizes other than the scale's, e.g. transformer.width=128")
    args = parser.parse_args()
    scale = OmegaConf.merge(OmegaConf.load(SCALES / f"{args.scale}.yaml"), OmegaConf.from_dotlist(args.set))
    device = torch.device(args.device)
    torch.manual_seed(0)
    px = scale.heatmap_px
    heatmaps = torch.rand(args.batch, 2, unrealego().num_heatmap_joints, px, px, device=device)
    encoders = {name: encoder.to(device) for name, encoder in encoders_of(scale, args.patches).items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in encoders}
    for number in range(args.rounds + 1):
        for name, encoder in encoders.items():
            once = seconds(forward, encoder, heatmaps), seconds(step, encoder, heatmaps)
            if number:  # the first round does not count
                times[name].append(once)
    print(
        "| encoder | M params | GFLOP a frame | forward, ms a frame | training step, ms a frame |\n" + "|---" * 5 + "|"
    )
    baseline = [statistics.median(column) for column in zip(*times["Grid ViT"], strict=True)]
    for name, encoder in encoders.items():
        medians = [statistics.median(column) for column in zip(*times[name], strict=True)]
        cells = [f"{1e3 * t / args.batch:.1f} ({b / t:.2f} x)" for t, b in zip(medians, baseline, strict=True)]
        gflop, millions = costs.flops(encoder.eval(), [heatmaps[:1]]) / 1e9, costs.parameters(encoder) / 1e6
        print(f"| {name} | {millions:.1f} | {gflop:.3f} | {' | '.join(cells)} |")


def encoders_of(scale: Any, patches_per_side: int) -> dict[str, nn.Module]:
    """The full encoder, the sparse one with several numbers of patches, and the one that knows the cameras."""
    sizes = {**scale.transformer, "hidden_dims": scale.hidden_dims}
    place = (unrealego(), scale.heatmap_px, scale.joint_dim)
    cut = {**sizes, "patches_per_side": patches_per_side}
    sparse = {f"sparse, {number} patches": SparseGridViTEncoder(*place, **cut, patches=number) for number in PATCHES}
    rays = RayEncoder(*place, **sizes)
    rays.set_rig(StereoRig.unrealego())
    return {"Grid ViT": GridViTEncoder(*place, **cut), **sparse, "rays": rays}


def forward(encoder: nn.Module, heatmaps: torch.Tensor) -> None:
    encoder.eval()
    with torch.inference_mode():
        encoder(heatmaps)


def step(encoder: nn.Module, heatmaps: torch.Tensor) -> None:
    encoder.train()
    encoder.zero_grad()
    encoder(heatmaps).square().mean().backward()


def seconds(call: Callable[[nn.Module, torch.Tensor], None], encoder: nn.Module, heatmaps: torch.Tensor) -> float:
    is_cuda = heatmaps.device.type == "cuda"
    clock = time.perf_counter if is_cuda else time.process_time
    start = clock()
    call(encoder, heatmaps)
    if is_cuda:
        torch.cuda.synchronize(heatmaps.device)
    return clock() - start


if __name__ == "__main__":
    main()
