"""A training as each of its processes runs it: fit a task, load its best epoch, test it, write the results."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, Timer
from lightning.pytorch.loggers import CSVLogger, Logger

from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import quieten_lightning, say
from egotap_pl.core.stopping import StopRequest, noted_signals
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.windows import ALONE, Window
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.files import BEST, FOLDER, LAST, EpochCheckpoint
from egotap_pl.engine.checkpoints.initial_weights import Start
from egotap_pl.engine.checkpoints.loading import About, WriteAbout, load_part, load_weights, read_checkpoint
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.devices.trainer_options import with_profiler
from egotap_pl.engine.loggers import log_results, make_service, wandb_closed
from egotap_pl.engine.progress import StageProgress
from egotap_pl.engine.resuming.history import History, describe_resumed
from egotap_pl.engine.resuming.interruptions import Interruptions, StepwiseLoop
from egotap_pl.engine.resuming.positions import Position
from egotap_pl.engine.runs.labels import Labels
from egotap_pl.engine.runs.results import Provenance, resumed_csv, run_test
from egotap_pl.engine.specs import SEEDS
from egotap_pl.engine.training_pictures import picture_maker
from egotap_pl.engine.training_specs import TrainingSpec
from egotap_pl.tasks.callbacks import Diverged, DivergenceGuard, HeatmapCollapse
from egotap_pl.tasks.monitor import AfterValidation, TrainingMonitor

SEED_STRIDE = 1000
"""Difference between the seeds of a run and of its restarts, so that runs with neighbouring seeds never share one."""
RETURN_STRIDE = 7919
"""Difference between the seeds of the order of frames before and after a return to a checkpoint; a prime, likewise."""
LOG_EVERY_STEPS = 10

Parts = Mapping[str, tuple[Path, str]]
"""Weights that a task starts with. The key is a module of the task (dotted); the value is a checkpoint and the prefix
of the weights in it."""


@dataclass(frozen=True)
class FitJob:
    """A training, ready to be passed to its processes."""

    title: str
    """Name of the training on the screen."""

    training: TrainingSpec
    """How the network is trained."""

    about: About
    """Its checkpoints' description of themselves."""

    folder: Path
    """Folder for ``checkpoints/``, ``metrics.csv``, ``metrics.json`` and ``predictions.h5``."""

    store: Path
    """Folder of the prepared data."""

    heatmaps: Path | None
    """Folder of the cached heatmaps of the training and validation splits, or None."""

    parts: Parts
    """Weights of the task's parts that other trainings have finished."""

    start: Start | None
    """A checkpoint whose weights the training starts from, or None."""

    devices: Devices
    """The devices that it runs on."""

    logger: Spec | None = None
    """Spec of an `egotap_pl.engine.loggers.LoggerService` besides metrics.csv, or None."""

    labels: Labels | None = None
    """Labels for the logger's dashboard; None without a logger."""

    window: Window = ALONE
    """The frames that belong to each frame."""

    @property
    def last(self) -> Path:
        """The checkpoint that an interrupted training resumes from."""
        return self.folder / FOLDER / LAST

    @property
    def best(self) -> Path:
        """The checkpoint of the best epoch."""
        return self.folder / FOLDER / BEST


def fit(job: FitJob) -> None:
    """Train, with another seed after a collapse, and test the best epoch. Called in each of the training's processes.

    Raises:
        EgotapError: if an estimator collapses with every seed that it may try.
        Diverged: if the training diverges more often than it may go back.
        Stopped: if SIGTERM or SIGUSR1 has ended it; its checkpoint is written.
        KeyboardInterrupt: likewise, by Ctrl-C.
    """
    quieten_lightning()
    restarts, history = job.training.restarts, History.read(job.folder)
    with noted_signals() as stop:
        while True:
            try:
                _fit_once(job, history, stop)
                return
            except HeatmapCollapse as collapse:
                left = restarts - history.restarts
                say(f"{job.title}: collapsed to all-zero heatmaps: {collapse}; {max(left, 0)} more seeds to try")
                shutil.rmtree(job.folder / FOLDER, ignore_errors=True)
                if left <= 0:
                    break
                history = history.restarted()
            except Diverged as error:
                if len(history.returns) >= job.devices.nan_retries:
                    raise
                to_step = read_checkpoint(job.last)["global_step"] if job.last.is_file() else 0
                history = history.returned(error.step, to_step)
                times = f"return {len(history.returns)} of {job.devices.nan_retries}"
                say(f"{error}\n{job.title}: going back to step {to_step}, with another order of frames ({times})")
            if os.environ.get("RANK", "0") == "0":
                history.write(job.folder)
    raise EgotapError(
        f"{job.title}: collapsed to all-zero heatmaps with {restarts + 1} seeds; try a smaller learning rate "
        "(task.optimizer.lr) or batch_size, or more restarts"
    )


def _fit_once(job: FitJob, history: History, stop: StopRequest) -> None:
    seed = (job.training.seed + SEED_STRIDE * history.restarts) % SEEDS
    L.seed_everything(seed, workers=True, verbose=False)
    augment = build(job.training.augment)
    order_seed = (seed + RETURN_STRIDE * len(history.returns)) % SEEDS
    module = job.devices.data_module(job.store, job.training.batch_size, order_seed, augment, job.heatmaps, job.window)
    task = make_task(job.training.task, facts_of(module), job.title)
    if not job.last.is_file() and job.start is None and hasattr(task, "initialise"):
        task.initialise()
    for name, (checkpoint, prefix) in job.parts.items():
        load_part(task.get_submodule(name), checkpoint, prefix)
    steps = 0
    if job.last.is_file():
        last = read_checkpoint(job.last)
        steps, position = last["global_step"], Position.of(last)
        where = position.describe() if position and position.batches else f"after epoch {last['epoch'] + 1}"
        often = describe_resumed(history.resumed)
        say(f"{job.title}: resuming {where}{often and f' (resumed {often})'}")
    elif job.start is not None:
        job.start.load(task)
    job.devices.acceleration.apply(task, job.devices.torch_device)
    guard = DivergenceGuard(job.title, LOG_EVERY_STEPS)
    interruptions = Interruptions(stop, job.last, job.devices.checkpoint_minutes, guard)
    with wandb_closed():
        others, watching = _loggers(job, history.restarts, seed, module)
        callbacks = [*watching, WriteAbout(job.about), guard, *_callbacks(job), interruptions]
        _train_and_test(job, seed, task, module, steps, others, callbacks, history)


def _loggers(job: FitJob, attempt: int, seed: int, module: FrameDataModule) -> tuple[list[Logger], list[Callback]]:
    """Loggers besides metrics.csv, and the callbacks that feed them."""
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
    callbacks: list[Callback],
    history: History,
) -> None:
    # Lightning leaves trainer.max_time aside where there is a timer already. All starts of the training count.
    timer = Timer(duration=job.devices.options.get("max_time"), interval="step")
    loggers: list[Logger] = [resumed_csv(CSVLogger(job.folder, name="", version=""), steps), *others]
    trainer = make_trainer(job, [*callbacks, timer], loggers)
    if job.training.epochs:
        try:
            trainer.fit(task, module, ckpt_path=str(job.last) if job.last.is_file() else None, weights_only=True)
        except MisconfigurationException as error:  # Lightning knows what a task logs after its first validation only
            raise EgotapError(f"{job.title}: monitor={job.training.monitor}: {error}") from error
        if not job.best.is_file():
            raise EgotapError(
                f"{job.title}: ended before its first validation, so there is no best epoch to test; validate more "
                "often (trainer.check_val_every_n_epoch), or train for longer"
            )
        load_weights(task, read_checkpoint(job.best)["state_dict"], str(job.best))
    # The test reads images, as `egotap evaluate` and every later use of the checkpoint does.
    test = job.devices.data_module(job.store, job.training.batch_size, window=job.window)
    provenance = Provenance(job.about, seed, float(timer.time_elapsed("train")), history)
    log_results(others, run_test(trainer, task, test, "test", provenance, job.folder))
    if not job.training.epochs:  # nothing to train: the checkpoint holds the network that was tested
        trainer.save_checkpoint(job.best)


def make_task(spec: Spec, facts: DataFacts, title: str) -> Any:
    """Build the configured task.

    Args:
        spec: spec of a factory of the task.
        facts: what the task may know about the data.
        title: name of the training, for messages.

    Raises:
        EgotapError: if its parts do not fit together, e.g. a class rejects a size.
    """
    try:
        return build(spec)(facts)
    except (TypeError, ValueError) as error:
        raise EgotapError(f"{title}: parts of the configuration do not fit together: {error}") from error


def facts_of(module: FrameDataModule) -> DataFacts:
    """What a task may know about the data."""
    store = module.store("train")
    return DataFacts(
        skeleton=module.skeleton,
        categories=tuple(module.categories),
        mean_pose_cm=module.mean_pose_cm,
        rig=module.rig,
        mean_origin_cm=store.mean_origin_cm(),
    )


def make_trainer(job: FitJob, callbacks: list[Callback], loggers: list[Logger]) -> L.Trainer:
    """Lightning's trainer for a job.

    Args:
        job: the training.
        callbacks: callbacks besides the progress bar.
        loggers: loggers that get every logged number.

    Raises:
        EgotapError: if Lightning refuses the configuration of the devices.
    """
    options = job.devices.options
    bar = [StageProgress(job.title)] if options.get("enable_progress_bar", True) else []
    settings = {
        "max_epochs": job.training.epochs,
        "gradient_clip_val": job.training.gradient_clip,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": LOG_EVERY_STEPS,
    }
    devices = replace(job.devices, options=with_profiler(options, job.folder))
    trainer = devices.trainer(callbacks=[*callbacks, *bar], logger=loggers, **settings)
    for interruptions in (callback for callback in callbacks if isinstance(callback, Interruptions)):
        trainer.fit_loop.epoch_loop = StepwiseLoop(trainer, interruptions)
    return trainer


def _callbacks(job: FitJob) -> list[Callback]:
    folder = job.folder / FOLDER
    best = EpochCheckpoint(folder, "best", job.training.monitor, mode="min", enable_version_counter=False)
    last = EpochCheckpoint(folder, "last", every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False)
    guard = job.training.guard
    # The last checkpoint is written after the best one: it stores the best one's bookkeeping, which must be current.
    return [*([build(guard)] if guard else []), best, last]
