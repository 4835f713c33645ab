"""Times of our networks and of those in EgoTAP's released code, in turn, on the same inputs.

    python experiments/benchmarks/against_release.py RELEASE_FOLDER --batch 2 --device cpu

RELEASE_FOLDER is a checkout of github.com/tho-kn/EgoTAP, whose code is run and is no part of this repository. It needs
torchvision and transformers. Float32, random weights, UnrealEgo's skeleton, propagation units. A step is forward and
backward. Each round times ours, then the release's; given are the medians and the median of the rounds' ratios. The
last row, a step of the lifter's training that begins with images, is computed from the others: the release runs both
estimators in each step; ours reads heatmaps that were cached once, which is not counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import torch
from models import SCALES, estimator, lifter
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.benchmarks import costs

MODULE = "model.net_architecture"
"""The module of the release that has the networks."""
PRECISIONS = {"float32": None, "tf32": None, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""What operations compute in, other than float32. Layouts stay as they are."""
FEATURE_DIM = 128
"""Width of a view's half of a joint feature."""


class Pair(NamedTuple):
    """A network of ours and the release's, with the inputs of each."""

    name: str
    ours: nn.Module
    our_inputs: list[Tensor]
    theirs: nn.Module
    their_inputs: list[Tensor]


def release(folder: Path) -> ModuleType:
    """The release's networks. Ends the program with a message if they cannot be imported."""
    if not (folder / "model" / "net_architecture.py").is_file():
        sys.exit(f"{folder} has no model/net_architecture.py: give a checkout of github.com/tho-kn/EgoTAP")
    sys.path.insert(0, str(folder.resolve()))
    try:
        supply_old_names()
        return importlib.import_module(MODULE)
    except ImportError as error:
        sys.exit(f"{folder}: {error}; the release needs the packages torchvision and transformers")


def supply_old_names() -> None:
    """Gives transformers 5 what the release asks for and only earlier versions have: masks of heads."""
    if importlib.util.find_spec("transformers") is None:
        return  # importing the release says so
    utilities, modelling = (
        importlib.import_module(f"transformers.{name}") for name in ("pytorch_utils", "modeling_utils")
    )
    if not hasattr(utilities, "find_pruneable_heads_and_indices"):
        vars(utilities)["find_pruneable_heads_and_indices"] = None  # imported, never called here
    if not hasattr(modelling.PreTrainedModel, "get_head_mask"):
        modelling.PreTrainedModel.get_head_mask = lambda self, mask, layers: [None] * layers


def pairs(networks: ModuleType, scale: Any, batch: int) -> Iterator[Pair]:
    """The networks to compare."""
    skeleton, px, size = unrealego(), scale.image_px, scale.heatmap_px
    maps = skeleton.num_heatmap_joints
    options = SimpleNamespace(
        joint_preset="UnrealEgo",
        estimate_head=True,
        num_heatmap=maps,
        num_rot_heatmap=maps,
        heatmap_type="sin",
        load_size_heatmap=[size, size],
        ae_hidden_size=FEATURE_DIM,
        patched_heatmap_ae=True,
        skel_layer="PU",
        n_skel_layers=2,
        init_ImageNet=False,
    )
    joints, limbs = torch.rand(batch, 2, maps, size, size), torch.rand(batch, 2, maps, 2, size, size)
    # Stacked: the joints of both views, then for each view all cosines and all sines.
    stacked = torch.cat((joints.flatten(1, 2), limbs.transpose(2, 3).flatten(1, 3)), 1)
    theirs = networks.EgoTAPAutoEncoder(options, input_channel_scale=2)
    yield Pair("lifter", lifter(skeleton, scale), [joints, limbs], theirs, [stacked])
    images = torch.randn(batch, 2, 3, px, px)
    options = SimpleNamespace(**{**vars(options), "num_rot_heatmap": 0})
    theirs = networks.HeatMap_UnrealEgo_Shared(options, "resnet18", input_channel_scale=2)
    yield Pair("estimator", estimator(skeleton, scale), [images], theirs, [images[:, 0], images[:, 1]])


def first_of(output: Any) -> Tensor:
    """The pose or the heatmaps: the release's lifter gives several things."""
    tensor: Tensor = output[0] if isinstance(output, (tuple, list)) else output
    return tensor


def calls(
    network: nn.Module, inputs: list[Tensor], device: torch.device, autocast: torch.dtype | None
) -> dict[str, Callable[[], None]]:
    """A training step and a forward."""
    network, inputs = network.to(device), [x.to(device) for x in inputs]

    def mixed() -> AbstractContextManager[object]:
        return nullcontext() if autocast is None else torch.autocast(device.type, autocast)

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def step() -> None:
        network.train().zero_grad()
        with mixed():
            loss = first_of(network(*inputs)).float().square().mean()
        loss.backward()
        wait()

    def forward() -> None:
        network.eval()
        with torch.no_grad(), mixed():
            network(*inputs)
        wait()

    return {"step": step, "forward": forward}


def in_turn(ours: Callable[[], None], theirs: Callable[[], None], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of theirs over ours, after a round that does not count."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        ours()
        between = time.perf_counter()
        theirs()
        times.append((between - start, time.perf_counter() - between))
    one, other = zip(*times[1:], strict=True)
    return statistics.median(one), statistics.median(other), statistics.median(b / a for a, b in times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="RELEASE_FOLDER")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="CPU threads of torch")
    parser.add_argument("--scale", default="paper", choices=["smoke", "tiny", "paper"], help="the release's: paper")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="of both")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    networks, scale = release(args.folder), OmegaConf.load(SCALES / f"{args.scale}.yaml")
    headings = ("network", "what", "ours, ms a frame", "release, ms a frame", "ratio", "M parameters, ours and release")
    where = f"{args.device}, {torch.get_num_threads()} threads, {args.precision}, batch {args.batch}"
    title = f"{where}, torch {torch.__version__}"
    torch.set_float32_matmul_precision("highest" if args.precision == "float32" else "high")
    torch.backends.cudnn.allow_tf32 = args.precision != "float32"
    table, device = Table(*headings, title=title), torch.device(args.device)
    medians: dict[tuple[str, str], tuple[float, float]] = {}
    for pair in pairs(networks, scale, args.batch):
        ours = calls(pair.ours, pair.our_inputs, device, PRECISIONS[args.precision])
        theirs = calls(pair.theirs, pair.their_inputs, device, PRECISIONS[args.precision])
        millions = ", ".join(f"{costs.parameters(network) / 1e6:.2f}" for network in (pair.ours, pair.theirs))
        for what in ours:
            one, other, ratio = in_turn(ours[what], theirs[what], args.rounds)
            per_frame = (f"{seconds * 1e3 / args.batch:.1f}" for seconds in (one, other))
            table.add_row(pair.name, what, *per_frame, f"{ratio:.2f}", millions)
            medians[pair.name, what] = one, other
    one, step = medians["lifter", "step"]
    other = step + 2 * medians["estimator", "forward"][1]
    per_frame = (f"{seconds * 1e3 / args.batch:.1f}" for seconds in (one, other))
    table.add_row("lifter", "step from images", *per_frame, f"{other / one:.2f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
