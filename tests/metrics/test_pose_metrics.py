"""Errors of poses against SciPy, cases computed by hand, and the invariances of an alignment."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import roma
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes

from egotap_pl.metrics import PoseMetrics, align_similarity, joint_errors_mm, mpjpe_mm, pa_mpjpe_mm

SIZES = pytest.mark.parametrize("batch", [1, 2, 3, 7])
MIRROR = torch.tensor([-1.0, 1.0, 1.0])


def poses(batch: int, seed: int = 0, joints: int = 16) -> torch.Tensor:
    return 30 * torch.randn(batch, joints, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def align_with_scipy(pose: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Aligns one pose by SciPy's orthogonal Procrustes, with the smallest axis reversed where it would mirror."""
    mean = truth.mean(0)
    pose, truth = pose - pose.mean(0), truth - mean
    matrix, _ = orthogonal_procrustes(pose, truth)
    if np.linalg.det(matrix) < 0:
        u, _, vt = np.linalg.svd(pose.T @ truth)
        matrix = u @ np.diag([1, 1, -1]) @ vt
    rotated = pose @ matrix
    return (rotated * truth).sum() / (pose**2).sum() * rotated + mean


@SIZES
def test_mpjpe_is_the_mean_distance_in_mm(batch: int) -> None:
    truth = poses(batch)
    moved = truth + torch.tensor([3.0, 4.0, 0.0])
    assert mpjpe_mm(moved, truth).tolist() == pytest.approx([50.0] * batch)
    moved = truth.clone()
    moved[0, 5, 2] += 8
    assert joint_errors_mm(moved, truth)[0, 5].item() == pytest.approx(80.0)
    assert mpjpe_mm(moved, truth).tolist() == pytest.approx([5.0] + [0.0] * (batch - 1))


@SIZES
def test_alignment_equals_scipy(batch: int) -> None:
    pose, truth = poses(batch, 1), poses(batch, 2)
    expected = np.stack([align_with_scipy(p, t) for p, t in zip(pose.numpy(), truth.numpy(), strict=True)])
    np.testing.assert_allclose(align_similarity(pose, truth).numpy(), expected, atol=1e-9)


def test_residual_equals_scipys_procrustes_where_a_mirror_does_not_help() -> None:
    truth = poses(4, 3)
    pose = (truth + 0.2 * poses(4, 4)) @ roma.random_rotmat(4, dtype=torch.float64) * 0.7 + 5
    aligned = align_similarity(pose, truth)
    for p, t, a in zip(pose, truth, aligned, strict=True):
        disparity = procrustes(t.numpy(), p.numpy())[2]  # of the truth scaled to unit spread
        spread = (t - t.mean(0)).square().sum()
        assert ((a - t).square().sum() / spread).item() == pytest.approx(disparity)


@SIZES
@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_any_similarity_is_undone(batch: int, scale: float) -> None:
    truth = poses(batch)
    rotation = roma.random_rotmat(batch, dtype=torch.float64)
    moved = scale * truth @ rotation.mT + torch.tensor([100.0, -20.0, 3.0])
    assert pa_mpjpe_mm(moved, truth).max() < 1e-6
    pose = poses(batch, 1)
    torch.testing.assert_close(pa_mpjpe_mm(scale * pose @ rotation.mT - 7, truth), pa_mpjpe_mm(pose, truth))


@SIZES
def test_a_reflection_is_not_undone(batch: int) -> None:
    truth = poses(batch)
    assert (pa_mpjpe_mm(truth * MIRROR, truth) > 50).all()
    assert (pa_mpjpe_mm(-truth, truth) > 50).all()


@SIZES
def test_no_other_similarity_is_closer(batch: int) -> None:
    pose, truth = poses(batch, 1), poses(batch, 2)
    best = (align_similarity(pose, truth) - truth).square().sum((-2, -1))
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        aligned = align_similarity(pose, truth)
        rotation = roma.rotvec_to_rotmat(0.05 * torch.randn(batch, 3, generator=generator, dtype=torch.float64))
        stretch = 1 + 0.05 * torch.randn(batch, 1, 1, generator=generator, dtype=torch.float64)
        shift = torch.randn(batch, 1, 3, generator=generator, dtype=torch.float64)
        other = stretch * aligned @ rotation.mT + shift
        assert ((other - truth).square().sum((-2, -1)) >= best - 1e-9).all()


def test_a_frames_error_does_not_depend_on_its_batch() -> None:
    pose, truth = poses(7, 1), poses(7, 2)
    together = pa_mpjpe_mm(pose, truth)
    for size in (1, 2, 3):
        apart = torch.cat([pa_mpjpe_mm(p, t) for p, t in zip(pose.split(size), truth.split(size), strict=True)])
        torch.testing.assert_close(apart, together)


def line(direction: tuple[float, float, float]) -> torch.Tensor:
    return torch.linspace(-20, 30, 16, dtype=torch.float64)[:, None] * torch.tensor(direction, dtype=torch.float64)


def test_a_pose_without_extent_lands_on_the_truths_mean() -> None:
    truth = poses(3)
    for pose in (torch.zeros_like(truth), torch.full_like(truth, 123.456), torch.full_like(truth, 0.1).float()):
        aligned = align_similarity(pose, truth)
        torch.testing.assert_close(aligned, truth.mean(-2, keepdim=True).expand_as(truth))


def test_degenerate_poses_have_finite_errors() -> None:
    truth = poses(1)
    flat = truth * torch.tensor([1.0, 1.0, 0.0])
    for pose in (line((1, 2, 3))[None], flat, truth * 1e-5, truth * 1e5):
        assert torch.isfinite(pa_mpjpe_mm(pose, truth)).all()
        assert torch.isfinite(pa_mpjpe_mm(truth, pose)).all()
    assert pa_mpjpe_mm(truth, torch.ones_like(truth)).item() == pytest.approx(0.0, abs=1e-6)  # shrunk to the point
    rotated = line((3, 0, 0))[None] @ roma.random_rotmat(1, dtype=torch.float64)
    assert pa_mpjpe_mm(rotated, line((1, 2, 2))[None]).item() == pytest.approx(0.0, abs=1e-6)
    assert pa_mpjpe_mm(flat @ roma.random_rotmat(1, dtype=torch.float64), flat).item() == pytest.approx(0.0, abs=1e-6)
    assert pa_mpjpe_mm(flat * MIRROR, flat).item() == pytest.approx(0.0, abs=1e-6)  # within a plane a rotation suffices


def test_a_pose_that_is_not_finite_affects_only_itself() -> None:
    pose, truth = poses(3, 1), poses(3, 2)
    expected = pa_mpjpe_mm(pose, truth)
    for bad in (math.nan, math.inf):
        pose[1, 4, 0] = bad
        errors = pa_mpjpe_mm(pose, truth)
        assert torch.isnan(errors[1])
        torch.testing.assert_close(errors[[0, 2]], expected[[0, 2]])


# --- the accumulating metric


NAMES, CATEGORIES = ("head", "hand"), ("walking", "boxing", "golf")


def test_hand_computed_errors_per_joint_and_category() -> None:
    metric = PoseMetrics(NAMES, CATEGORIES)
    truth = torch.tensor([[[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]]]).repeat(3, 1, 1)
    pose = truth.clone()
    pose[0, 0] += torch.tensor([0.0, 3.0, 4.0])  # golf: head 50 mm
    pose[1] += 1.0  # walking: both 10 sqrt(3) mm, a translation
    pose[2, 1, 0] += 6.0  # golf: hand 60 mm; two points align by scale
    metric.update(pose[:2], truth[:2], torch.tensor([2, 0]))
    metric.update(pose[2:], truth[2:], torch.tensor([2]))
    result = metric.compute()
    root3 = 10 * math.sqrt(3)
    assert result["frames"] == 3
    assert result["mpjpe"] == pytest.approx((25 + root3 + 30) / 3)
    assert result["pa_mpjpe"] == pytest.approx(0.0, abs=1e-5)
    assert result["per_joint"] == {"head": pytest.approx((50 + root3) / 3), "hand": pytest.approx((root3 + 60) / 3)}
    assert list(result["per_category"]) == ["walking", "golf"]  # no boxing: no frames
    assert result["per_category"]["golf"]["mpjpe"] == pytest.approx(27.5)
    assert result["per_category"]["golf"]["frames"] == 2
    assert result["per_category"]["walking"]["mpjpe"] == pytest.approx(root3)
    assert json.loads(json.dumps(result)) == result


def random_frames(frames: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    category = torch.randint(3, (frames,), generator=torch.Generator().manual_seed(1))
    return poses(frames, 1, 2).float(), poses(frames, 2, 2).float(), category


def accumulated(frames: tuple[torch.Tensor, ...], batch: int) -> PoseMetrics:
    metric = PoseMetrics(NAMES, CATEGORIES)
    for part in zip(*(tensor.split(batch) for tensor in frames), strict=True):
        metric.update(*part)
    return metric


def assert_same(actual: dict, expected: dict) -> None:
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            assert_same(actual[key], value)
        else:
            assert actual[key] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("batch", [1, 2, 3, 32])
def test_errors_are_means_over_frames_for_any_batches(batch: int) -> None:
    frames = random_frames(32)
    result = accumulated(frames, batch).compute()
    pose, truth, category = frames
    assert result["mpjpe"] == pytest.approx(mpjpe_mm(pose, truth).mean().item())
    assert result["pa_mpjpe"] == pytest.approx(pa_mpjpe_mm(pose, truth).mean().item())
    for index, name in enumerate(CATEGORIES):
        rows = category == index
        errors = result["per_category"][name]
        assert errors["mpjpe"] == pytest.approx(mpjpe_mm(pose[rows], truth[rows]).mean().item())
        assert errors["pa_mpjpe"] == pytest.approx(pa_mpjpe_mm(pose[rows], truth[rows]).mean().item())
    assert_same(result, accumulated(frames, 32).compute())


@pytest.mark.parametrize("first", [0, 1, 13])
def test_two_processes_give_the_same_as_one(first: int) -> None:
    frames = random_frames(32)
    ranks = [accumulated(tuple(t[part] for t in frames), 5) for part in (slice(first), slice(first, None))]
    states = [{name: getattr(rank, name) for name in rank._defaults} for rank in ranks]
    for rank in ranks:
        names = iter(rank._defaults)

        def gather(_: torch.Tensor, group: object = None, names=names) -> list[torch.Tensor]:
            name = next(names)
            return [state[name].clone() for state in states]

        rank.dist_sync_fn, rank.distributed_available_fn = gather, lambda: True
        assert_same(rank.compute(), accumulated(frames, 32).compute())


def test_after_a_reset_errors_are_nan() -> None:
    metric = accumulated(random_frames(5), 5)
    metric.reset()
    with pytest.warns(UserWarning, match="before"):
        result = metric.compute()
    assert result["frames"] == 0
    assert math.isnan(result["mpjpe"])
    assert result["per_category"] == {}


def test_repeated_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unique"):
        PoseMetrics(("head", "head"), CATEGORIES)


def test_mixed_precision_does_not_make_errors_less_accurate() -> None:
    pose, truth = poses(4).float(), poses(4, seed=1).float()
    plain = mpjpe_mm(pose, truth), pa_mpjpe_mm(pose, truth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = mpjpe_mm(pose, truth), pa_mpjpe_mm(pose, truth)
    torch.testing.assert_close(cast, plain, atol=0, rtol=0)
