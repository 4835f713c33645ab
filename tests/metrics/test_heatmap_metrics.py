"""Errors of heatmaps, computed by hand."""

from __future__ import annotations

import pytest
import torch

from egotap_pl.metrics import HeatmapMSE


@pytest.mark.parametrize("shape", [(15, 8, 8), (15, 2, 8, 8)], ids=["joints", "limbs"])
def test_mean_squared_error_per_pixel_and_view(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    maps, truth = (torch.rand(5, 2, *shape, generator=generator) for _ in range(2))
    metric = HeatmapMSE()
    metric.update(maps[:2], truth[:2])
    metric.update(maps[2:], truth[2:])
    result = metric.compute()
    assert result["mse"] == pytest.approx((maps - truth).square().mean().item())
    assert result["zeros_mse"] == pytest.approx(truth.square().mean().item())
    assert result["per_view"]["left"] == pytest.approx((maps - truth)[:, 0].square().mean().item())
    assert result["per_view"]["right"] == pytest.approx((maps - truth)[:, 1].square().mean().item())


def test_views_are_not_mixed_up() -> None:
    truth = torch.zeros(3, 2, 4, 8, 8)
    maps = truth.clone()
    maps[:, 1] = 0.5
    metric = HeatmapMSE()
    metric.update(maps, truth)
    assert metric.compute() == {"mse": 0.125, "zeros_mse": 0.0, "per_view": {"left": 0.0, "right": 0.25}}


def test_every_state_is_summed_over_processes() -> None:
    assert all(reduce is torch.sum or reduce.__name__ == "dim_zero_sum" for reduce in HeatmapMSE()._reductions.values())


def test_half_precision_heatmaps_are_summed_in_float64() -> None:
    metric = HeatmapMSE()
    maps = torch.full((4, 2, 15, 64, 64), 0.1, dtype=torch.bfloat16)
    metric.update(maps, torch.zeros_like(maps))
    assert metric.compute()["mse"] == pytest.approx(float(maps[0, 0, 0, 0, 0]) ** 2)
