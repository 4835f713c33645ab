"""Exports the network of a checkpoint as an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.data.recordings.frames import unlabelled
from egotap_pl.data.windows import Window
from egotap_pl.engine.checkpoints.publishing import SUFFIX
from egotap_pl.engine.prediction.lifting_checkpoints import load_lifting_task, origin_of
from egotap_pl.interop.onnx import (
    CHECKED_BATCHES,
    ROUNDED_TOLERANCE,
    TOLERANCE,
    Inputs,
    check_packages,
    write_onnx,
)
from egotap_pl.nn.images import normalise_images
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.heatmap_sources import TrueHeatmaps
from egotap_pl.tasks.lifter_inputs import lifter_inputs

OUTPUT = "pose_cm"
"""Name of the network's output in the file."""


class Export(NamedTuple):
    """The contents of an ONNX file."""

    network: nn.Module
    """A network whose output is poses in cm."""

    inputs: Inputs
    """Makes random inputs, by name, for a batch size."""


def export(checkpoint: Path, output: Path, part: str = "all", trust: tuple[str, ...] = ()) -> list[str]:
    """Write a checkpoint's network as an ONNX file and compare it with PyTorch, if ONNX Runtime is installed.

    Args:
        checkpoint: the file.
        output: the .onnx file to write.
        part: ``all``: from images to poses; ``lifter``: from what the lifter reads, such as heatmaps, to poses.
        trust: names of what the checkpoint may use besides the allowlist; see `egotap_pl.engine.checkpoints.allowlist`.

    Returns:
        Names of the network's inputs.

    Raises:
        EgotapError: if the file cannot be written, ONNX is not installed, or the network has no such part.
    """
    if output.suffix.lower() != ".onnx" or output.is_dir():
        raise EgotapError(f"output={output}: must be a file that ends in .onnx, or in {SUFFIX} for the weights alone")
    if part not in PARTS:
        raise EgotapError(f"part={part}: must be one of: {', '.join(PARTS)}")
    check_packages()
    task, about = load_lifting_task(checkpoint, trust)
    window = Window.parse(about.data)
    network, inputs = PARTS[part](task, checkpoint)
    attributes = origin_of(checkpoint, about).attributes()
    if task.reads_past:
        network, inputs = WindowToPose(network, task, window.frames), windows_of(inputs, window.frames)
        attributes = {**attributes, **{f"window_{name}": str(value) for name, value in window._asdict().items()}}
        say(f"inputs have windows of {window.frames} frames, {window.stride} apart, the last one the newest")
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes.items()}
    say(f"{checkpoint}: exporting; this takes a while")
    tolerance = images_tolerance(task) if part == "all" else TOLERANCE
    difference = write_onnx(network, inputs, OUTPUT, output, metadata, tolerance)
    if difference is None:
        say("not checked: onnxruntime is not installed (pip install 'egotap-pl[onnx]')")
    else:
        sizes = ", ".join(map(str, CHECKED_BATCHES))
        say(f"checked on random batches of {sizes}: ONNX Runtime differs by {difference:.1g} times the largest output")
    return list(inputs(1))


class ImagesToPose(nn.Module):
    """From RGB bytes to poses in cm, including normalisation and estimators.

    Args:
        task: a trained lifter with its estimators.
    """

    def __init__(self, task: LiftingTask) -> None:
        super().__init__()
        self.heatmaps, self.lifter, self.names = task.heatmaps, task.lifter, task.input_names
        self.num_joints = task.skeleton.num_joints

    def forward(self, images: Tensor, origin_cm: Tensor | None = None) -> Tensor:
        """Poses of the estimated joints.

        Args:
            images: RGB bytes.
            origin_cm: the true origin in each camera's frame, for a lifter that reads it.
        """
        return self.lifter(*self.read(images, origin_cm))

    def read(self, images: Tensor, origin_cm: Tensor | None = None) -> tuple[Tensor, ...]:
        """What the lifter reads of images; see `forward`."""
        batch = unlabelled(images, self.num_joints, 0)
        if origin_cm is not None:
            batch = batch._replace(origin_cm=origin_cm)
        return lifter_inputs(self.names, batch, self.heatmaps)


class WindowToPose(nn.Module):
    """From windows of frames, the oldest first, to the poses of their last frames, in cm.

    Args:
        network: from images or from a lifter's inputs to poses, of frames alone (`ImagesToPose`, or the lifter).
        task: a trained lifter that reads earlier frames.
        frames: number of frames in a window.
    """

    def __init__(self, network: nn.Module, task: LiftingTask, frames: int) -> None:
        super().__init__()
        self.network, self.lifter, self.temporal, self.frames = network, task.lifter, task.temporal, frames

    def forward(
        self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None, fourth: Tensor | None = None
    ) -> Tensor:
        """Poses of the estimated joints, from the network's inputs with an axis of a window's frames."""
        inputs = tuple(value.flatten(0, 1) for value in (first, second, third, fourth) if value is not None)
        return self.lift(tuple(code.unflatten(0, (-1, self.frames)) for code in self.encode(*inputs)))

    def encode(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What is computed of each frame by itself, see `LiftingTask.encode`, from the network's inputs."""
        if self.temporal is not None:
            return (self.network(*inputs),)
        read = self.network.read(*inputs) if isinstance(self.network, ImagesToPose) else inputs
        codes: tuple[Tensor, ...] = self.lifter.encode(*read)
        return codes

    def lift(self, codes: tuple[Tensor, ...]) -> Tensor:
        """Poses of the last frames of windows, see `LiftingTask.lift`."""
        poses_cm: Tensor = self.lifter.lift(codes) if self.temporal is None else self.temporal(*codes)
        return poses_cm


def windows_of(inputs: Callable[[int], Mapping[str, Tensor]], frames: int) -> Callable[[int], Mapping[str, Tensor]]:
    """Makes inputs with an axis of a window's frames, from those of frames alone."""
    return lambda batch: {k: v.unflatten(0, (batch, frames)) for k, v in inputs(batch * frames).items()}


def images_to_pose(task: LiftingTask, checkpoint: Path) -> Export:
    """The whole network, from images to poses.

    Raises:
        EgotapError: if there are no estimators.
    """
    if isinstance(task.heatmaps, TrueHeatmaps):
        raise EgotapError(
            f"{checkpoint} was trained on true heatmaps (heatmaps=truth): it has no estimators and cannot read images; "
            "export its lifter alone with part=lifter"
        )
    return Export(ImagesToPose(task), image_inputs(task))


def images_tolerance(task: LiftingTask) -> float:
    """How far ONNX Runtime may be from PyTorch where a task's heatmaps are estimated; see `write_onnx`."""
    return ROUNDED_TOLERANCE if task.heatmaps.rounded else TOLERANCE


def lifter_to_pose(task: LiftingTask, checkpoint: Path) -> Export:
    """The lifter alone, from what it reads to poses."""
    return Export(task.lifter, inputs_of_lifter(task))


PARTS = {"all": images_to_pose, "lifter": lifter_to_pose}
"""Values of ``part``."""


def image_inputs(task: LiftingTask) -> Inputs:
    """Makes random inputs of `ImagesToPose`: images and, for a lifter that reads it, the true origin."""

    def make(batch: int) -> Mapping[str, Tensor]:
        images = random_images(task.heatmaps.image_px, batch)
        return images | (_random_origins(batch) if "origin_cm" in task.input_names else {})

    return make


def inputs_of_lifter(task: LiftingTask) -> Inputs:
    """Makes random inputs of a task's lifter, by the names that it gives them."""

    def make(batch: int) -> Mapping[str, Tensor]:
        values = random_heatmaps(task.heatmaps.heatmap_px, task.skeleton.num_heatmap_joints, batch)
        values |= _random_origins(batch)
        values["images"] = normalise_images(random_images(task.heatmaps.image_px, batch)["images"])
        return {name: values[name] for name in task.input_names}

    return make


def _random_origins(batch: int) -> dict[str, Tensor]:
    return {"origin_cm": torch.randn(batch, 2, 3) * 5 + torch.tensor([0.0, 0.0, 60.0])}


def random_images(image_px: int, batch: int) -> dict[str, Tensor]:
    """Random images, as `ImagesToPose` reads them, by the input's name."""
    return {"images": torch.randint(0, 256, (batch, 2, 3, image_px, image_px), dtype=torch.uint8)}


def random_heatmaps(heatmap_px: int, joints: int, batch: int) -> dict[str, Tensor]:
    """Random joint and limb heatmaps, as lifters read them, by the inputs' names.

    Args:
        heatmap_px: side of the heatmaps.
        joints: number of joints with heatmaps.
        batch: number of frames.
    """
    maps = (heatmap_px, heatmap_px)
    return {
        "joint_heatmaps": torch.rand(batch, 2, joints, *maps),
        "limb_heatmaps": 2 * torch.rand(batch, 2, joints, 2, *maps) - 1,
    }
