"""Costs of networks against numbers counted by hand."""

from __future__ import annotations

import time

import pytest
import torch
from composed import compose, facts
from torch import nn

from egotap_pl.engine.benchmarks import costs
from egotap_pl.engine.benchmarks.frame_cost import frame_cost
from egotap_pl.engine.build import build
from egotap_pl.nn.blocks import TransformerBlock

CPU = torch.device("cpu")


def test_parameters_and_operations_of_two_layers() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 100, 5))
    network[0].requires_grad_(False)
    assert costs.parameters(network) == (3 * 9 + 1) * 8 + (800 + 1) * 5
    assert costs.flops(network, [torch.rand(1, 3, 10, 10)]) == 2 * (3 * 9 * 8 * 100 + 800 * 5)


@pytest.mark.parametrize("device", [CPU, torch.device("meta")], ids=str)
def test_the_peak_of_memory_is_that_of_the_layers_that_exist_together(device: torch.device) -> None:
    """Without gradients, an input and an output of a layer: 2 x 4 MB; with gradients, everything until it is used."""
    megabyte = 1_000_000 / 2**20
    width = 1000
    network = nn.Sequential(*[nn.Linear(width, width, bias=False) for _ in range(4)]).to(device)
    rows = torch.rand(width, width, device=device)

    def forward() -> None:
        with torch.inference_mode():
            network(rows)

    def step() -> None:
        network.zero_grad()
        network(rows).sum().backward()

    assert costs.peak_mib(forward, device) == pytest.approx(8 * megabyte, rel=0.01)
    assert costs.peak_mib(step, device) > 4 * 4 * megabyte


def test_times_have_their_quartiles_in_order() -> None:
    calls = []

    def sleep() -> None:
        calls.append(0)
        time.sleep(0.002)

    result = costs.time_of(sleep, 0.02, CPU)
    assert 4 <= len(calls) <= 11
    assert 0.002 <= result.quartiles_s[0] <= result.median_s <= result.quartiles_s[1]


def test_attention_counts_as_the_products_that_it_is() -> None:
    """2 x 3 projections, queries times keys and weights times values, the output, and two layers of the MLP."""
    tokens, width, mlp = 7, 8, 20
    block = TransformerBlock(width, heads=2, mlp_width=mlp)
    products = tokens * width * 3 * width + 2 * tokens * tokens * width + tokens * width**2 + 2 * tokens * width * mlp
    for device in ("cpu", "meta"):
        assert costs.flops(block.to(device), [torch.empty(1, tokens, width, device=device)]) == 2 * products


@pytest.mark.parametrize("heatmaps", ["truth", "estimated"])
def test_a_frame_costs_its_estimators_and_its_lifter(heatmaps: str) -> None:
    settings = compose("scale=smoke", f"heatmaps={heatmaps}")
    task = build(settings["training"]["task"])(facts("egosynth"))
    px, size = settings["scale"]["image_px"], settings["scale"]["heatmap_px"]
    maps = [torch.rand(1, 2, 15, size, size), torch.rand(1, 2, 15, 2, size, size)]
    gflop = costs.flops(task.lifter.eval(), maps) / 1e9
    number = costs.parameters(task.lifter)
    if heatmaps == "estimated":
        for estimator in (task.heatmaps.joint, task.heatmaps.limb):
            gflop += costs.flops(estimator, [torch.rand(1, 2, 3, px, px)]) / 1e9
            number += costs.parameters(estimator)
    for device in ("cpu", "meta"):
        cost = frame_cost(task.train().to(device))
        assert cost.parameters == number
        assert cost.gflop == pytest.approx(gflop, rel=1e-9)
        assert task.training


@pytest.mark.parametrize("temporal", ["temporal=causal_attention", "lifter/propagation=temporal"])
def test_a_frame_after_others_costs_what_it_adds(temporal: str) -> None:
    """Earlier frames were encoded before; the window is lifted for each frame."""
    settings = compose("scale=smoke", "heatmaps=truth", temporal)
    task = build(settings["training"]["task"])(facts("egosynth")).eval()
    alone, of_five, of_nine = (frame_cost(task, frames).gflop for frames in (1, 5, 9))
    assert alone < of_five
    lifted = of_nine - of_five
    assert of_five - alone == pytest.approx(lifted, rel=0.5), "the encoder would be in the first difference, too"
    assert frame_cost(task.to("meta"), 5).gflop == pytest.approx(of_five, rel=1e-9)
