"""Commands at smoke size, for the tests of this folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    import torch

SMOKE = ("scale=smoke",)
LIFTER = ("scale=smoke", "heatmaps=truth")  # no estimators: quick
STEPS_PER_EPOCH = 8
EPOCHS = (*LIFTER, "training.batch_size=2", "training.epochs=3")
"""Three epochs, for trainings that something happens to."""


class Outcome(NamedTuple):
    """A command's exit status and its output."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


def run_folder(outcome: Outcome, home: Path) -> Path:
    """The run's folder, which a command prints at its end."""
    lines = [line for line in outcome.out.splitlines() if line.startswith("run folder")]
    return home / lines[-1].split()[-1]


def store_of(folder: Path, home: Path) -> Path:
    """The data that a run was trained on; other tests may have prepared others in ``home``."""
    import egotap_pl  # only here: a process that hands out the tests to workers does without

    fingerprint = json.loads((folder / "metrics.json").read_text())["dataset_fingerprint"]
    stores = (path.parent for path in (home / "work" / "data").glob("*/test.h5"))
    (store,) = (store for store in stores if egotap_pl.open_store(store).fingerprint == fingerprint)
    return store


def is_one_job(arguments: Sequence[str]) -> bool:
    """Whether a command is certainly no grid. Else Hydra composes twice: first only to find that out."""
    return not any(word.startswith(("-", "sweep=", "hydra.mode=")) for word in arguments)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def at_step(number: int, act: Callable[[torch.optim.Optimizer], None]) -> Iterator[None]:
    """Call ``act`` after a step, counted from 1, of the trainings inside the block."""
    import torch  # only here: a process that hands out the tests to workers does without

    take, steps = torch.optim.AdamW.step, 0

    def step(optimizer: torch.optim.AdamW, closure: Any = None) -> Any:
        nonlocal steps
        loss, steps = take(optimizer, closure), steps + 1
        if steps == number:
            act(optimizer)
        return loss

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(torch.optim.AdamW, "step", step)
        yield


@contextmanager
def interrupted_at(number: int) -> Iterator[None]:
    """Interrupt trainings inside the block after a step, counted from 1."""

    def fail(_: torch.optim.Optimizer) -> None:
        raise ZeroDivisionError

    with at_step(number, fail), pytest.raises(ZeroDivisionError):
        yield
