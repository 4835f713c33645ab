"""A finished run, as it lies on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from egotap_pl.analysis.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder.

    Args:
        folder: where it lies.
        settings: the resolved configuration (config.yaml).
        metrics: metrics.json.
    """

    folder: Path
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]

    @property
    def experiment(self) -> str:
        """Name of the preset, e.g. ``table2/grid_vit_pu``."""
        return str(self.metrics["experiment"])

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.metrics["dataset"])

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.settings["seed"])

    @property
    def checkpoint(self) -> Path:
        """The best epoch's."""
        return self.folder / "checkpoints" / "best.ckpt"

    @cached_property
    def predictions(self) -> Predictions:
        """The test poses.

        Raises:
            EgotapError: if they are not there or damaged; a probe's run has none.
        """
        return Predictions.read(self.folder / "predictions.h5")
