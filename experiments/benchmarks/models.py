"""Time of a training step (forward and backward, no optimiser) and of inference, of the estimator and the lifter.

    python experiments/benchmarks/models.py --scale tiny paper --batch 2 --device cpu

Widths are those of conf/scale/*.yaml; float32; the median of a few iterations after one that is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.nn.encoders import Encoder, GridViTEncoder, LimbEncoder, ReleaseGridViTEncoder
from egotap_pl.nn.estimator import JointEstimator
from egotap_pl.nn.heads import PerJointHead
from egotap_pl.nn.lifter import Lifter
from egotap_pl.nn.propagation import PuPropagation

SCALES = Path(__file__).parents[2] / "conf" / "scale"


def estimator(skeleton: Skeleton, scale: Any) -> nn.Module:
    return JointEstimator(
        skeleton,
        width=scale.backbone_width,
        lateral_widths=scale.lateral_widths,
        decoder_widths=scale.decoder_widths,
    )


def lifter(skeleton: Skeleton, scale: Any, encoder: Callable[..., Encoder] = GridViTEncoder) -> nn.Module:
    return Lifter(
        skeleton,
        scale.heatmap_px,
        scale.joint_dim,
        partial(encoder, patches_per_side=scale.patches_per_side, hidden_dims=scale.hidden_dims, **scale.transformer),
        partial(LimbEncoder, hidden_dims=scale.hidden_dims),
        PuPropagation,
        PerJointHead,
    )


def seconds(call: Callable[[], object], iterations: int, device: torch.device) -> float:
    times = []
    for _ in range(iterations + 1):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def measure(name: str, net: nn.Module, inputs: list[Tensor], args: argparse.Namespace) -> None:
    device = torch.device(args.device)
    net, inputs = net.to(device), [x.to(device) for x in inputs]

    def train() -> None:
        net.zero_grad()
        net(*inputs).square().mean().backward()

    def infer() -> None:
        with torch.inference_mode():
            net(*inputs)

    per_sample = 1000 / args.batch
    trained = seconds(train, args.iterations, device) * per_sample
    net.eval()
    inferred = seconds(infer, args.iterations, device) * per_sample
    millions = sum(p.numel() for p in net.parameters()) / 1e6
    print(f"{name:32s} {millions:7.2f} M parameters   train {trained:9.2f} ms   infer {inferred:9.2f} ms   a sample")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", nargs="+", default=["tiny", "paper"], choices=["smoke", "tiny", "paper"])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="CPU threads of torch")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    skeleton, views = unrealego(), 2
    print(f"{args.device}, {torch.get_num_threads()} threads, batch {args.batch}, torch {torch.__version__}")
    for name in args.scale:
        scale = OmegaConf.load(SCALES / f"{name}.yaml")
        px, maps = scale.image_px, (args.batch, views, skeleton.num_heatmap_joints)
        images = torch.randn(args.batch, views, 3, px, px)
        joints = torch.rand(*maps, scale.heatmap_px, scale.heatmap_px)
        limbs = torch.rand(*maps, 2, scale.heatmap_px, scale.heatmap_px)
        measure(f"{name}: estimator (joints)", estimator(skeleton, scale), [images], args)
        measure(f"{name}: lifter (Grid ViT, PU)", lifter(skeleton, scale), [joints, limbs], args)
        release = lifter(skeleton, scale, ReleaseGridViTEncoder)
        measure(f"{name}: lifter, release's grid", release, [joints, limbs], args)


if __name__ == "__main__":
    main()
