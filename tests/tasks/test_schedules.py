"""Learning rates step by step, against explicit formulas."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch

from egotap_pl.tasks.schedules import constant_then_linear, warmup_cosine


def rates(factory: Any, total: int, per_epoch: int, **arguments: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = factory(optimizer, total, per_epoch, **arguments)
    values = []
    for _ in range(total):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            schedule.step()
    return [*values, optimizer.param_groups[0]["lr"]]


def test_warm_up_rises_linearly_then_a_cosine_falls_to_zero() -> None:
    values = rates(warmup_cosine, 40, 10, warmup_epochs=1)
    assert values[:11] == pytest.approx([(1 + 10 * k / 10) / 11 for k in range(11)])
    assert values[10:] == pytest.approx([0.5 * (1 + math.cos(math.pi * k / 30)) for k in range(31)], abs=1e-9)


def test_constant_then_linear_to_zero() -> None:
    values = rates(constant_then_linear, 40, 4, constant_epochs=5)
    assert values[:20] == pytest.approx([1.0] * 20)
    assert values[20:] == pytest.approx([1 - k / 20 for k in range(21)], abs=1e-9)


def test_constant_then_linear_may_warm_up_too() -> None:
    values = rates(constant_then_linear, 40, 4, constant_epochs=5, warmup_epochs=1)
    assert values[0] == pytest.approx(0.2)
    assert values[:4] == sorted(values[:4])
    assert values[4:20] == pytest.approx([1.0] * 16)
    assert values[-1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("factory", "epochs"), [(warmup_cosine, {"warmup_epochs": 1}), (constant_then_linear, {"constant_epochs": 5})]
)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_trainings_have_a_rate(factory: Any, epochs: dict[str, float], total: int) -> None:
    assert all(0 < rate <= 1 for rate in rates(factory, total, 1, **epochs)[:total])
