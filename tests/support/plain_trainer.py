"""Lightning's trainer without anything around it."""

from __future__ import annotations

from typing import Any

import lightning as L


def plain_trainer(**options: Any) -> L.Trainer:
    """A trainer on the CPU that shows, logs and writes nothing.

    Args:
        **options: further arguments of Lightning's Trainer.
    """
    return L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
