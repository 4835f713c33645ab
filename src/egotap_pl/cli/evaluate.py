"""`egotap evaluate`: metrics of a checkpoint on a split."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from egotap_pl.cli.composing import application, plain
from egotap_pl.cli.error_tables import error_table
from egotap_pl.cli.recorded_data import recorded_data
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT, quieten_lightning
from egotap_pl.engine.allowlist import entries
from egotap_pl.engine.checkpoints import About, load_task
from egotap_pl.engine.datasets import ensure_data
from egotap_pl.engine.fit import data_module, new_trainer
from egotap_pl.engine.launch import launch, num_processes
from egotap_pl.engine.progress import StageProgress
from egotap_pl.engine.results import Provenance, run_test
from egotap_pl.tasks import LiftingTask, ReconstructionTask
from egotap_pl.tasks.heatmap_sources import HeatmapSource, TrueHeatmaps


@dataclass(frozen=True)
class TestJob:
    """A test, ready to be handed to its processes; ``folder`` gets metrics.json and predictions.h5."""

    checkpoint: Path
    split: str
    store: Path
    batch_size: int
    trainer: dict[str, Any]
    trust: tuple[str, ...]
    folder: Path


@application("evaluate")
def main(config: DictConfig) -> None:
    """Test the given checkpoint and print what it reaches."""
    settings = plain(config)
    checkpoint = Path(settings["checkpoint"])
    _, about = load_task(checkpoint, entries(settings["trust"]))
    store = _store(settings, about, checkpoint)
    trainer = settings["trainer"] | ({} if settings["workers"] is None else {"workers": settings["workers"]})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(settings["output"] or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        job = TestJob(
            checkpoint,
            settings["split"],
            store,
            settings["batch_size"] or about.batch_size,
            trainer,
            entries(settings["trust"]),
            folder,
        )
        launch(test, job, num_processes(trainer))
        _show(folder, f"{checkpoint}, {settings['split']} split of {store}")
        if settings["output"] is not None:
            RESULT.print(f"metrics and predictions  {folder}", soft_wrap=True)


def _store(settings: dict[str, Any], about: About, checkpoint: Path) -> Path:
    """The folder of the data: what the command line says, or else those that the checkpoint was trained on.

    Raises:
        EgotapError: if the command line says both, or the data are neither there nor can be prepared.
    """
    has_data = "source" in settings["data"]
    if settings["store"] is not None and has_data:
        raise EgotapError("store=DIR and data=NAME both say what the checkpoint is tested on: give one of them")
    if settings["store"] is not None:
        return Path(settings["store"])
    root = Path(settings["paths"]["data"])
    return ensure_data(settings["data"], root)[0] if has_data else recorded_data(about, root, checkpoint)


def test(job: TestJob) -> None:
    """Test in one of the processes."""
    quieten_lightning()
    module = data_module(job.store, job.batch_size, job.trainer)
    task, about = load_task(job.checkpoint, job.trust, module.categories)
    if module.skeleton != about.facts().skeleton:
        raise EgotapError(f"{job.checkpoint} is for the skeleton {about.skeleton['name']}, {job.store} has another")
    if isinstance(task, (LiftingTask, ReconstructionTask)):
        _check_image_size(task.heatmaps, module.image_px, job)
    if isinstance(task, LiftingTask) and (mean_pose_cm := task.get_buffer("mean_pose_cm")).isnan().all():
        mean_pose_cm.copy_(module.mean_pose_cm)  # imported weights: nobody published it
    progress = StageProgress(job.checkpoint.name)
    trainer = new_trainer(job.trainer, logger=False, callbacks=[progress], enable_checkpointing=False)
    run_test(trainer, task, module, job.split, Provenance(about, about.seed, 0.0), job.folder)


def _check_image_size(heatmaps: HeatmapSource, image_px: int, job: TestJob) -> None:
    if not isinstance(heatmaps, TrueHeatmaps) and heatmaps.image_px != image_px:
        raise EgotapError(
            f"{job.checkpoint} is for images of {heatmaps.image_px} px, and {job.store} has images of {image_px} px: "
            "give data of that size, e.g. data=NAME scale.image_px=" + str(heatmaps.image_px)
        )


def _show(folder: Path, title: str) -> None:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    RESULT.print(error_table(title, metrics))
