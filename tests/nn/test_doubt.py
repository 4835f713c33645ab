"""Scales of errors: the likelihood against SciPy, and scales that are found again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.nn.doubt import LaplaceDoubt
from egotap_pl.nn.doubt.laplace import _moments


def laplace(scale_cm: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Distances of points drawn from the density exp(-d / b) / (8 pi b^3)."""
    distance = np.random.default_rng(seed).gamma(3.0, size=scale_cm.shape)
    return scale_cm * torch.from_numpy(distance)


def test_the_likelihood_is_that_of_a_gamma_distance_over_the_sphere() -> None:
    doubt = LaplaceDoubt(unrealego())
    scale, error = torch.rand(50, 16, dtype=torch.float64) + 0.5, 10 * torch.rand(50, 16, dtype=torch.float64) + 0.01
    of_distance = stats.gamma.logpdf(error.numpy(), a=3, scale=scale.numpy())
    of_point = of_distance - np.log(4 * np.pi * error.numpy() ** 2)
    np.testing.assert_allclose(doubt.nll(error, scale).numpy(), -of_point, rtol=1e-10)
    np.testing.assert_allclose(doubt.mean_error_cm(scale).numpy(), stats.gamma.mean(a=3, scale=scale.numpy()))


def test_the_likelihood_is_largest_at_the_true_scale() -> None:
    doubt = LaplaceDoubt(unrealego())
    true = torch.full((20000,), 2.0, dtype=torch.float64)
    errors = laplace(true)[:, None]
    mean = {b: float(doubt.nll(errors, torch.full_like(errors, b)).mean()) for b in (1.0, 1.7, 2.0, 2.3, 4.0)}
    assert min(mean, key=lambda b: mean[b]) == 2.0
    assert float(errors.mean()) == pytest.approx(6.0, rel=0.02)


@pytest.mark.parametrize("skeleton", [unrealego(), egocap()], ids=lambda s: s.name)
def test_scales_are_learned_from_heatmaps_and_leave_the_pose_alone(skeleton) -> None:
    """Faint heatmaps go with large errors."""
    torch.manual_seed(0)
    doubt = LaplaceDoubt(skeleton, hidden_dims=(32,))
    joints = len(skeleton.estimated)
    peak = torch.rand(256, 1, 1, 1, 1) * 0.9 + 0.1
    maps = peak * torch.rand(256, 2, skeleton.num_heatmap_joints, 8, 8)
    true = (3 * (1.1 - peak)).flatten(1).expand(-1, joints)
    errors = laplace(true.double()).float()
    pose = torch.randn(256, joints, 3, requires_grad=True)
    optimizer = torch.optim.Adam(doubt.parameters(), 0.01)
    for _ in range(300):
        optimizer.zero_grad()
        loss = doubt.nll(errors, doubt.scale_cm(pose, maps)).mean()
        loss.backward()
        optimizer.step()
    assert pose.grad is None
    found = doubt.scale_cm(pose, maps).detach()
    assert np.corrcoef(found.mean(1).numpy(), true[:, 0].numpy())[0, 1] > 0.9
    assert float(found.mean()) == pytest.approx(float(true.mean()), rel=0.1)
    doubt.factor.fill_(2.0)
    torch.testing.assert_close(doubt(pose, maps), 6 * found)


def test_moments_of_a_heatmap_equal_numpys() -> None:
    maps = torch.rand(2, 2, 3, 6, 9, dtype=torch.float64) - 0.2
    result = _moments(maps).numpy()
    weight = np.maximum(maps.numpy(), 0)
    rows, columns = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 9), indexing="ij")
    share = weight / weight.sum((-2, -1), keepdims=True)
    variance = sum((share * place**2).sum((-2, -1)) - (share * place).sum((-2, -1)) ** 2 for place in (rows, columns))
    np.testing.assert_allclose(result[..., 0], weight.max((-2, -1)))
    np.testing.assert_allclose(result[..., 1], weight.mean((-2, -1)))
    np.testing.assert_allclose(result[..., 2], np.sqrt(variance), rtol=1e-6)
    assert torch.isfinite(_moments(torch.zeros(1, 2, 3, 4, 4))).all()
