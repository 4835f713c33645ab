"""Training and testing of heatmap estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.metrics import HeatmapMSE
from egotap_pl.nn.images import normalise_images
from egotap_pl.tasks.optimisation import OptimiserFactory, optimisation
from egotap_pl.tasks.schedules import ScheduleFactory
from egotap_pl.tasks.targets import HeatmapTarget


class HeatmapTask(L.LightningModule):
    """Trains an estimator of joint or limb heatmaps.

    Logs ``train/loss``, ``train/zero_loss`` (the loss of all-zero heatmaps, which a collapsed estimator cannot beat)
    and ``validation/mse``.

    Args:
        facts: what is known of the data set.
        estimator: factory of the estimator, called with ``skeleton``.
        target: draws the true heatmaps and scores estimates against them.
        optimizer: factory of the optimiser, called with the parameters to train.
        schedule: factory of the learning-rate schedule.
        initialise: loads pretrained weights into the estimator's backbone before the first step; None: nothing is
            loaded.
    """

    validation_names = ("validation/mse",)
    """Names of the numbers that a validation logs, one of which selects the best epoch."""

    def __init__(
        self,
        facts: DataFacts,
        estimator: Callable[..., nn.Module],
        target: HeatmapTarget,
        optimizer: OptimiserFactory,
        schedule: ScheduleFactory,
        initialise: Callable[[nn.Module], None] | None = None,
    ) -> None:
        super().__init__()
        self.skeleton, self.target = facts.skeleton, target
        self.estimator = estimator(skeleton=facts.skeleton)
        self._optimizer, self._schedule, self._initialise = optimizer, schedule, initialise
        self.validation_error = HeatmapMSE()
        self.test_error = HeatmapMSE()

    def initialise(self) -> None:
        """Loads pretrained weights if the configuration asks for them. Called at the start of a new training only."""
        if self._initialise is not None:
            self._initialise(self.estimator.get_submodule("backbone"))

    def forward(self, images: Tensor) -> Tensor:
        """Heatmaps of stereo images (uint8)."""
        return self.estimator(normalise_images(images))

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """The loss of a batch and that of all-zero heatmaps. True heatmaps are drawn on the device."""
        estimate = self(batch.images)
        truth = self.target.draw(batch, self.skeleton, estimate.shape[-1])
        loss = self.target.loss(estimate, truth, batch, self.skeleton)
        with torch.no_grad():
            zero_loss = self.target.loss(torch.zeros_like(truth), truth, batch, self.skeleton)
        self.log_dict({"train/loss": loss, "train/zero_loss": zero_loss}, batch_size=len(truth))
        return {"loss": loss, "zero_loss": zero_loss}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the validation error."""
        self.validation_error.update(*self._estimate_and_truth(batch))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the test error."""
        self.test_error.update(*self._estimate_and_truth(batch))

    def on_validation_epoch_end(self) -> None:
        """Logs ``validation/mse``, which selects the best epoch."""
        self.log("validation/mse", self.validation_error.compute()["mse"])
        self.validation_error.reset()

    def test_results(self) -> dict[str, Any]:
        """Errors for metrics.json; see `HeatmapMSE`."""
        return self.test_error.compute()

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule, which is stepped per batch."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimizer: Optimizer = self._optimizer(parameters)
        return optimisation(self, optimizer, self._schedule)

    def _estimate_and_truth(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Estimated heatmaps, true ones, and which of these are known."""
        estimate = self(batch.images)
        truth = self.target.draw(batch, self.skeleton, estimate.shape[-1])
        return estimate, truth, self.target.known(batch, self.skeleton)
