"""`egotap predict`: poses for stereo images, videos or a frame store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig
from torch import Tensor

import egotap_pl
from egotap_pl.cli.composing import application, plain
from egotap_pl.cli.mistakes import fail
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS, RESULT, quieten_lightning, say
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.recordings.frames import StereoBatch, StereoInput, StoreFrames, ahead
from egotap_pl.data.recordings.inputs import open_input
from egotap_pl.engine.allowlist import entries
from egotap_pl.engine.checkpoints import About, load_task
from egotap_pl.engine.input_pictures import Album
from egotap_pl.engine.launch import num_processes
from egotap_pl.engine.pose_files import PoseOrigin, check_output, written_poses
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.heatmap_sources import TrueHeatmaps


@application("predict")
def main(config: DictConfig) -> None:
    """Estimate poses for the given input."""
    quieten_lightning()
    settings = plain(config)
    checkpoint, output = Path(settings["checkpoint"]), Path(settings["output"])
    check_output(output)
    _check_numbers(settings)
    given = settings["input"]
    paths = [Path(str(path)) for path in (given if isinstance(given, list) else [given])]
    trainer = settings["trainer"] | ({} if settings["workers"] is None else {"workers": settings["workers"]})
    fabric = make_fabric(trainer)
    task, about = load_lifting_task(checkpoint, entries(settings["trust"]))
    frames = open_input(
        paths, settings["split"], task.skeleton, task.heatmaps.image_px, trainer["workers"], settings["frames"]
    )
    check_source(task, frames, checkpoint)
    album = Album(task, frames, settings["pictures"])
    told, count = ", ".join(map(str, paths)), 0
    try:
        with written_poses(output, origin_of(checkpoint, about), told) as writer:
            for stereo, pose_cm in estimated(task, frames, fabric, settings["batch_size"] or about.batch_size):
                writer.append(pose_cm.numpy(), stereo.batch.frame.tolist(), stereo.name, stereo.time_s)
                album.add(stereo, pose_cm)
                count += len(pose_cm)
            if not count:
                raise EgotapError(f"{told}: no frames")
    except KeyboardInterrupt:
        fail(f"interrupted after {count} frames; {output} was not written", 130)
    RESULT.print(f"poses of {count} frames  {output}", soft_wrap=True)
    if album.kept:
        album.write(output.with_suffix(".png"))
        RESULT.print(f"pictures of some  {output.with_suffix('.png')}", soft_wrap=True)


def load_lifting_task(checkpoint: Path, trust: Sequence[str]) -> tuple[LiftingTask, About]:
    """The task of a checkpoint that gives poses.

    Raises:
        EgotapError: as `load_task`, or if it gives heatmaps.
    """
    task, about = load_task(checkpoint, trust)
    if not isinstance(task, LiftingTask):
        raise EgotapError(
            f"{checkpoint} is a {type(task).__name__}: it gives heatmaps, not poses; take the checkpoint of a lifter's "
            "run, which holds its estimators, too: runs/.../checkpoints/best.ckpt"
        )
    return task.eval(), about


def check_source(task: LiftingTask, frames: StereoInput, checkpoint: Path) -> None:
    """Make sure that a task can do with what it will see.

    Raises:
        EgotapError: if it needs the truth and there is none.
    """
    if not isinstance(task.heatmaps, TrueHeatmaps):
        return
    if not isinstance(frames, StoreFrames):
        raise EgotapError(
            f"{checkpoint} was trained on heatmaps drawn from the truth (heatmaps=truth): it has no estimators and "
            "cannot see images; take a checkpoint that was trained with heatmaps=estimated"
        )
    say(f"{checkpoint} has no estimators: its heatmaps are drawn from the store's true poses")


def estimated(
    task: LiftingTask, frames: StereoInput, fabric: L.Fabric, batch_size: int
) -> Iterator[tuple[StereoBatch, Tensor]]:
    """Batches and their poses in cm, on the host, while progress is shown.

    Raises:
        EgotapError: if a pose is not finite: the task needed something that the input does not have.
    """
    model = fabric.setup_module(task)
    model.eval()
    with FrameProgress("poses", frames.frames, PROGRESS) as progress, torch.inference_mode():
        for stereo in ahead(frames.batches(batch_size)):
            pose_cm = model(fabric.to_device(stereo.batch)).float().cpu()
            if not pose_cm.isfinite().all():
                first = int((~pose_cm.isfinite()).flatten(1).any(1).nonzero()[0])
                raise EgotapError(f"the pose of frame {int(stereo.batch.frame[first])} is not a number: is it damaged?")
            yield stereo, pose_cm
            progress.advance(len(pose_cm))


def make_fabric(trainer: dict[str, Any]) -> L.Fabric:
    """The configured device.

    Raises:
        EgotapError: if there is no such device or precision, or more than one is asked for.
    """
    if num_processes(trainer) != 1:
        raise EgotapError(
            f"trainer.devices={trainer['devices']}: egotap predict works on one device; shares of the "
            "input can be given to several commands"
        )
    try:
        return L.Fabric(accelerator=trainer["accelerator"], devices=1, precision=trainer["precision"])
    except (ValueError, MisconfigurationException) as error:
        raise EgotapError(f"trainer: {error}") from error


def origin_of(checkpoint: Path, about: About) -> PoseOrigin:
    """What is written beside the poses of a checkpoint."""
    with checkpoint.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return PoseOrigin(
        skeleton=about.facts().skeleton,
        checkpoint=checkpoint.name,
        checkpoint_sha256=digest.hexdigest(),
        experiment=about.experiment,
        dataset=str(about.data["name"]),
        egotap_version=egotap_pl.__version__,
    )


def _check_numbers(settings: dict[str, Any]) -> None:
    for key, least in {"frames": 1, "batch_size": 1, "pictures": 0}.items():
        value = settings[key]
        if value is None and least:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise EgotapError(f"{key}={value}: give a number of {least} or more")
