"""Loss terms of heatmaps, computed by hand."""

from __future__ import annotations

import pytest
import torch

from egotap_pl.losses import joint_heatmap_mse, limb_heatmap_mse, map_mse


def random_maps(*shape: int, seed: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_joint_heatmaps_have_a_plain_mean_squared_error() -> None:
    a, b = random_maps(3, 2, 4, 8, 8, seed=0), random_maps(3, 2, 4, 8, 8, seed=1)
    assert joint_heatmap_mse(a, b).item() == pytest.approx((a - b).square().mean().item())
    assert map_mse(a, b).item() == pytest.approx((a - b).square().mean().item())


def test_limb_heatmaps_are_divided_by_the_root_of_length_plus_one_in_each_view() -> None:
    a, b = random_maps(3, 2, 4, 2, 8, 8, seed=0), random_maps(3, 2, 4, 2, 8, 8, seed=1)
    lengths = 30 * random_maps(3, 2, 4, seed=2)
    root = torch.sqrt(lengths + 1)[..., None, None, None]
    assert limb_heatmap_mse(a, b, lengths).item() == pytest.approx((a / root - b / root).square().mean().item())
    assert limb_heatmap_mse(a, b, torch.zeros(3, 2, 4)).item() == pytest.approx((a - b).square().mean().item())


def test_a_limb_is_weighted_by_its_own_view() -> None:
    truth = torch.zeros(1, 2, 1, 2, 8, 8)
    estimate = truth.clone()
    estimate[:, 0] = 1.0  # an error in the left view only
    left_long = torch.tensor([[[3.0], [0.0]]])
    assert limb_heatmap_mse(estimate, truth, left_long).item() == pytest.approx(0.5 / 4)
    assert limb_heatmap_mse(estimate, truth, left_long.flip(1)).item() == pytest.approx(0.5)
