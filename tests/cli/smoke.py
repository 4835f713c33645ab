"""Commands at smoke size, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SMOKE = ("scale=smoke",)
LIFTER = ("scale=smoke", "heatmaps=truth")  # no estimators: quick


class Outcome(NamedTuple):
    """What a command ended with."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


def run_folder(outcome: Outcome, home: Path) -> Path:
    """The folder that a command names at its end."""
    lines = [line for line in outcome.out.splitlines() if line.startswith("run folder")]
    return home / lines[-1].split()[-1]
