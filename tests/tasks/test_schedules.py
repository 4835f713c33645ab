"""Learning rates step by step, against explicit formulas."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch

from egotap_pl.tasks.optimisation import adamw_without_decay_of_scales
from egotap_pl.tasks.schedules import constant_then_linear, falling_in_steps, warmup_cosine


def rates(factory: Any, total: int, per_epoch: int, **arguments: Any) -> list[float]:
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


def test_rates_fall_in_steps() -> None:
    values = rates(falling_in_steps, 120, 10, falls_at=[8 / 12, 10 / 12], warmup_steps=4)
    assert values[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert values[4:80] == pytest.approx([1.0] * 76)
    assert values[80:100] == pytest.approx([0.1] * 20)
    assert values[100:] == pytest.approx([0.01] * 21)


def test_a_warm_up_in_steps_takes_at_most_a_tenth_of_the_training() -> None:
    values = rates(falling_in_steps, 40, 10, falls_at=[0.5], warmup_steps=500)
    assert values[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert values[4:20] == pytest.approx([1.0] * 16)
    values = rates(falling_in_steps, 40, 10, falls_at=[0.5], warmup_steps=500, warmup_epochs=1)
    assert values[:10] == pytest.approx([(k + 1) / 11 for k in range(10)])
    assert values[10:20] == pytest.approx([1.0] * 10)
    assert values[20:] == pytest.approx([0.1] * 21)


def test_scales_and_biases_do_not_decay() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Conv2d(1, 2, 3))
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = adamw_without_decay_of_scales(network.parameters(), lr=0.1, weight_decay=0.5)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    decayed = {"0.weight", "2.weight"}
    for name, value in network.named_parameters():
        torch.testing.assert_close(value, before[name] * (0.95 if name in decayed else 1.0))


@pytest.mark.parametrize(
    ("factory", "epochs"),
    [
        (warmup_cosine, {"warmup_epochs": 1}),
        (constant_then_linear, {"constant_epochs": 5}),
        (falling_in_steps, {"falls_at": [0.6667, 0.8333], "warmup_epochs": 1}),
        (falling_in_steps, {"falls_at": [0.6667, 0.8333], "warmup_steps": 500}),
    ],
)
@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_trainings_have_a_rate(factory: Any, epochs: dict[str, Any], total: int) -> None:
    assert all(0 < rate <= 1 for rate in rates(factory, total, 1, **epochs)[:total])
