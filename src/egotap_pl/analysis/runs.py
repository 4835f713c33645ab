"""A finished run: its configuration, its metrics and its test poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from egotap_pl.analysis.predictions import Predictions

HELD_FRAMES = 2**20
"""Test frames whose poses stay in memory, of all runs together: about half a GiB with 16 joints."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run's folder with what it holds.

    Examples:
        >>> run = Run(Path("runs/cnn"), {"seed": 1, "lifter": {"width": 64}}, {"experiment": "cnn", "mpjpe": 54.5})
        >>> run.experiment, run.seed, run.metrics["mpjpe"]
        ('cnn', 1, 54.5)
        >>> run.setting("lifter.width")
        64
    """

    folder: Path
    """The folder."""
    settings: Mapping[str, Any]
    """The resolved configuration (config.yaml), as nested mappings. `setting` looks up an entry."""
    metrics: Mapping[str, Any]
    """The results on the test frames (metrics.json); errors in mm."""
    choices: Mapping[str, str | None] = field(default_factory=dict)
    """The option of every configuration group that it was started with (run.json); empty for runs of version 0.1.0."""

    @property
    def experiment(self) -> str:
        """Name of the preset, such as ``table2/grid_vit_pu``."""
        return str(self.metrics["experiment"])

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.metrics["dataset"])

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return int(self.settings["seed"])

    @property
    def is_lifting(self) -> bool:
        """Whether the run estimates poses; a probe rebuilds heatmaps."""
        return "mpjpe" in self.metrics

    @property
    def checkpoint(self) -> Path:
        """Checkpoint of the best epoch."""
        return self.folder / "checkpoints" / "best.ckpt"

    @property
    def predictions(self) -> Predictions:
        """The test poses. They stay in memory until those of more recently used runs take their place.

        Raises:
            EgotapError: if the file is missing or damaged. The run of a probe has none.
        """
        predictions = _held.pop(self, None)
        if predictions is None:
            predictions = Predictions.read(self.folder / "predictions.h5")
            _make_room(len(predictions))
        _held[self] = predictions
        return predictions

    def setting(self, path: str) -> Any:
        """An entry of the configuration, or None if there is no such entry.

        Args:
            path: keys joined by dots, as on the command line: ``training.epochs``, ``lifter.propagation._target_``.
        """
        entry: Any = self.settings
        for key in path.split("."):
            if not isinstance(entry, Mapping) or key not in entry:
                return None
            entry = entry[key]
        return entry


_held: WeakKeyDictionary[Run, Predictions] = WeakKeyDictionary()
"""The poses in memory, in the order of their last use."""


def _make_room(frames: int) -> None:
    """Let go of the poses that were not used for longest, so that those of more frames can be held."""
    frames += sum(map(len, _held.values()))
    for run in list(_held):
        if frames <= HELD_FRAMES:
            break
        frames -= len(_held.pop(run))
