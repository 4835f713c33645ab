"""Ends a training between two steps when a signal asks for it, and writes checkpoints within epochs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from egotap_pl.core.stopping import Stopped, StopRequest
from egotap_pl.engine.resuming.positions import KEY, Position, random_state, set_random_state
from egotap_pl.tasks.callbacks import DivergenceGuard


class Interruptions(Callback):
    """Writes a checkpoint and ends the training when a signal has been noted; writes checkpoints every few minutes.

    In a distributed run, the processes agree on it after every step, by a collective on the CPU that does not wait for
    a device. A checkpoint within an epoch holds a `Position`, with which a training goes on to the same weights.

    Args:
        stop: the signals that this process has got.
        path: the checkpoint.
        minutes: time between two checkpoints; 0: none are written within an epoch, unless a signal ends it.
        guard: makes sure that what is written is finite.

    Raises:
        Stopped: out of ``trainer.fit`` and ``trainer.test``.
    """

    def __init__(self, stop: StopRequest, path: Path, minutes: int | float, guard: DivergenceGuard) -> None:
        self.stop, self.path, self.minutes, self.guard = stop, path, minutes, guard
        self.validation_is_due = False
        """Whether the training was resumed between a step and the validation that follows it."""
        self._resumed: Position | None = None
        self._within: tuple[int, bool] | None = None
        self._written_at = 0.0
        self._group: Any = None

    def on_load_checkpoint(self, trainer: L.Trainer, task: L.LightningModule, checkpoint: Mapping[str, Any]) -> None:
        """Reads the position, and lets the data module go on there."""
        epoch = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        position = self._resumed = Position.of(checkpoint)
        batches, augmentation = 0, None
        if position is not None and position.batches:
            batches, self.validation_is_due = position.batches, position.validation_is_due
            if len(position.random) == trainer.world_size:
                augmentation = position.random[trainer.global_rank]["augmentation"]
        trainer.datamodule.go_on(epoch, batches, augmentation)  # type: ignore[attr-defined]

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Restores the random numbers. With another number of processes there is nothing to restore for each."""
        self._written_at = time.monotonic()
        self._join(trainer)
        if self._resumed is not None and len(self._resumed.random) == trainer.world_size:
            set_random_state(self._resumed.random[trainer.global_rank], task.device)
        self._end_if_asked(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Ends a training that was asked to while an epoch's last checkpoints were written."""
        self._end_if_asked(trainer)

    def after_step(self, trainer: L.Trainer, validation_is_due: bool) -> None:
        """Writes a checkpoint if it is time, or if a signal ends the training.

        Args:
            trainer: the trainer, between two steps.
            validation_is_due: whether a validation comes before the next step.
        """
        number, is_time = self._agreed(trainer)
        loop = trainer.fit_loop.epoch_loop
        if not (number or is_time) or loop._should_accumulate():  # gradients are in no checkpoint
            return
        self._write(trainer, validation_is_due)
        if number:
            raise Stopped(number)

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Ends the training with a checkpoint from which it goes on with the whole validation.

        While gradients are being summed, the validation is finished, and the training ends when they have been used.
        """
        number, _is_time = self._agreed(trainer)
        if number and not trainer.fit_loop.epoch_loop._should_accumulate():
            if not trainer.sanity_checking:
                self._write(trainer, validation_is_due=True)
            raise Stopped(number)

    def on_test_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Ends a training that is complete before its test."""
        self._join(trainer)
        self._end_if_asked(trainer)

    def on_test_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Ends a test, which begins anew."""
        self._end_if_asked(trainer)

    def on_save_checkpoint(self, trainer: L.Trainer, task: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the position."""
        self._written_at = time.monotonic()
        batches, validation_is_due = self._within or (0, False)
        module = trainer.datamodule  # type: ignore[attr-defined]
        augmentation = module.augmentation_state(trainer.current_epoch) if batches and module is not None else None
        own = random_state(task.device, augmentation)
        states: list[Any] = [own]
        if trainer.world_size > 1:
            states = [None] * trainer.world_size
            dist.all_gather_object(states, own, group=self._group)
        checkpoint[KEY] = Position(trainer.current_epoch, batches, validation_is_due, states).to_dict()

    def _write(self, trainer: L.Trainer, validation_is_due: bool) -> None:
        """Write a checkpoint of finite weights. The log's rows are written first, since they are not repeated."""
        if trainer.overfit_batches:  # type: ignore[attr-defined]  # the data have Lightning's sampler, which always begins with the first batch
            return
        task = trainer.lightning_module
        self.guard.read_losses(trainer, task)
        finite = all(bool(parameter.isfinite().all()) for parameter in task.parameters())
        if not trainer.strategy.reduce_boolean_decision(finite, all=True):
            return  # the next loss says so
        for logger in trainer.loggers:
            logger.save()
        self._within = trainer.fit_loop.epoch_loop.batch_progress.current.ready, validation_is_due
        try:
            trainer.save_checkpoint(self.path)
        finally:
            self._within = None

    def _end_if_asked(self, trainer: L.Trainer) -> None:
        number, _ = self._agreed(trainer)
        if number:
            raise Stopped(number)

    def _agreed(self, trainer: L.Trainer) -> tuple[int, bool]:
        """The signal that ends the training, 0 for none, and whether a checkpoint is due: the same in all processes."""
        is_time = bool(self.minutes) and time.monotonic() - self._written_at >= 60 * self.minutes
        number = self.stop.number
        if trainer.world_size > 1:
            both = torch.tensor([number, int(is_time)])
            dist.all_reduce(both, dist.ReduceOp.MAX, group=self._group)
            number, is_time = int(both[0]), bool(both[1])
        return number, is_time

    def _join(self, trainer: L.Trainer) -> None:
        if trainer.world_size > 1 and self._group is None:
            self._group = dist.new_group(backend="gloo")


class StepwiseLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, which can be left and resumed between any two steps.

    Lightning's callbacks are called before a step's numbers are logged, and never between a step and its validation.

    Args:
        trainer: the trainer whose loop this becomes.
        interruptions: called after every step.
    """

    def __init__(self, trainer: L.Trainer, interruptions: Interruptions) -> None:
        before = trainer.fit_loop.epoch_loop
        super().__init__(trainer, before.min_steps, before.max_steps)
        self.interruptions = interruptions

    def advance(self, data_fetcher: _DataFetcher) -> None:
        """Trains on a batch, unless the training was resumed before a validation, which then comes first."""
        if self.interruptions.validation_is_due:
            self.interruptions.validation_is_due = False
            self.val_loop.restarting = False
            return
        super().advance(data_fetcher)

    def on_advance_end(self, data_fetcher: _DataFetcher) -> None:
        """Validates if it is time. The last step of an epoch without validation is followed by its checkpoint."""
        is_due = self._should_check_val_fx(data_fetcher)
        if is_due:
            self.interruptions.after_step(self.trainer, validation_is_due=True)
        super().on_advance_end(data_fetcher)
        if not is_due and not self._num_ready_batches_reached():
            self.interruptions.after_step(self.trainer, validation_is_due=False)

    def _broadcast_sigterm_tensor(self) -> None:
        """Nothing: the processes agree on signals in `Interruptions`, without waiting for a device."""


class NoSignals(_SignalConnector):
    """Lets a trainer handle no signals.

    Lightning's handler of SIGTERM calls a collective wherever the process is. In a SLURM job, its handler of SIGUSR1
    writes checkpoints elsewhere and requeues the job.
    """

    def register_signal_handlers(self) -> None:
        """Set no handlers."""
        self.received_sigterm = False
