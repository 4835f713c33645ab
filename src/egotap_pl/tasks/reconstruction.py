"""How much of the heatmaps an encoder's features preserve (paper 4.3.1, Table 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.losses import map_mse
from egotap_pl.metrics import HeatmapMSE
from egotap_pl.nn.decoders import FeatureDecoder
from egotap_pl.nn.encoders import Encoder
from egotap_pl.nn.frozen import Frozen
from egotap_pl.tasks.heatmap_sources import HeatmapSource
from egotap_pl.tasks.optimisation import OptimiserFactory, optimisation
from egotap_pl.tasks.schedules import ScheduleFactory


class ZerosTask(L.LightningModule):
    """Rebuilds joint heatmaps as zeros: "Zeros" of Table 3, the reference for its other rows.

    The heatmaps to rebuild are the encoder's input, true or estimated. There is nothing to train.

    Args:
        facts: what is known of the data set.
        heatmaps: factory of the heatmap source for batches without cached heatmaps, called with ``skeleton``.
    """

    validation_names = ("validation/mse",)
    """Names of the numbers that a validation logs, one of which selects the best epoch."""

    def __init__(self, facts: DataFacts, heatmaps: Callable[..., HeatmapSource]) -> None:
        super().__init__()
        self.heatmaps = heatmaps(skeleton=facts.skeleton)
        self.validation_error = HeatmapMSE()
        self.test_error = HeatmapMSE()

    def maps(self, batch: Batch) -> Float[Tensor, "b v j h w"]:
        """The joint heatmaps to rebuild."""
        return (batch.heatmaps or self.heatmaps(batch)).joint

    def rebuild(self, maps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b v j h w"]:
        """The rebuilt joint heatmaps."""
        return torch.zeros_like(maps)

    def forward(self, batch: Batch) -> Float[Tensor, "b v j h w"]:
        """The rebuilt joint heatmaps of a batch."""
        return self.rebuild(self.maps(batch))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the validation error."""
        maps = self.maps(batch)
        self.validation_error.update(self.rebuild(maps), maps)

    def on_validation_epoch_end(self) -> None:
        """Logs ``validation/mse``, which selects the best epoch."""
        self.log("validation/mse", self.validation_error.compute()["mse"])
        self.validation_error.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the test error."""
        maps = self.maps(batch)
        self.test_error.update(self.rebuild(maps), maps)

    def test_results(self) -> dict[str, Any]:
        """Errors for metrics.json: ``mse``, ``zeros_mse`` and ``per_view``, per pixel."""
        return self.test_error.compute()


class ReconstructionTask(ZerosTask):
    """Trains a decoder to rebuild joint heatmaps from the features of a lifter's frozen encoder.

    Logs ``train/loss`` and ``validation/mse``.

    Args:
        facts: what is known of the data set.
        heatmaps: factory of the heatmap source for batches without cached heatmaps, called with ``skeleton``.
        encoder: factory of the encoder, called with ``skeleton``, ``heatmap_px`` and ``joint_dim``. The weights of a
            trained lifter's encoder are loaded into ``encoder.module``.
        joint_dim: width of that lifter's joint features.
        decoder: factory of the decoder, called with ``encoder``.
        optimizer: factory of the optimiser, called with the decoder's parameters.
        schedule: factory of the learning-rate schedule.
    """

    def __init__(
        self,
        facts: DataFacts,
        heatmaps: Callable[..., HeatmapSource],
        encoder: Callable[..., Encoder],
        joint_dim: int,
        decoder: Callable[..., FeatureDecoder],
        optimizer: OptimiserFactory,
        schedule: ScheduleFactory,
    ) -> None:
        super().__init__(facts, heatmaps)
        network = encoder(skeleton=facts.skeleton, heatmap_px=self.heatmaps.heatmap_px, joint_dim=joint_dim)
        self.encoder, self.decoder = Frozen(network), decoder(encoder=network)
        self._optimizer, self._schedule = optimizer, schedule

    def rebuild(self, maps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b v j h w"]:
        """Joint heatmaps, rebuilt from the features of the frozen encoder."""
        return self.decoder(self.encoder(maps))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The reconstruction loss of a batch."""
        maps = self.maps(batch)
        loss = map_mse(self.rebuild(maps), maps)
        self.log("train/loss", loss, batch_size=len(maps))
        return loss

    def configure_optimizers(self) -> Any:
        """The optimiser of the decoder and its schedule, which is stepped per batch."""
        parameters: list[nn.Parameter] = list(self.decoder.parameters())
        return optimisation(self, self._optimizer(parameters), self._schedule)
