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
    def is_lifting(self) -> bool:
        """Whether it estimates poses: probes rebuild heatmaps."""
        return "mpjpe" in self.metrics

    @property
    def maps(self) -> str:
        """Where its heatmaps come from: ``true`` or ``estimated``."""
        return "true" if self.class_name("heatmaps.source") == "TrueHeatmaps" else "estimated"

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

    def setting(self, path: str) -> Any:
        """An entry of its configuration by the dotted path, None if there is no such entry."""
        found: Any = self.settings
        for key in path.split("."):
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    def class_name(self, path: str) -> str:
        """Name of the class that its configuration names at a path, empty if there is none."""
        return str(self.setting(f"{path}._target_") or "").rpartition(".")[2]
