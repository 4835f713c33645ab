"""A job that is warned of its time limit the first time it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.types import HydraContext
from omegaconf import OmegaConf

from egotap_pl.cli.grids.job_call import JobCall, Outcome


class Warned(BaseException):
    """Ends a training that can be continued."""


def warned_once(folder: Path) -> JobCall:
    """A job that ends as warned once, and then returns how often it has run."""
    return WarnedOnce(*empty(str(folder)))


def empty(*words: str) -> tuple[Any, ...]:
    """The fields of a job call without configuration."""
    nothing: Any = None
    return "train", 0, list(words), HydraContext(nothing, nothing), OmegaConf.create({}), [], None


class WarnedOnce(JobCall):
    """See `warned_once`."""

    def run(self) -> Outcome:
        note = Path(self.overrides[0]) / "times"
        times = len(note.read_text()) + 1 if note.exists() else 1
        note.write_text("x" * times)
        if times == 1:
            raise Warned("SIGUSR1")
        return Outcome(float(times))
