"""Training steps of an experiment on frames with random labels, for the benchmarks beside this file."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import egotap_pl
from egotap_pl.core.batch import Batch, DataFacts, Heatmaps
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.engine.fit import make_task
from egotap_pl.engine.training_specs import TrainingSpec
from egotap_pl.tasks.optimisation import fuse

VIEWS = 2
TRAININGS = ("joint", "limb", "lifter")


def random_batch(skeleton: Skeleton, frames: int, image_px: int, is_cached: bool) -> Batch:
    """A batch of random images, or of random heatmaps instead, whose labels are random, too."""
    joints, maps = skeleton.num_joints, (frames, VIEWS, skeleton.num_heatmap_joints)
    px = image_px // 4
    heatmaps = Heatmaps(torch.rand(*maps, px, px), torch.rand(*maps, 2, px, px)) if is_cached else None
    return Batch(
        images=torch.randint(256, (frames, VIEWS, 3, image_px, image_px), dtype=torch.uint8),
        points2d_px=1024 * torch.rand(frames, VIEWS, joints, 2),
        pose_cm=50 * torch.randn(frames, joints, 3),
        origin_cm=torch.zeros(frames, VIEWS, 3),
        visibility=torch.ones(frames, VIEWS, joints, dtype=torch.uint8),
        category=torch.zeros(frames, dtype=torch.long),
        frame=torch.arange(frames),
        heatmaps=heatmaps,
    )


def training_step(training: str, *overrides: str) -> tuple[Callable[[], None], int]:
    """A function that does one step, with the optimiser's, and the number of frames of the step.

    Args:
        training: one of `TRAININGS`.
        overrides: what `egotap train` gets.
    """
    settings = egotap_pl.compose(*overrides)
    spec: TrainingSpec = settings.training if training == "lifter" else settings.estimators[training]
    skeleton = unrealego()
    facts = DataFacts(skeleton, ("a category",), torch.zeros(len(skeleton.estimated_names), 3))
    torch.manual_seed(0)
    task = make_task(spec.task, facts, training).train()
    image_px = settings.config["scale"]["image_px"]
    batch = random_batch(skeleton, spec.batch_size, image_px, is_cached=training == "lifter")
    optimizer = task._optimizer([p for p in task.parameters() if p.requires_grad])
    fuse(optimizer)
    task.log_dict = lambda *_, **__: None  # no trainer

    def step() -> None:
        output = task.training_step(batch, 0)
        loss: Tensor = output["loss"] if isinstance(output, dict) else output
        optimizer.zero_grad()
        loss.backward()
        if spec.gradient_clip:
            torch.nn.utils.clip_grad_norm_(task.parameters(), spec.gradient_clip)
        optimizer.step()

    return step, spec.batch_size
