"""What each process of a training does: fit a task, take its best epoch, test it, write what came out."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, Timer
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import quieten_lightning, say
from egotap_pl.data.datamodule import Augmentation, FrameDataModule
from egotap_pl.data.preparation.workers import usable_cpus
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoint_files import BEST, FOLDER, LAST, CheckpointFiles
from egotap_pl.engine.checkpoints import About, WriteAbout, load_part, load_weights, read_checkpoint
from egotap_pl.engine.labels import Labels
from egotap_pl.engine.launch import num_processes
from egotap_pl.engine.loggers import log_results, make_service, wandb_closed
from egotap_pl.engine.progress import StageProgress
from egotap_pl.engine.results import Provenance, resumed_csv, run_test
from egotap_pl.engine.training_pictures import picture_maker
from egotap_pl.tasks.callbacks import DivergenceGuard, HeatmapCollapse
from egotap_pl.tasks.monitor import AfterValidation, TrainingMonitor

SEED_STRIDE = 1000  # between the seeds of a run and of its restarts, so that neighbouring seeds do not meet
LOG_EVERY_STEPS = 10
NO_FOLDER = f"{os.devnull}/none"
"""Lightning's default folder: everything that it writes has a place of its own. In a job of SLURM it looks there for
``hpc_ckpt_*.ckpt`` and would load these in the place of the weights that are to be trained or tested."""


@dataclass(frozen=True)
class FitJob:
    """A training, ready to be handed to its processes.

    Args:
        title: what it is called on the screen.
        spec: what determines the result: ``task``, ``epochs``, ``batch_size``, ``gradient_clip``, ``monitor``,
            ``restarts``, ``guard``, ``augment``, ``precision``, ``seed``, ``data``.
        about: what its checkpoints say of themselves.
        folder: where ``checkpoints/``, ``metrics.csv``, ``metrics.json`` and ``predictions.h5`` go.
        store: folder of the prepared data.
        heatmaps: folder of kept heatmaps of the training and validation splits, or None.
        parts: module of the task (dotted) to (checkpoint, prefix) of the weights that it starts with.
        trainer: accelerator, devices, precision, workers.
        logger: spec of a `egotap_pl.engine.loggers.LoggerService` beside metrics.csv, or None.
        labels: what its dashboard sorts by; None where there is no logger.
    """

    title: str
    spec: dict[str, Any]
    about: About
    folder: Path
    store: Path
    heatmaps: Path | None
    parts: dict[str, tuple[Path, str]]
    trainer: dict[str, Any]
    logger: dict[str, Any] | None = None
    labels: Labels | None = None

    @property
    def last(self) -> Path:
        """The checkpoint from which an interrupted training goes on."""
        return self.folder / FOLDER / LAST

    @property
    def best(self) -> Path:
        """The checkpoint of the best epoch."""
        return self.folder / FOLDER / BEST


def fit(job: FitJob) -> None:
    """Train, with another seed after a collapse, and test the best epoch. Runs in every process of the training.

    Raises:
        EgotapError: if the training diverges, or an estimator collapses with every seed that the spec allows.
    """
    quieten_lightning()
    restarts = job.spec["restarts"]
    for attempt in range(restarts + 1):
        try:
            _fit_once(job, attempt)
            return
        except HeatmapCollapse as collapse:
            say(f"{job.title}: collapsed to all-zero maps: {collapse}; {restarts - attempt} more seeds to try")
            shutil.rmtree(job.folder / FOLDER, ignore_errors=True)
    raise EgotapError(
        f"{job.title}: collapsed to all-zero maps with {restarts + 1} seeds; try a smaller learning rate "
        "(task.optimizer.lr) or batch_size, or more restarts"
    )


def _fit_once(job: FitJob, attempt: int) -> None:
    seed = job.spec["seed"] + SEED_STRIDE * attempt
    L.seed_everything(seed, workers=True, verbose=False)
    augment = build(job.spec["augment"])
    module = data_module(job.store, job.spec["batch_size"], job.trainer, seed, augment, job.heatmaps)
    task = make_task(job.spec["task"], facts_of(module), job.title)
    for name, (checkpoint, prefix) in job.parts.items():
        load_part(task.get_submodule(name), checkpoint, prefix)
    steps = 0
    if job.last.is_file():
        last = read_checkpoint(job.last)
        steps = last["global_step"]
        say(f"{job.title}: goes on after epoch {last['epoch'] + 1}")
    elif hasattr(task, "initialise"):
        task.initialise()
    with wandb_closed():
        others, watching = _loggers(job, attempt, seed, module)
        _train_and_test(job, seed, task, module, steps, others, watching)


def _loggers(job: FitJob, attempt: int, seed: int, module: FrameDataModule) -> tuple[list[Logger], list[Callback]]:
    """Loggers beside metrics.csv, and the callbacks that feed them."""
    if job.logger is None or job.labels is None:
        return [], []
    service = make_service(job.logger)
    loggers = [service.open(job.labels.restarted(attempt, seed), job.folder)]
    show = picture_maker(module, service.frames, loggers)
    return loggers, [TrainingMonitor(loggers, LOG_EVERY_STEPS), AfterValidation(show, service.every_epochs)]


def _train_and_test(
    job: FitJob,
    seed: int,
    task: Any,
    module: FrameDataModule,
    steps: int,
    others: list[Logger],
    watching: list[Callback],
) -> None:
    timer = Timer()
    loggers: list[Logger] = [resumed_csv(CSVLogger(job.folder, name="", version=""), steps), *others]
    trainer = make_trainer(job, [*watching, *_callbacks(job), timer], loggers)
    if job.spec["epochs"]:
        with interruptible(trainer):
            trainer.fit(task, module, ckpt_path=str(job.last) if steps else None, weights_only=True)
        load_weights(task, read_checkpoint(job.best)["state_dict"], str(job.best))
    # Tested from the images on, as `egotap evaluate` and every later use of the checkpoint does.
    test = data_module(job.store, job.spec["batch_size"], job.trainer)
    provenance = Provenance(job.about, seed, timer.time_elapsed("train"))
    log_results(others, run_test(trainer, task, test, "test", provenance, job.folder))
    if not job.spec["epochs"]:  # nothing was to be trained; the checkpoint is what was tested
        trainer.save_checkpoint(job.best)


def make_task(spec: dict[str, Any], facts: DataFacts, title: str) -> Any:
    """The configured task.

    Raises:
        EgotapError: if its parts do not fit together: what a class says to a number that it cannot work with.
    """
    try:
        return build(spec)(facts)
    except (TypeError, ValueError) as error:
        raise EgotapError(f"{title}: the configuration does not fit together: {error}") from error


@contextmanager
def interruptible(trainer: L.Trainer) -> Iterator[None]:
    """Ctrl-C stays a KeyboardInterrupt: Lightning saves what it has to, then ends the process with status 1."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)  # Lightning leaves it ignored
        raise KeyboardInterrupt from error


def facts_of(module: FrameDataModule) -> DataFacts:
    """What a task may know of the data."""
    return DataFacts(module.skeleton, tuple(module.categories), module.mean_pose_cm)


def data_module(
    store: Path,
    batch_size: int,
    trainer: dict[str, Any],
    seed: int = 0,
    augment: Augmentation | None = None,
    heatmaps: Path | None = None,
) -> FrameDataModule:
    """The data module of one of the training's processes; ``batch_size`` is that of all of them together."""
    processes = num_processes(trainer)
    if batch_size % processes:
        raise EgotapError(f"batch_size={batch_size} cannot be shared by {processes} devices: choose a multiple")
    return FrameDataModule(
        store,
        batch_size=batch_size // processes,
        workers=max(min(trainer["workers"], usable_cpus() // processes - 1), 0),  # a processor for the training itself
        seed=seed,
        augment=augment,
        heatmaps=heatmaps,
    )


def make_trainer(job: FitJob, callbacks: list[Callback], loggers: list[Logger]) -> L.Trainer:
    """Lightning's trainer for a job."""
    spec = job.spec
    return new_trainer(
        job.trainer,
        max_epochs=spec["epochs"],
        gradient_clip_val=spec["gradient_clip"],
        callbacks=[*callbacks, StageProgress(job.title)],
        logger=loggers,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=LOG_EVERY_STEPS,
    )


def new_trainer(trainer: dict[str, Any], **arguments: Any) -> L.Trainer:
    """Lightning's trainer on the configured devices.

    Raises:
        EgotapError: if it does not take what the configuration says, e.g. of precision.
    """
    try:
        return L.Trainer(**device_arguments(trainer), default_root_dir=NO_FOLDER, **arguments)
    except (ValueError, MisconfigurationException) as error:
        raise EgotapError(f"trainer: {error}") from error


def device_arguments(trainer: dict[str, Any]) -> dict[str, Any]:
    """Trainer arguments of every training and every test. Samplers are the data module's own.

    `egotap_pl.engine.launch` has started the processes. Left to itself, Lightning would take their number and ranks
    from the variables of SLURM inside one of its jobs, write checkpoints there at SIGUSR1, and requeue the job.
    """
    processes = num_processes(trainer)
    return {
        "accelerator": trainer["accelerator"],
        "devices": processes,
        "strategy": "ddp" if processes > 1 else "auto",
        "precision": trainer["precision"],
        "use_distributed_sampler": False,
        "plugins": [TorchElasticEnvironment() if processes > 1 else LightningEnvironment(), CheckpointFiles()],
    }


def _callbacks(job: FitJob) -> list[Callback]:
    folder = job.folder / FOLDER
    best = ModelCheckpoint(folder, "best", job.spec["monitor"], mode="min", enable_version_counter=False)
    last = ModelCheckpoint(folder, "last", every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False)
    guard = job.spec["guard"]
    # The last checkpoint is written last, so that it never is ahead of the best one's bookkeeping.
    guards = [DivergenceGuard(job.title, LOG_EVERY_STEPS), *([build(guard)] if guard else [])]
    return [WriteAbout(job.about), *guards, best, last]
