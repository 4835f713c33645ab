"""What the networks of runs cost: counted at the end of their training, or here, and measured by `egotap benchmark`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egotap_pl.analysis.runs import Run
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.untrusted.readers import read_text
from egotap_pl.data.windows import Window
from egotap_pl.engine.benchmarks.benchmark import FILE
from egotap_pl.engine.benchmarks.frame_cost import frame_cost
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.engine.devices.choice import SINGLE
from egotap_pl.tasks import LiftingTask

_MAX_BYTES = 2**20
_WHOLE_WAY = ("images to pose", "lifter")
"""The parts of a `egotap_pl.engine.benchmarks.benchmark.FILE` that give a run's poses. A lifter of true heatmaps has no
other."""


@dataclass(frozen=True)
class RunCost:
    """What a run's networks cost, from images to poses or, for a lifter of true heatmaps, from these."""

    parameters: int
    """Number of parameters, of frozen estimators, too."""

    gflop: float
    """Billions of floating-point operations for a frame."""

    latency_ms: float | None = None
    """Time of one frame alone, ms; None if it was not measured."""

    frames_per_s: float | None = None
    """Frames per second in batches; None likewise."""

    device: str = ""
    """The device that it was measured on."""


class CostReader:
    """Finds what runs cost. Each run is looked at once.

    Args:
        trust: packages whose classes the runs' checkpoints may name.
    """

    def __init__(self, trust: Sequence[str]) -> None:
        self.trust = tuple(trust)
        self._costs: dict[Path, RunCost | None] = {}

    def __call__(self, run: Run) -> RunCost | None:
        """A run's cost; None for a probe, and if it is neither in its files nor can be counted."""
        if run.folder not in self._costs:
            self._costs[run.folder] = self._read(run) if run.is_lifting else None
        return self._costs[run.folder]

    def _read(self, run: Run) -> RunCost | None:
        parameters: Any = run.metrics.get("network_parameters")
        gflop: Any = run.metrics.get("gflop")
        if not _is_positive(parameters) or not _is_positive(gflop):
            try:
                task, about = load_task(run.checkpoint, self.trust)
            except EgotapError:
                return None
            if not isinstance(task, LiftingTask):
                return None
            parameters, gflop = frame_cost(task.to("meta"), Window.parse(about.data).frames)
        measured = _measured(run.folder / FILE)
        return RunCost(
            int(parameters),
            float(gflop),
            measured.get("latency_ms"),
            measured.get("frames_per_s"),
            str(measured.get("device", ""))[:80],
        )


def _measured(path: Path) -> Mapping[str, Any]:
    """PyTorch's row of a `FILE` for the whole way to the pose, with the device; empty without a readable file."""
    try:
        content = json.loads(read_text(path, _MAX_BYTES))
        rows = {row["part"]: row for row in content["costs"] if row["runtime"] == "torch"}
        row = next(rows[part] for part in _WHOLE_WAY if part in rows)
        numbers = {name: float(row[name]) for name in ("latency_ms", "frames_per_s")}
        precision = row.get("precision", SINGLE)  # earlier versions measured no other
        device = f"{content['device']}{'' if precision == SINGLE else f', {precision}'}"
    except (EgotapError, ValueError, TypeError, KeyError, StopIteration, RecursionError):
        return {}
    return {**numbers, "device": device} if all(map(_is_positive, numbers.values())) else {}


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
