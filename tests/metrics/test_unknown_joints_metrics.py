"""Errors of labels that are partly unknown; with all known, the plain formulas to the last digit."""

from __future__ import annotations

import math

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from egotap_pl.metrics import HeatmapMSE, PoseMetrics, align_similarity, is_alignable, mpjpe_mm, pa_mpjpe_mm

NAMES, CATEGORIES = tuple("abcdefghijklmnop"), ("walking", "boxing", "golf")


def poses(batch: int, seed: int, joints: int = 16) -> Tensor:
    return 30 * torch.randn(batch, joints, 3, generator=torch.Generator().manual_seed(seed))


def plainly_aligned(pose: Tensor, truth: Tensor) -> Tensor:
    """The alignment of poses without unknown joints."""

    def unit(centred: Tensor) -> Tensor:
        spread = torch.linalg.vector_norm(centred, dim=(-2, -1), keepdim=True)
        return torch.where(spread <= 1e-9, 0.0, centred / spread)

    pose, truth = pose.double(), truth.double()
    mean = truth.mean(-2, keepdim=True)
    pose, truth = unit(pose - pose.mean(-2, keepdim=True)), truth - mean
    rotated = pose @ roma.special_procrustes((unit(truth).mT @ pose).nan_to_num(0.0)).mT
    return (truth * rotated).sum((-2, -1), keepdim=True) * rotated + mean


def plain_errors_mm(pose: Tensor, truth: Tensor) -> Tensor:
    return (pose.double() - truth.double()).norm(dim=-1) * 10.0


def filled(pose: Tensor, truth: Tensor, category: Tensor, batch: int = 5) -> PoseMetrics:
    metric = PoseMetrics(NAMES[: truth.shape[1]], CATEGORIES)
    for part in zip(*(tensor.split(batch) for tensor in (pose, truth, category)), strict=True):
        metric.update(*part)
    return metric


@pytest.mark.parametrize("joints", [2, 7, 16])
def test_known_poses_give_the_plain_formulas_to_the_last_digit(joints: int) -> None:
    pose, truth, category = poses(49, 0, joints), poses(49, 1, joints), torch.arange(49) % 3
    assert torch.equal(align_similarity(pose, truth), plainly_aligned(pose, truth))
    errors, aligned = plain_errors_mm(pose, truth), plain_errors_mm(plainly_aligned(pose, truth), truth)
    assert torch.equal(mpjpe_mm(pose, truth), errors.mean(-1))
    assert torch.equal(pa_mpjpe_mm(pose, truth), aligned.mean(-1))
    sums, aligned_sums = (torch.zeros(3, joints, dtype=torch.float64) for _ in range(2))
    for part in torch.arange(49).split(5):
        sums.index_add_(0, category[part], errors[part])
        aligned_sums.index_add_(0, category[part], aligned[part])
    result = filled(pose, truth, category).compute()
    assert result["frames"] == 49
    assert result["mpjpe"] == float(sums.sum(0).mean() / 49)
    assert result["pa_mpjpe"] == float(aligned_sums.sum(0).mean() / 49)
    assert list(result["per_joint"].values()) == (sums.sum(0) / 49).tolist()
    for name, row, aligned_row, number in zip(CATEGORIES, sums, aligned_sums, (17, 16, 16), strict=True):
        expected = {"mpjpe": float(row.mean() / number), "pa_mpjpe": float(aligned_row.mean() / number)}
        assert result["per_category"][name] == {**expected, "frames": number}


def test_every_frame_is_measured_by_its_known_joints() -> None:
    pose, truth, category = poses(20, 0), poses(20, 1), torch.arange(20) % 3
    unknown = torch.rand(20, 16, generator=torch.Generator().manual_seed(2)) < 0.4
    unknown[:, 7], unknown[6] = True, True  # a joint that is never known, a frame without any
    truth[unknown] = torch.nan
    mean, aligned = [], []
    for p, t, u in zip(pose, truth, unknown, strict=True):
        mean.append(plain_errors_mm(p[~u], t[~u]).mean().item())
        aligned.append(pa_mpjpe_mm(p[~u][None], t[~u][None]).item() if (~u).sum() >= 3 else math.nan)
    np.testing.assert_allclose(mpjpe_mm(pose, truth), mean, equal_nan=True)
    np.testing.assert_allclose(pa_mpjpe_mm(pose, truth), aligned, equal_nan=True)
    result = filled(pose, truth, category).compute()
    assert result["frames"] == 19
    assert result["mpjpe"] == pytest.approx(np.nanmean(mean))
    assert result["pa_mpjpe"] == pytest.approx(np.nanmean(aligned))
    assert result["per_joint"]["h"] is None
    for j, name in enumerate(NAMES):
        if j != 7:
            rows = ~unknown[:, j]
            assert result["per_joint"][name] == pytest.approx(plain_errors_mm(pose, truth)[rows, j].mean().item())
    assert result["per_category"]["walking"] == {
        "mpjpe": pytest.approx(np.nanmean(mean[::3])),
        "pa_mpjpe": pytest.approx(np.nanmean(aligned[::3])),
        "frames": 6,
    }


def test_alignment_moves_all_joints_by_the_known_ones() -> None:
    truth = poses(3, 1).double()
    moved = 0.7 * truth @ roma.random_rotmat(3, dtype=torch.float64).mT + 5
    partly = truth.clone()
    partly[:, ::2] = torch.nan
    torch.testing.assert_close(align_similarity(moved, partly), truth)


@pytest.mark.parametrize(
    ("known", "alignable"),
    [
        ([[0, 0, 0], [1, 2, 3]], False),  # two joints
        ([[0, 0, 0], [10, 20, 30], [20, 40, 60], [-5, -10, -15]], False),  # on a line
        ([[0, 0, 0], [30, 0, 0], [60, 0.003, 0]], False),  # all but on a line: 0.03 of 600 mm
        ([[5, 5, 5], [5, 5, 5], [5, 5, 5]], False),  # in a point
        ([[0, 0, 0], [10, 20, 30], [20, 40, 61]], True),
        ([[900, 900, 900], [900, 900, 910], [910, 900, 900]], True),
    ],
)
def test_three_known_joints_that_are_not_on_a_line_can_be_aligned(known: list[list[float]], alignable: bool) -> None:
    truth = torch.full((1, 6, 3), torch.nan)
    truth[0, : len(known)] = torch.tensor(known, dtype=torch.float32)
    assert is_alignable(truth).tolist() == [alignable]
    assert pa_mpjpe_mm(poses(1, 0, 6), truth).isfinite().tolist() == [alignable]
    assert mpjpe_mm(poses(1, 0, 6), truth).isfinite().all()


def test_frames_that_cannot_be_aligned_count_for_the_mpjpe_alone() -> None:
    truth = poses(2, 1)
    truth[:, 2:] = torch.nan
    result = filled(poses(2, 0), truth, torch.tensor([0, 0])).compute()
    assert result["frames"] == 2
    assert math.isfinite(result["mpjpe"])
    assert result["pa_mpjpe"] is None
    assert result["per_category"]["walking"]["pa_mpjpe"] is None


def test_an_estimate_that_is_not_finite_shows_in_the_errors() -> None:
    pose, truth = poses(4, 0), poses(4, 1)
    pose[2, 3] = torch.nan
    truth[1, 3] = torch.nan
    assert math.isnan(filled(pose, truth, torch.zeros(4, dtype=torch.int64)).compute()["mpjpe"])


@pytest.mark.parametrize("shape", [(8, 8), (2, 8, 8)], ids=["joints", "limbs"])
def test_unknown_heatmaps_do_not_count(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    maps, truth = (torch.rand(5, 2, 4, *shape, generator=generator) for _ in range(2))
    known = torch.rand(5, 2, 4, generator=generator) > 0.4
    truth[~known] = 0
    metric = HeatmapMSE()
    metric.update(maps, truth, known)
    result = metric.compute()
    assert result["mse"] == pytest.approx((maps - truth)[known].square().mean().item())
    assert result["zeros_mse"] == pytest.approx(truth[known].square().mean().item())
    right = (maps - truth)[:, 1][known[:, 1]]
    assert result["per_view"]["right"] == pytest.approx(right.square().mean().item())
    plain, masked = HeatmapMSE(), HeatmapMSE()
    plain.update(maps, truth)
    masked.update(maps, truth, torch.ones_like(known))
    assert plain.compute() == masked.compute()
