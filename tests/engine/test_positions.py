"""The state of random numbers in checkpoints, and the history of a training."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from egotap_pl.engine.resuming.history import History, describe_resumed
from egotap_pl.engine.resuming.positions import KEY, Position, random_state, set_random_state

CPU = torch.device("cpu")


def draw() -> tuple[float, float, float]:
    return np.random.rand(), np.random.standard_normal(), float(torch.rand(()))  # noqa: NPY002


def test_random_numbers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a file that is read without unpickling. NumPy keeps one of two normal numbers for later.

    Python's random numbers are also drawn by beartype, at every call: their state is compared instead.
    """
    states: list[object] = []
    monkeypatch.setattr(random, "setstate", states.append)
    draw()
    position = Position(2, 5, True, [random_state(CPU, torch.arange(3))])
    torch.save({KEY: position.to_dict()}, tmp_path / "file")
    expected = [draw() for _ in range(3)]
    again = Position.of(torch.load(tmp_path / "file", weights_only=True))
    assert again is not None
    assert (again.epoch, again.batches, again.validation_is_due) == (2, 5, True)
    assert torch.equal(again.random[0]["augmentation"], torch.arange(3))
    set_random_state(again.random[0], CPU)
    assert [draw() for _ in range(3)] == expected
    assert states == [position.random[0]["python"]]
    assert Position.of({}) is None


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert History.read(tmp_path) == History()
    history = History().restarted().resumed_now().returned(12, 8).resumed_now()
    history.write(tmp_path)
    assert History.read(tmp_path) == history
    assert describe_resumed(history.resumed).startswith("2 times: 2")
    assert describe_resumed(()) == ""
    (tmp_path / "history.json").write_text("[]")
    assert History.read(tmp_path) == History()
