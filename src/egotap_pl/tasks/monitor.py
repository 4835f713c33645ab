"""What a dashboard is told of a training, beside what the task itself logs into metrics.csv."""

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
    """Learning rate, throughput and GPU memory while training; errors per joint and category after every validation.

    Keys: ``speed/learning_rate`` (what a step is multiplied with; of D-adapted optimisers times their estimate),
    ``speed/frames_per_s`` (training frames of all processes, validation not counted), ``speed/gpu_memory_mib`` (the
    highest that tensors of the first process took so far), ``validation_per_joint/<name>`` and
    ``validation_per_category/<name>`` (MPJPE, mm).

    Args:
        loggers: who is told. metrics.csv is not one of them: times differ between runs of the same configuration.
        every_steps: how often while training; the end of an epoch is never left out.
    """

    def __init__(self, loggers: Sequence[Logger], every_steps: int) -> None:
        self.loggers, self.every_steps = loggers, every_steps
        self._frames, self._since = 0, 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Begins to count anew: validation lies between."""
        self._restart()

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts frames and tells."""
        self._frames += len(batch.frame) * trainer.world_size
        if trainer.global_step % self.every_steps and not trainer.is_last_batch:
            return
        seconds = time.perf_counter() - self._since
        values = {"learning_rate": step_size(trainer.optimizers[0]), "frames_per_s": self._frames / max(seconds, 1e-9)}
        if task.device.type == "cuda":
            values["gpu_memory_mib"] = torch.cuda.max_memory_allocated(task.device) / MIB
        self._tell(trainer, {f"speed/{name}": value for name, value in values.items()})
        self._restart()

    def on_validation_epoch_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Asks the metric of a task that estimates poses, before the task itself does and resets it."""
        metric = getattr(task, "validation_error", None)
        if trainer.sanity_checking or not isinstance(metric, PoseMetrics):
            return
        self._tell(trainer, error_rows("validation", metric.compute()))

    def _restart(self) -> None:
        self._frames, self._since = 0, time.perf_counter()

    def _tell(self, trainer: L.Trainer, values: Mapping[str, float]) -> None:
        if trainer.is_global_zero:
            for logger in self.loggers:
                logger.log_metrics(dict(values), step=last_step(trainer))


class AfterValidation(L.Callback):
    """Calls a function with the task, in evaluation mode, in the first process, after every so many epochs.

    Args:
        show: called with the task and the last training step, without gradients.
        every_epochs: how often; the last epoch is never left out.
    """

    def __init__(self, show: Callable[[L.LightningModule, int], None], every_epochs: int) -> None:
        self.show, self.every_epochs = show, every_epochs

    def on_validation_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """The task is still in evaluation mode."""
        epoch = trainer.current_epoch + 1
        due = epoch % self.every_epochs == 0 or epoch == trainer.max_epochs
        if due and trainer.is_global_zero and not trainer.sanity_checking:
            with torch.inference_mode():
                self.show(task, last_step(trainer))


def last_step(trainer: L.Trainer) -> int:
    """The number of the last training step, counted from 0 as Lightning does in its logs."""
    return max(trainer.global_step - 1, 0)


def step_size(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate; of an optimiser that estimates its own scale ``d`` (D-adaptation), times that."""
    group = optimizer.param_groups[0]
    return float(group["lr"]) * float(group.get("d", 1.0))


def error_rows(split: str, errors: Mapping[str, Any]) -> dict[str, float]:
    """Errors per joint, per category and per view as one flat mapping, a section of a dashboard each.

    Args:
        split: first word of every key.
        errors: what `egotap_pl.metrics` computes, of poses (mm) or of maps.
    """
    rows = {f"{split}_per_joint/{name}": value for name, value in errors.get("per_joint", {}).items()}
    for name, of_category in errors.get("per_category", {}).items():
        rows[f"{split}_per_category/{name}"] = of_category["mpjpe"]
        rows[f"{split}_per_category_pa/{name}"] = of_category["pa_mpjpe"]
    return {**rows, **{f"{split}_per_view/{name}": value for name, value in errors.get("per_view", {}).items()}}
