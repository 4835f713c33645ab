"""Checkpoints of any configuration with random weights, as a training would write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from composed import SKELETONS, compose
from torch import nn

from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.core.camera import StereoRig
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoints.loading import KEY, VERSION, About, load_task


def checkpoint(path: Path, *overrides: str, data: str = "egosynth", part: str = "training") -> Path:
    """Write a checkpoint of a task that `egotap train <overrides>` would train.

    Args:
        path: the file.
        *overrides: overrides of `egotap train`.
        data: the data set, which determines the skeleton.
        part: key of the task's node: ``training``, ``probe`` or ``estimators.joint``.
    """
    node = settings = compose(*overrides, f"data={data}", "scale=smoke")
    for key in part.split("."):
        node = node[key]
    skeleton = SKELETONS[data]
    torch.manual_seed(3)
    mean_pose_cm, rig = torch.zeros(len(skeleton.estimated), 3), StereoRig.unrealego()
    task = build(node["task"])(DataFacts(skeleton, ("walking",), mean_pose_cm, rig))
    randomise(task)
    about = About(
        task=node["task"],
        skeleton=skeleton.to_dict(),
        categories=["walking"],
        data=settings["data"],
        data_fingerprint="",
        batch_size=4,
        seed=0,
        experiment="custom",
        rig=rig.to_dict(),
    )
    torch.save({"state_dict": task.state_dict(), KEY: {"version": VERSION, **about._asdict()}}, path)
    return path


def randomise(network: nn.Module) -> None:
    """Set weights that all affect the result: initial ones include zeros, and statistics that change nothing."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.2)
        for layer in network.modules():
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                layer.running_mean.normal_(std=0.1)
                layer.running_var.uniform_(0.5, 1.5)


def answers(path: Path, images: np.ndarray) -> np.ndarray:
    """Poses in cm that a checkpoint's network gives for images. The labels of its batch are dummies."""
    task, about = load_task(path, ["egotap_pl"])
    joints, n = about.facts().skeleton.num_joints, len(images)
    batch = Batch(
        images=torch.from_numpy(images),
        points2d_px=torch.zeros(n, 2, joints, 2),
        pose_cm=torch.zeros(n, joints, 3),
        origin_cm=torch.zeros(n, 2, 3),
        visibility=torch.zeros(n, 2, joints, dtype=torch.uint8),
        category=torch.zeros(n, dtype=torch.int64),
        frame=torch.arange(n),
    )
    with torch.inference_mode():
        return task.eval()(batch).numpy()
