"""Progress of a training, with and without a terminal."""

from __future__ import annotations

import io
from typing import Any

import lightning as L
import pytest
import torch
from rich.console import Console

from egotap_pl.engine.progress import StageProgress


class Line(L.LightningModule):
    """The smallest possible task."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return (self.weight - batch).square().mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("validation/mse", 0.25)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("terminal", [True, False])
def test_epochs_and_time_left_are_shown(terminal: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=140, legacy_windows=False, color_system=None)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[StageProgress("a stage", console)],
    )
    numbers: Any = torch.ones(8)
    loader: Any = torch.utils.data.DataLoader(numbers, batch_size=2)
    trainer.fit(Line(), loader, loader)
    text = output.getvalue()
    if terminal:
        assert "left" in text
        assert "12/12" in text  # steps of the whole stage
        assert "epoch 3/3  mse 0.25" in text
    else:
        assert text.splitlines() == [f"a stage: epoch {k}/3  mse 0.25" for k in (1, 2, 3)]
