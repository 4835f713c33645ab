"""Training steps of every preset at smoke scale and of narrow networks: a program, run in a process of its own.

Names each step before taking it, so that the last line tells which one ended the process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import hydra
import torch

from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build
from egotap_pl.nn.estimator import StereoUNet

FRAMES = 4
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Widths of backbones, around those that oneDNN's channels-last convolutions fail with."""
IMAGE_PX = 256
"""Side of the images of narrow networks; with AVX-512, smaller images do not overrun the convolutions' buffers."""


def presets() -> list[str]:
    """All presets, found on disk."""
    folder = conf_dir() / "experiment"
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def trainings(settings: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and task of everything that a preset trains."""
    for kind in settings["heatmaps"]["estimators"]:
        yield f"{kind} estimator", settings["estimators"][kind]["task"]
    yield "lifter", settings["training"]["task"]
    if settings["pretraining"]["task"]:
        yield settings["pretraining"]["title"], settings["pretraining"]["task"]
    if settings["probe"] and settings["probe"]["epochs"]:
        yield "probe", settings["probe"]["task"]


def random_batch(image_px: int) -> Batch:
    """Frames of UnrealEgo's skeleton."""
    joints = unrealego().num_joints
    return Batch(
        images=torch.randint(0, 256, (FRAMES, 2, 3, image_px, image_px), dtype=torch.uint8),
        points2d_px=torch.rand(FRAMES, 2, joints, 2) * 1024,
        pose_cm=torch.randn(FRAMES, joints, 3) * 30,
        origin_cm=torch.tensor([0.0, 0.0, 60.0]).expand(FRAMES, 2, 3).contiguous(),
        visibility=torch.ones(FRAMES, 2, joints, dtype=torch.uint8),
        category=torch.zeros(FRAMES, dtype=torch.int64),
        frame=torch.arange(FRAMES),
    )


def train_presets() -> None:
    """Forward and backward through every task of every preset; a task that presets share is trained once."""
    import lightning as L  # takes seconds, and narrow networks do not need it

    unlogged: Any = L.LightningModule
    unlogged.log_dict = unlogged.log = lambda *_, **__: None  # there is no trainer to log to
    mean_pose_cm = torch.zeros(len(unrealego().estimated), 3)
    facts = DataFacts(unrealego(), ("walking",), mean_pose_cm, StereoRig.unrealego())
    trained: list[dict[str, Any]] = []
    for preset in presets():
        settings = plain(hydra.compose("train", [f"experiment={preset}", "scale=smoke"]))
        batch = random_batch(settings["scale"]["image_px"])
        for name, spec in trainings(settings):
            print(f"{preset}: {name}", flush=True)
            if spec in trained:
                continue
            trained.append(spec)
            task = build(spec)(facts).train()
            outcome = task.training_step(batch, 0)
            (outcome["loss"] if isinstance(outcome, dict) else outcome).backward()


def train_narrow_networks() -> None:
    """Forward and backward through estimators with backbones of several widths."""
    images = torch.randn(FRAMES, 2, 3, IMAGE_PX, IMAGE_PX)
    for width in WIDTHS:
        print(f"width {width}", flush=True)
        network = StereoUNet(2, width=width, lateral_widths=(8,) * 4, decoder_widths=(8,) * 3)
        network(images).square().mean().backward()


if __name__ == "__main__":
    assert torch.get_num_threads() == 1
    torch.manual_seed(0)
    if sys.argv[1:] == ["all"]:
        with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
            train_presets()
    train_narrow_networks()
