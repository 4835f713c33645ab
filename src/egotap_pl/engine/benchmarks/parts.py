"""The networks of a lifting task, each with inputs to measure it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor, nn

from egotap_pl.engine.benchmarks.frame_cost import whole_windows
from egotap_pl.engine.exporting import (
    ImagesToPose,
    WindowToPose,
    image_inputs,
    images_tolerance,
    inputs_of_lifter,
    random_images,
    windows_of,
)
from egotap_pl.interop.onnx import TOLERANCE, Inputs
from egotap_pl.nn.frozen import Frozen
from egotap_pl.nn.images import normalise_images
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.heatmap_sources import EstimatedHeatmaps, SharedHeatmaps, TrueHeatmaps


@dataclass(frozen=True)
class Part:
    """A network of its own."""

    name: str
    """``joint estimator``, ``limb estimator``, ``shared estimator``, ``lifter``, ``lifter, windows of 5`` (of as many
    frames as they have) or ``images to pose``."""

    network: nn.Module
    """The network, in evaluation mode."""

    inputs: Inputs
    """Makes its inputs by name, on the CPU."""

    is_trained: bool = True
    """Whether it is trained by itself, so that a training step is measured, too."""

    tolerance: float = TOLERANCE
    """How far ONNX Runtime may be from PyTorch; see `egotap_pl.interop.onnx.write_onnx`."""


class NextFrame(WindowToPose):
    """The next frame of a recording, for a lifter that reads earlier frames: it is encoded once, its window lifted."""

    def forward(
        self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None, fourth: Tensor | None = None
    ) -> Tensor:
        """Poses of the estimated joints, from the network's inputs for single frames."""
        codes = self.encode(*(value for value in (first, second, third, fourth) if value is not None))
        return self.lift(whole_windows(codes, self.frames))


def parts_of(task: LiftingTask, window_frames: int = 1) -> list[Part]:
    """The networks of a lifting task, with its estimators if it has them.

    A lifter that reads earlier frames appears twice: as it goes on with the next frame of a recording, which its name
    alone stands for, and as it is trained, on whole windows.

    Args:
        task: the task.
        window_frames: number of frames in a window.
    """
    source = task.heatmaps
    images = partial(random_images, source.image_px)
    parts = []
    if isinstance(source, (EstimatedHeatmaps, SharedHeatmaps)):
        for kind, estimator in source.named_children():
            assert isinstance(estimator, Frozen)
            parts.append(Part(f"{kind} estimator", estimator.module, partial(_floats, images)))
    inputs = inputs_of_lifter(task)
    if task.reads_past:
        windows = WindowToPose(task.lifter, task, window_frames)
        parts.append(Part("lifter", NextFrame(task.lifter, task, window_frames), inputs, is_trained=False))
        parts.append(Part(f"lifter, windows of {window_frames}", windows, windows_of(inputs, window_frames)))
    else:
        parts.append(Part("lifter", task.lifter, inputs))
    if not isinstance(source, TrueHeatmaps):
        whole: nn.Module = ImagesToPose(task)
        if task.reads_past:
            whole = NextFrame(whole, task, window_frames)
        parts.append(Part("images to pose", whole, image_inputs(task), False, images_tolerance(task)))
    return [replace(part, network=part.network.eval()) for part in parts]


def _floats(images: Inputs, size: int) -> Mapping[str, Tensor]:
    """Images as estimators read them."""
    return {name: normalise_images(value) for name, value in images(size).items()}
