"""Errors of estimated heatmaps against what the estimators cost, at equal training.

    python experiments/benchmarks/estimators.py --scale tiny --epochs 2 --seeds 0

On EgoSynth. Every estimator sees the same frames as often, with the same optimiser and schedule. Trainings are stages
of `egotap train`, so that a second call finds them done. Overrides of `egotap train` may come first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import egotap_pl
from egotap_pl.core.batch import Batch
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.benchmarks import costs
from egotap_pl.engine.experiment import Experiment
from egotap_pl.metrics import HeatmapMSE
from egotap_pl.nn.images import normalise_images
from egotap_pl.nn.lean_estimator import LeanEstimator, joint_maps, limb_maps
from egotap_pl.tasks.targets import HeatmapTarget, JointTarget, LimbTarget

BATCH_SIZE = 32
CPU = torch.device("cpu")
TARGETS: Mapping[str, HeatmapTarget] = {"joint": JointTarget(), "limb": LimbTarget()}


@dataclass(frozen=True)
class Variant:
    """Estimators that give joint and limb heatmaps together."""

    name: str
    """Name in the table."""

    trainings: Mapping[str, tuple[str, tuple[str, ...]]]
    """The kind of the estimator and its overrides, for each kind of heatmap; one training may serve both."""


def lean(name: str, **sizes: int) -> Variant:
    """The lean estimator, of other sizes than the scale's."""
    changes = (f"estimators.shared.task.estimator.{key}={size}" for key, size in sizes.items())
    return Variant(name, dict.fromkeys(TARGETS, ("shared", ("estimator=lean", *changes))))


VARIANTS = {
    "unet": Variant("two U-Nets (estimator=unet)", {"joint": ("joint", ()), "limb": ("limb", ())}),
    "lean": lean("estimator=lean"),
    "one": lean("with one decoder for both kinds", decoders=1),
    "48": lean("with 48 channels", channels=48),
    "32": lean("with 32 channels", channels=32),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--scale", default="tiny", choices=["smoke", "tiny", "paper"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    args = parser.parse_args()
    print("| estimators | seed | GFLOP | M params | ms a frame | joint MSE, 1e-4 | limb MSE, 1e-4 |\n|" + "---|" * 7)
    for seed in args.seeds:
        equal = [
            f"estimators.{kind}.{setting}"
            for kind in TARGETS
            for setting in (f"epochs={args.epochs}", f"task.schedule.constant_epochs={args.epochs / 2}", f"seed={seed}")
        ]
        for name in args.variants:
            print(row(VARIANTS[name], seed, [f"scale={args.scale}", *args.overrides, *equal]), flush=True)


def row(variant: Variant, seed: int, overrides: list[str]) -> str:
    """A line of the table."""
    networks: dict[str, nn.Module] = {}
    errors = {}
    for kind, (trained, own) in variant.trainings.items():
        experiment = Experiment(egotap_pl.compose(*overrides, *own))
        checkpoint = experiment.estimator(trained)
        network = networks.setdefault(str(checkpoint), egotap_pl.load_estimator(checkpoint))
        errors[kind] = error(network, kind, egotap_pl.open_store(experiment.data.folder))
        px = egotap_pl.open_store(experiment.data.folder).image_px
    images = normalise_images(torch.randint(0, 256, (1, 2, 3, px, px), dtype=torch.uint8))
    used = list(networks.values())
    gflop = sum(costs.flops(network, [images]) for network in used) / 1e9
    millions = sum(costs.parameters(network) for network in used) / 1e6
    with torch.inference_mode():
        time = costs.time_of(lambda: [network(images) for network in used], 1.0, CPU)
    cells = (
        variant.name,
        str(seed),
        f"{gflop:.3f}",
        f"{millions:.2f}",
        f"{time.median_s * 1e3:.1f}",
        *(f"{1e4 * mse:.2f} ({mse / zeros:.1%})" for mse, zeros in (errors["joint"], errors["limb"])),
    )
    return f"| {' | '.join(cells)} |"


def error(network: nn.Module, kind: str, store: FrameStore) -> tuple[float, float]:
    """Mean squared error per pixel on a split, and that of all-zero heatmaps."""
    metric, target = HeatmapMSE(), TARGETS[kind]
    for batch in batches(store):
        with torch.inference_mode():
            maps = network(normalise_images(batch.images))
        if isinstance(network, LeanEstimator):
            maps = {"joint": joint_maps, "limb": limb_maps}[kind](maps)
        truth: Tensor = target.draw(batch, store.skeleton, maps.shape[-1])
        metric.update(maps, truth, target.known(batch, store.skeleton))
    found = metric.compute()
    return found["mse"], found["zeros_mse"]


def batches(store: FrameStore) -> Iterator[Batch]:
    """The frames of a split in their order."""
    for start in range(0, len(store), BATCH_SIZE):
        yield store.read(range(start, min(start + BATCH_SIZE, len(store))))


if __name__ == "__main__":
    main()
