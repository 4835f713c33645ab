"""How much of its heatmaps an encoder's features still hold (paper 4.3.1, table 3)."""

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
    """Answers all-zero joint maps: table 3's "Zeros", and what every other row is measured like.

    The maps to be rebuilt are those that the source gives, estimated or true, not the truth. There is nothing to train.

    Args:
        facts: of the data set.
        heatmaps: factory of the source of heatmaps for batches without cached ones, called with ``skeleton``.
    """

    def __init__(self, facts: DataFacts, heatmaps: Callable[..., HeatmapSource]) -> None:
        super().__init__()
        self.heatmaps = heatmaps(skeleton=facts.skeleton)
        self.validation_error = HeatmapMSE()
        self.test_error = HeatmapMSE()

    def maps(self, batch: Batch) -> Float[Tensor, "b v j h w"]:
        """The joint maps to be rebuilt."""
        return (batch.heatmaps or self.heatmaps(batch)).joint

    def rebuild(self, maps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b v j h w"]:
        """What is left of joint maps."""
        return torch.zeros_like(maps)

    def forward(self, batch: Batch) -> Float[Tensor, "b v j h w"]:
        """What is left of a batch's joint maps."""
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
        """What goes into metrics.json: ``mse``, ``zeros_mse`` and ``per_view``, per pixel."""
        return self.test_error.compute()


class ReconstructionTask(ZerosTask):
    """Trains a decoder on the features of a lifter's frozen encoder to rebuild the joint maps that it sees.

    Args:
        facts: of the data set.
        heatmaps: factory of the source of heatmaps, called with ``skeleton``.
        encoder: factory of the encoder, called with ``skeleton``, ``heatmap_px`` and ``joint_dim``; its weights are
            those of a trained lifter, loaded into ``encoder.module``.
        joint_dim: width of that lifter's joint features.
        decoder: factory, called with ``encoder``.
        optimizer: factory, called with the decoder's parameters.
        schedule: factory of a learning-rate schedule.

    Logs ``train/loss`` and ``validation/mse``.
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
        made = encoder(skeleton=facts.skeleton, heatmap_px=self.heatmaps.heatmap_px, joint_dim=joint_dim)
        self.encoder, self.decoder = Frozen(made), decoder(encoder=made)
        self._optimizer, self._schedule = optimizer, schedule

    def rebuild(self, maps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b v j h w"]:
        """Joint maps, rebuilt from what the encoder makes of them."""
        return self.decoder(self.encoder(maps))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One batch."""
        maps = self.maps(batch)
        loss = map_mse(self.rebuild(maps), maps)
        self.log("train/loss", loss, batch_size=len(maps))
        return loss

    def configure_optimizers(self) -> Any:
        """Optimiser over the decoder, and its schedule, stepped per batch."""
        parameters: list[nn.Parameter] = list(self.decoder.parameters())
        return optimisation(self, self._optimizer(parameters), self._schedule)
