"""Values for dashboards, in addition to those that a task logs into metrics.csv."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import Logger

from egotap_pl.metrics import PoseMetrics

MIB = 2**20


class TrainingMonitor(L.Callback):
    """Logs learning rate, throughput and GPU memory, and errors per joint and category after each validation.

    Keys: ``speed/learning_rate`` (the step size: see `step_size`), ``speed/frames_per_s`` (training frames of all
    processes; time spent in validation does not count), ``speed/gpu_memory_mib`` (peak memory of the first process's
    tensors so far), ``validation_per_joint/<name>`` and ``validation_per_category/<name>`` (MPJPE, mm), and
    ``validation_per_category_pa/<name>`` (PA-MPJPE, mm).

    Args:
        loggers: the loggers to write to. metrics.csv is not one of them: times differ between runs of the same
            configuration.
        every_steps: number of steps between two logs; the end of an epoch is always logged.
    """

    def __init__(self, loggers: Sequence[Logger], every_steps: int) -> None:
        self.loggers, self.every_steps = loggers, every_steps
        self._frames, self._since, self._step = 0, 0.0, 0

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Starts the count, since a training that resumes within an epoch does not begin one."""
        self._step = trainer.global_step
        self._restart()

    def on_train_epoch_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Restarts the count, since validation lies between two epochs."""
        self._restart()

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts frames and logs at the interval."""
        self._frames += len(batch.frame) * trainer.world_size
        before, self._step = self._step, trainer.global_step  # the same while gradients are being summed
        if (self._step == before or self._step % self.every_steps) and not trainer.is_last_batch:
            return
        seconds = time.perf_counter() - self._since
        values = {"learning_rate": step_size(trainer.optimizers[0]), "frames_per_s": self._frames / max(seconds, 1e-9)}
        if task.device.type == "cuda":
            values["gpu_memory_mib"] = torch.cuda.max_memory_allocated(task.device) / MIB
        self._log(trainer, {f"speed/{name}": value for name, value in values.items()})
        self._restart()

    def on_validation_epoch_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Logs the errors of a task that estimates poses, before the task computes and resets its metric."""
        metric = getattr(task, "validation_error", None)
        if trainer.sanity_checking or not isinstance(metric, PoseMetrics):
            return
        self._log(trainer, error_rows("validation", metric.compute()))

    def _restart(self) -> None:
        self._frames, self._since = 0, time.perf_counter()

    def _log(self, trainer: L.Trainer, values: Mapping[str, float]) -> None:
        if trainer.is_global_zero:
            for logger in self.loggers:
                logger.log_metrics(dict(values), step=last_step(trainer))


class AfterValidation(L.Callback):
    """Calls a function after validation, in the first process.

    Args:
        show: called without gradients with the task, in evaluation mode, and the number of the last training step.
        every_epochs: number of epochs between two calls, or the next validation after these; it is always called after
            the last validation.
    """

    def __init__(self, show: Callable[[L.LightningModule, int], None], every_epochs: int) -> None:
        self.show, self.every_epochs = show, every_epochs

    def on_validation_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Calls the function if it is due; the task is still in evaluation mode."""
        epoch, apart = trainer.current_epoch + 1, trainer.check_val_every_n_epoch or 1
        due = epoch % self.every_epochs < apart or epoch + apart > (trainer.max_epochs or 0)
        if due and trainer.is_global_zero and not trainer.sanity_checking:
            with torch.inference_mode():
                self.show(task, last_step(trainer))


def last_step(trainer: L.Trainer) -> int:
    """The number of the last training step, counted from 0 as in Lightning's logs."""
    return max(trainer.global_step - 1, 0)


def step_size(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate, multiplied by ``d`` for an optimiser that estimates its own scale (D-Adaptation)."""
    group = optimizer.param_groups[0]
    return float(group["lr"]) * float(group.get("d", 1.0))


def error_rows(split: str, errors: Mapping[str, Any]) -> dict[str, float]:
    """Errors per joint, category and view as one flat mapping, with one section of a dashboard for each.

    Args:
        split: first word of every key.
        errors: what a metric of `egotap_pl.metrics` computes, for poses (mm) or heatmaps.
    """
    rows = {f"{split}_per_joint/{name}": value for name, value in errors.get("per_joint", {}).items()}
    for name, category in errors.get("per_category", {}).items():
        rows[f"{split}_per_category/{name}"] = category["mpjpe"]
        rows[f"{split}_per_category_pa/{name}"] = category["pa_mpjpe"]
    rows = {name: value for name, value in rows.items() if value is not None}  # joints that are never known
    return {**rows, **{f"{split}_per_view/{name}": value for name, value in errors.get("per_view", {}).items()}}
