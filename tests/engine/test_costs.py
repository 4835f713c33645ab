"""Costs of networks against numbers counted by hand."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from egotap_pl.engine import costs

CPU = torch.device("cpu")


def test_parameters_and_operations_of_two_layers() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 100, 5))
    network[0].requires_grad_(False)
    assert costs.parameters(network) == (3 * 9 + 1) * 8 + (800 + 1) * 5
    assert costs.flops(network, [torch.rand(1, 3, 10, 10)]) == 2 * (3 * 9 * 8 * 100 + 800 * 5)


def test_the_peak_of_memory_is_that_of_the_layers_that_exist_together() -> None:
    """Without gradients, an input and an output of a layer: 2 x 4 MB; with gradients, everything until it is used."""
    megabyte = 1_000_000 / 2**20
    width = 1000
    network = nn.Sequential(*[nn.Linear(width, width, bias=False) for _ in range(4)])
    rows = torch.rand(width, width)

    def forward() -> None:
        with torch.inference_mode():
            network(rows)

    def step() -> None:
        network.zero_grad()
        network(rows).sum().backward()

    assert costs.peak_mib(forward, CPU) == pytest.approx(8 * megabyte, rel=0.01)
    assert costs.peak_mib(step, CPU) > 4 * 4 * megabyte


def test_times_have_their_quartiles_in_order() -> None:
    calls = []

    def sleep() -> None:
        calls.append(0)
        time.sleep(0.002)

    result = costs.time_of(sleep, 0.02, CPU)
    assert 4 <= len(calls) <= 11
    assert 0.002 <= result.quartiles_s[0] <= result.median_s <= result.quartiles_s[1]
