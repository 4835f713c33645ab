"""The network of a checkpoint as an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.data.recordings.frames import unlabelled
from egotap_pl.engine.prediction import load_lifting_task, origin_of
from egotap_pl.interop.onnx import CHECKED_BATCHES, check_packages, write_onnx
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.heatmap_sources import TrueHeatmaps

OUTPUT = "pose_cm"


class Export(NamedTuple):
    """What an ONNX file is made from."""

    network: nn.Module
    """Gives poses in cm."""

    inputs: Callable[[int], Mapping[str, Tensor]]
    """Random inputs, by name, for a batch size."""


def export(checkpoint: Path, output: Path, part: str = "all", trust: tuple[str, ...] = ()) -> list[str]:
    """Write a checkpoint's network as an ONNX file and compare it with PyTorch, if ONNX Runtime is installed.

    Args:
        checkpoint: the file.
        output: the file to write, .onnx.
        part: ``all``: from images to poses; ``lifter``: from heatmaps to poses.
        trust: what the checkpoint may name besides the classes of this package.

    Returns:
        Names of the network's inputs.

    Raises:
        EgotapError: if the file cannot be written, ONNX is not installed, or the network has no such part.
    """
    if output.suffix.lower() != ".onnx" or output.is_dir():
        raise EgotapError(f"output={output}: name a file that ends in .onnx")
    if part not in PARTS:
        raise EgotapError(f"part={part}: must be one of: {', '.join(PARTS)}")
    check_packages()
    task, about = load_lifting_task(checkpoint, trust)
    network, inputs = PARTS[part](task, checkpoint)
    attributes = origin_of(checkpoint, about).attributes()
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes.items()}
    say(f"{checkpoint}: exporting, which takes a while")
    difference = write_onnx(network, inputs, OUTPUT, output, metadata)
    if difference is None:
        say("not checked: onnxruntime is not installed (pip install 'egotap-pl[onnx]')")
    else:
        sizes = ", ".join(map(str, CHECKED_BATCHES))
        say(f"checked on random batches of {sizes}: ONNX Runtime differs by {difference:.1g} of the largest output")
    return list(inputs(1))


class ImagesToPose(nn.Module):
    """From RGB bytes to poses in cm, normalisation and estimators included."""

    def __init__(self, task: LiftingTask) -> None:
        super().__init__()
        self.heatmaps, self.lifter = task.heatmaps, task.lifter
        self.num_joints = task.skeleton.num_joints

    def forward(self, images: Tensor) -> Tensor:
        """Poses of the estimated joints."""
        return self.lifter(*self.heatmaps(unlabelled(images, self.num_joints, 0)))


def whole(task: LiftingTask, checkpoint: Path) -> Export:
    """From images to poses.

    Raises:
        EgotapError: if there are no estimators.
    """
    if isinstance(task.heatmaps, TrueHeatmaps):
        raise EgotapError(
            f"{checkpoint} was trained on heatmaps drawn from the truth (heatmaps=truth): it has no estimators and "
            "cannot see images; its lifter alone is exported by part=lifter"
        )
    return Export(ImagesToPose(task), partial(_images, task.heatmaps.image_px))


def lifter(task: LiftingTask, checkpoint: Path) -> Export:
    """From heatmaps to poses."""
    return Export(task.lifter, partial(_heatmaps, task.heatmaps.heatmap_px, task.skeleton.num_heatmap_joints))


PARTS = {"all": whole, "lifter": lifter}


def _images(image_px: int, batch: int) -> dict[str, Tensor]:
    return {"images": torch.randint(0, 256, (batch, 2, 3, image_px, image_px), dtype=torch.uint8)}


def _heatmaps(heatmap_px: int, joints: int, batch: int) -> dict[str, Tensor]:
    maps = (heatmap_px, heatmap_px)
    return {
        "joint_heatmaps": torch.rand(batch, 2, joints, *maps),
        "limb_heatmaps": 2 * torch.rand(batch, 2, joints, 2, *maps) - 1,
    }
