"""Loss terms of labels that are partly unknown; with all known, the plain formulas to the last digit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss, normalize

from egotap_pl.core.known import known_mean
from egotap_pl.core.skeleton import unrealego
from egotap_pl.losses import (
    bone_cosine,
    joint_heatmap_mse,
    limb_direction_mse,
    limb_heatmap_mse,
    map_mse,
    mpjpe_cm,
)

LIMBS = unrealego().estimated_limbs
CHILD, PARENT = (list(ends) for ends in zip(*LIMBS, strict=True))


def random(*shape: int, seed: int) -> Tensor:
    return 30 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def plain_cosine(pose: Tensor, truth: Tensor) -> Tensor:
    estimated, true = pose[:, CHILD] - pose[:, PARENT], truth[:, CHILD] - truth[:, PARENT]
    return -cosine_similarity(estimated, true, dim=-1, eps=1e-2).sum(-1).mean()


def value_and_gradient(loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    value = loss(x, truth)
    value.backward()
    assert x.grad is not None
    return value.detach(), x.grad


@pytest.mark.parametrize("frames", [1, 3, 7, 49])  # 49 * (1 / 49) is not 1 in single precision
@pytest.mark.parametrize(
    ("loss", "plain"),
    [
        (mpjpe_cm, lambda x, truth: (x - truth).norm(dim=-1).mean()),
        (lambda x, truth: bone_cosine(x, truth, LIMBS), plain_cosine),
        (
            lambda x, truth: limb_direction_mse(x[:, 1:], truth, LIMBS),
            lambda x, truth: mse_loss(x[:, 1:], normalize(truth[:, CHILD] - truth[:, PARENT], dim=-1)),
        ),
    ],
    ids=["mpjpe", "cosine", "direction"],
)
def test_known_poses_give_the_plain_formula_to_the_last_digit(loss, plain, frames: int) -> None:
    pose, truth = random(frames, 16, 3, seed=0), random(frames, 16, 3, seed=1)
    actual, expected = (value_and_gradient(function, pose, truth) for function in (loss, plain))
    assert torch.equal(actual[0], expected[0])
    assert torch.equal(actual[1], expected[1])


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_known_heatmaps_give_the_plain_formula_to_the_last_digit(frames: int) -> None:
    maps, truth = random(frames, 2, 5, 8, 8, seed=0), random(frames, 2, 5, 8, 8, seed=1)
    known = torch.ones(frames, 2, 5, dtype=torch.bool)
    actual = value_and_gradient(lambda x, y: joint_heatmap_mse(x, y, known), maps, truth)
    expected = value_and_gradient(mse_loss, maps, truth)
    assert all(map(torch.equal, actual, expected))
    pairs, true_pairs = random(frames, 2, 5, 2, 8, 8, seed=2), random(frames, 2, 5, 2, 8, 8, seed=3)
    lengths = random(frames, 2, 5, seed=4).abs()
    actual = value_and_gradient(lambda x, y: limb_heatmap_mse(x, y, lengths, known), pairs, true_pairs)
    expected = value_and_gradient(
        lambda x, y: ((x - y).square().mean((-3, -2, -1)) / (lengths + 1.0)).mean(), pairs, true_pairs
    )
    assert all(map(torch.equal, actual, expected))


def test_unknown_joints_count_neither_in_the_error_nor_in_its_gradient() -> None:
    pose, truth = random(4, 16, 3, seed=0), random(4, 16, 3, seed=1)
    truth[0, 3] = torch.nan
    truth[1, 5, 2] = torch.nan  # one coordinate is enough
    truth[2] = torch.nan
    known = ~truth.isnan().any(-1)
    distances = [(pose[b, j] - truth[b, j]).norm() for b in range(4) for j in range(16) if known[b, j]]
    value, gradient = value_and_gradient(mpjpe_cm, pose, truth)
    torch.testing.assert_close(value, torch.stack(distances).mean())
    assert gradient.isfinite().all()
    assert (gradient[~known] == 0).all()
    assert (gradient[known].abs().sum(-1) > 0).all()


def test_cosine_is_the_mean_over_known_limbs_times_all() -> None:
    pose, truth = random(2, 16, 3, seed=0), random(2, 16, 3, seed=1)
    truth[0, 4] = torch.nan
    cosines = [
        torch.dot(normalize(pose[b, c] - pose[b, p], dim=0), normalize(truth[b, c] - truth[b, p], dim=0))
        for b in range(2)
        for c, p in LIMBS
        if b or 4 not in (c, p)
    ]
    assert len(cosines) == 2 * len(LIMBS) - 2  # a lower arm ends two limbs
    value, gradient = value_and_gradient(lambda x, y: bone_cosine(x, y, LIMBS), pose, truth)
    torch.testing.assert_close(value, -len(LIMBS) * torch.stack(cosines).mean())
    assert gradient.isfinite().all()
    assert (gradient[0, 4] == 0).all()


def test_directions_of_unknown_limbs_do_not_count() -> None:
    directions, truth = random(1, 15, 3, seed=0), random(1, 16, 3, seed=1)
    truth[0, 4] = torch.nan
    rows = [k for k, ends in enumerate(LIMBS) if 4 not in ends]
    true = torch.stack([normalize(truth[0, c] - truth[0, p], dim=0) for c, p in (LIMBS[k] for k in rows)])
    value, gradient = value_and_gradient(lambda x, y: limb_direction_mse(x, y, LIMBS), directions, truth)
    torch.testing.assert_close(value, (directions[0, rows] - true).square().mean())
    assert gradient.isfinite().all()


def test_unknown_heatmaps_do_not_count() -> None:
    maps, truth = random(2, 2, 5, 8, 8, seed=0), random(2, 2, 5, 8, 8, seed=1)
    known = torch.rand(2, 2, 5, generator=torch.Generator().manual_seed(2)) > 0.4
    truth[~known] = 0
    value, gradient = value_and_gradient(lambda x, y: joint_heatmap_mse(x, y, known), maps, truth)
    torch.testing.assert_close(value, (maps - truth)[known].square().mean())
    assert (gradient[~known] == 0).all()
    assert torch.equal(map_mse(maps, truth, known), value)
    pairs, true_pairs = random(2, 2, 5, 2, 8, 8, seed=2), random(2, 2, 5, 2, 8, 8, seed=3)
    lengths = random(2, 2, 5, seed=4).abs()
    per_limb = (pairs - true_pairs).square().mean((-3, -2, -1)) / (lengths + 1)
    torch.testing.assert_close(limb_heatmap_mse(pairs, true_pairs, lengths, known), per_limb[known].mean())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_loss_without_labels_is_zero_and_keeps_its_type(dtype: torch.dtype) -> None:
    pose = torch.randn(2, 16, 3).to(dtype).requires_grad_()
    loss = mpjpe_cm(pose, torch.full((2, 16, 3), torch.nan, dtype=dtype))
    loss.backward()
    assert loss.item() == 0
    assert loss.dtype == dtype
    assert pose.grad is not None
    assert (pose.grad == 0).all()
    assert known_mean(torch.ones(3, dtype=dtype), torch.ones(3, dtype=torch.bool)).dtype == dtype


def test_an_estimate_that_is_not_finite_shows_in_the_loss() -> None:
    pose, truth = random(1, 16, 3, seed=0), random(1, 16, 3, seed=1)
    pose[0, 2] = torch.nan
    assert mpjpe_cm(pose, truth).isnan()
    truth[0, 2] = torch.nan
    assert mpjpe_cm(pose, truth).isfinite()
