"""Tests a checkpoint on a split of prepared data."""

from __future__ import annotations

import json
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import quieten_lightning
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.source import Source
from egotap_pl.data.windows import ALONE, Window
from egotap_pl.engine.checkpoints.loading import About, load_task
from egotap_pl.engine.datasets import check_split
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.prediction.image_arrays import check_batch_size
from egotap_pl.engine.processes.launch import launch
from egotap_pl.engine.processes.together import together
from egotap_pl.engine.progress import StageProgress
from egotap_pl.engine.runs.finished import DONE
from egotap_pl.engine.runs.folders import ENTRY
from egotap_pl.engine.runs.results import Metrics, Provenance, run_test
from egotap_pl.tasks import LiftingTask, ReconstructionTask
from egotap_pl.tasks.heatmap_sources import TrueHeatmaps


@dataclass(frozen=True)
class TestJob:
    """A test, ready to be passed to its processes."""

    checkpoint: Path
    """The file."""

    split: str
    """``train``, ``validation`` or ``test``."""

    store: Path
    """Folder of the prepared data."""

    batch_size: int
    """Frames in a batch, over all devices."""

    devices: Devices
    """The devices that it runs on."""

    trust: tuple[str, ...]
    """Names of what the checkpoint may use besides the allowlist."""

    folder: Path
    """Folder for metrics.json and predictions.h5."""

    window: Window = ALONE
    """The frames that belong to each frame, as in training."""


def evaluate(
    checkpoint: Path,
    store: Path,
    split: str,
    *,
    devices: Devices,
    batch_size: int | None = None,
    trust: tuple[str, ...] = (),
    output: Path | None = None,
) -> Metrics:
    """Test a checkpoint.

    Args:
        checkpoint: the file.
        store: folder of the prepared data.
        split: ``train``, ``validation`` or ``test``.
        devices: the devices that it runs on.
        batch_size: frames in a batch, over all devices; None: as in training.
        trust: names of what the checkpoint may use besides the allowlist; see `egotap_pl.engine.checkpoints.allowlist`.
        output: folder for metrics.json and predictions.h5; None: nothing is written.

    Returns:
        The content of metrics.json.

    Raises:
        EgotapError: if the checkpoint cannot be loaded or does not fit the data, or the split, the batch size or a
            folder is wrong.
    """
    check_split(split)
    check_settings(batch_size, output)
    if store.is_file():
        raise EgotapError(f"store={store} is a file: must be the folder of the prepared data, store={store.parent}")
    _, about = load_task(checkpoint, trust)
    size = about.batch_size if batch_size is None else batch_size

    def run() -> Metrics:
        with tempfile.TemporaryDirectory() as scratch:
            folder = output or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            job = TestJob(checkpoint, split, store, size, devices, trust, folder, Window.parse(about.data))
            launch(test, job, devices.processes)
            metrics: Metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return metrics

    command = shlex.join(
        ["egotap", "evaluate", f"checkpoint={checkpoint}", f"trainer.devices={devices.devices}", "..."]
    )
    return together(run, devices.devices, devices.nodes, command)


def check_settings(batch_size: Any, output: Path | None) -> None:
    """Check what a test is run with, before its data are looked for.

    Args:
        batch_size: see `evaluate`.
        output: see `evaluate`.

    Raises:
        EgotapError: if the batch size is not a whole number, 1 or more, or the folder is a file, or that of a run
            or a stage.
    """
    if batch_size is not None:
        check_batch_size(batch_size)
    if output is not None and output.is_file():
        raise EgotapError(f"output={output} is a file: must be a folder, for metrics.json and predictions.h5")
    if output is not None and any((output / name).is_file() for name in (ENTRY, DONE)):
        raise EgotapError(
            f"output={output} is the folder of a run or a stage, whose own results would be replaced; give another, "
            f"e.g. output={output / 'evaluation'}"
        )


def test(job: TestJob) -> None:
    """Run a test. Called in each of its processes.

    Raises:
        EgotapError: if the checkpoint is for another skeleton, or for images of another size, than the data.
    """
    quieten_lightning()
    module = job.devices.data_module(job.store, job.batch_size, window=job.window)
    task, about = load_task(job.checkpoint, job.trust, module.categories, module.rig)
    check_data(job.checkpoint, task, about, module, f"the data in {job.store}")
    if isinstance(task, LiftingTask) and (mean_pose_cm := task.get_buffer("mean_pose_cm")).isnan().all():
        mean_pose_cm.copy_(module.mean_pose_cm)  # imported weights come without one
    job.devices.acceleration.apply(task, job.devices.torch_device)
    progress = StageProgress(job.checkpoint.name)
    trainer = job.devices.trainer(logger=False, callbacks=[progress], enable_checkpointing=False)
    run_test(trainer, task, module, job.split, Provenance(about, about.seed, 0.0), job.folder)


def check_data(checkpoint: Path, task: Any, about: About, data: FrameDataModule | Source[Any], place: str) -> None:
    """Check that a checkpoint can be tested on data.

    Args:
        checkpoint: the checkpoint.
        task: its task.
        about: its description of itself.
        data: prepared data, or a source of frames that need not be prepared yet.
        place: what the data are called in messages.

    Raises:
        EgotapError: if the checkpoint is for another skeleton, or for images of another size.
    """
    if data.skeleton != about.facts().skeleton:
        raise EgotapError(
            f"{checkpoint} is for the skeleton {about.skeleton['name']}, but {place} have the skeleton "
            f"{data.skeleton.name}: give data with the checkpoint's skeleton"
        )
    heatmaps = task.heatmaps if isinstance(task, (LiftingTask, ReconstructionTask)) else None
    if heatmaps is not None and not isinstance(heatmaps, TrueHeatmaps) and heatmaps.image_px != data.image_px:
        raise EgotapError(
            f"{checkpoint} is for images of {heatmaps.image_px} px, but {place} have images of {data.image_px} px: "
            f"give data of the checkpoint's size, e.g. data=NAME scale.image_px={heatmaps.image_px}"
        )
