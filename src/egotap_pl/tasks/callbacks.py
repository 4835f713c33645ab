"""Callbacks that stop a training that diverges or collapses, and that collect the poses of a test."""

from __future__ import annotations

import math
import sys
from typing import Any, NoReturn

import lightning as L
import numpy as np
import torch
from torch import Tensor

from egotap_pl.core.errors import EgotapError


class Diverged(EgotapError):
    """A loss or a validation error is not a finite number.

    Args:
        message: what is not finite, where, and what may help.
        step: number of the step, from 1.
    """

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class DivergenceGuard(L.Callback):
    """Stops a training whose loss or validation error is not finite, in all of its processes at once.

    No checkpoint holds what became of the weights: the losses of an epoch and its validation error are read before one
    is written. Within an epoch every loss is read on a CPU. On a GPU, where the program would have to wait for the
    device at every step, those of ``every_steps`` steps are read together.

    Args:
        title: what the training is called on the screen.
        every_steps: how often losses are read on a GPU.

    Raises:
        Diverged: out of ``trainer.fit``; it names the step and the epoch.
    """

    def __init__(self, title: str, every_steps: int) -> None:
        self.title, self.every_steps = title, every_steps
        self._finite: dict[int, Tensor] = {}

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Forgets an earlier training."""
        self._finite = {}

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Notes whether the loss is finite, and reads the notes when it is time."""
        loss = (outputs or {}).get("loss")
        if loss is not None:  # a task that optimises by hand need not give one
            step = trainer.global_step  # that of several batches, if their gradients are summed
            self._finite[step] = loss.detach().isfinite().all() & self._finite.get(step, True)
        every = 1 if task.device.type == "cpu" else self.every_steps
        if (batch_idx + 1) % every and not trainer.is_last_batch:
            return
        self.read_losses(trainer, task)

    def read_losses(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Reads the losses that were not read yet. In a distributed run, all processes have to call it.

        Raises:
            Diverged: if one is not finite.
        """
        finite, self._finite = self._finite, {}
        steps = [step for step, is_finite in finite.items() if not is_finite]
        first = min(steps, default=sys.maxsize)
        if trainer.world_size > 1:
            first = int(trainer.strategy.reduce(torch.tensor(first, device=task.device), reduce_op="min"))
        if first < sys.maxsize:
            self._stop(trainer, "the loss", first)

    def on_validation_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Reads what the task has logged."""
        logged = {name: float(value) for name, value in trainer.callback_metrics.items() if "validation/" in name}
        names = [name for name, value in logged.items() if not math.isfinite(value)]
        if trainer.strategy.reduce_boolean_decision(bool(names), all=False):
            self._stop(trainer, ", ".join(names) or "a validation error", trainer.global_step)

    def _stop(self, trainer: L.Trainer, what: str, step: int) -> NoReturn:
        raise Diverged(
            f"{self.title}: {what} is not a finite number at step {step}, in epoch {trainer.current_epoch + 1}; try a "
            "smaller learning rate (task.optimizer.lr), clipped gradients (gradient_clip, e.g. 1.0), or "
            "trainer.precision=32-true if it is another; trainer.nan_retries=N goes back N times",
            step,
        )


class HeatmapCollapse(Exception):
    """An estimator outputs all-zero heatmaps and does not recover. Another seed may help."""


class CollapseGuard(L.Callback):
    """Stops a training whose estimator has collapsed to all-zero heatmaps, a known early failure.

    The loss is compared once with the loss of all-zero heatmaps on the same batches, both as running means. An
    estimator that learns is below it by then; a collapsed one is still at it.

    Args:
        after_epochs: when the two losses are compared, in epochs; fractions are allowed.
        ratio: an estimator has collapsed unless its loss is below this multiple of the all-zero loss.
        memory: weight of the past in the running means.

    Raises:
        HeatmapCollapse: from ``trainer.fit``.
    """

    def __init__(self, after_epochs: int | float, ratio: float = 0.97, memory: float = 0.97) -> None:
        self.after_epochs, self.ratio, self.memory = after_epochs, ratio, memory
        self._loss: float | Tensor = 0.0
        self._zero_loss: float | Tensor = 0.0

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Updates the running means, and compares them after the last step of ``after_epochs``."""
        summed = trainer.accumulate_grad_batches
        check_at = max(round(self.after_epochs * math.ceil(trainer.num_training_batches / summed)), 1)
        if trainer.global_step > check_at:
            return
        self._loss = self._running(self._loss, outputs["loss"] * summed)  # Lightning has divided it
        self._zero_loss = self._running(self._zero_loss, outputs["zero_loss"])
        if trainer.global_step < check_at:
            return
        means = torch.tensor([float(self._loss), float(self._zero_loss)], device=task.device)
        loss, zero_loss = trainer.strategy.reduce(means, reduce_op="mean").tolist()
        if not loss < self.ratio * zero_loss:
            raise HeatmapCollapse(
                f"after {trainer.global_step} steps the loss is {loss:.3g}, and {zero_loss:.3g} for all-zero heatmaps"
            )

    def state_dict(self) -> dict[str, Any]:
        """The running means, so that a resumed training is judged like an uninterrupted one."""
        return {"loss": float(self._loss), "zero_loss": float(self._zero_loss)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the running means."""
        self._loss, self._zero_loss = state_dict["loss"], state_dict["zero_loss"]

    def _running(self, mean: float | Tensor, value: Tensor) -> float | Tensor:
        return self.memory * mean + (1 - self.memory) * value.detach()  # stays on the device, so no step waits


class PredictionRecorder(L.Callback):
    """Collects the output of `LiftingTask.test_step` from all processes, in the order of the store's rows.

    After a test, ``predictions`` holds ``pose_cm`` and ``truth_cm`` (frame, joint, 3) and ``frame``.
    """

    def __init__(self) -> None:
        self.predictions: dict[str, np.ndarray] = {}
        self._parts: list[dict[str, np.ndarray]] = []

    def on_test_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Discards the poses of an earlier test."""
        self.predictions, self._parts = {}, []

    def on_test_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Moves a batch's poses to the host. Tasks without poses are ignored."""
        if outputs is None:
            return
        self._parts.append({name: value.float().cpu().numpy() for name, value in outputs.items() if name != "frame"})
        self._parts[-1]["frame"] = outputs["frame"].cpu().numpy()

    def on_test_epoch_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Joins the parts of all processes."""
        parts = self._parts
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            parts_by_rank: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(parts_by_rank, self._parts)
            parts = [part for rank_parts in parts_by_rank for part in rank_parts]
        if not parts:
            return
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        order = np.argsort(columns["frame"], kind="stable")
        self.predictions, self._parts = {name: column[order] for name, column in columns.items()}, []
