"""Limb masks: compared with a slow drawing, pixel by pixel."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.masks import arms_and_legs, limb_masks
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego

SKELETONS = [unrealego(), egocap()]


def slow_mask(points_px: np.ndarray, chain: tuple[int, int, int], size: int, width_px: float) -> np.ndarray:
    """Distance of every pixel to 801 points along each segment, minus half the width; infinite for NaN points."""
    points = np.trunc(points_px * size / 1024)
    rows, columns = np.mgrid[:size, :size]
    nearest = np.full((size, size), math.inf)
    for a, b in itertools.pairwise(chain):
        if np.isfinite(points[[a, b]]).all():
            for t in np.linspace(0, 1, 801):
                u, v = (1 - t) * points[a] + t * points[b]
                nearest = np.minimum(nearest, np.hypot(columns - u, rows - v))
    return nearest - width_px * size / 1024 / 2


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda s: s.name)
@pytest.mark.parametrize("width_px", [120.0, 40.0])
def test_masks_are_thick_lines(skeleton: Skeleton, width_px: float) -> None:
    points = torch.rand(2, 2, skeleton.num_joints, 2, generator=torch.Generator().manual_seed(1)) * 1300 - 140
    points[0, 1, skeleton.num_joints // 2] = math.nan
    masks = limb_masks(points, skeleton, 32, width_px)
    assert masks.shape == (2, 2, 4, 32, 32)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    for b, v, m in np.ndindex(2, 2, 4):
        beyond = slow_mask(points[b, v].numpy(), arms_and_legs(skeleton)[m], 32, width_px)
        certain = np.abs(beyond) > 0.02
        assert (masks[b, v, m].numpy() == (beyond <= 0))[certain].all()


def test_a_limb_seen_end_on_is_a_disc_and_a_missing_one_is_empty() -> None:
    skeleton = unrealego()
    points = torch.full((1, 2, 16, 2), math.nan)
    points[:, :, list(arms_and_legs(skeleton)[0])] = 512.0
    masks = limb_masks(points, skeleton, 64, 160.0)
    assert masks[:, :, 0].sum(dim=(-2, -1)).tolist() == [[81.0, 81.0]]  # lattice points within 5 of a lattice point
    assert not masks[:, :, 1:].any()


def test_arms_and_legs_are_found_by_name() -> None:
    for skeleton in SKELETONS:
        names = [[skeleton.joints[j] for j in limb] for limb in arms_and_legs(skeleton)]
        left_arm, right_arm, left_leg, right_leg = arms_and_legs(skeleton)
        assert tuple(skeleton.mirror[j] for j in left_arm) == right_arm, names
        assert tuple(skeleton.mirror[j] for j in left_leg) == right_leg, names
        for a, b, c in arms_and_legs(skeleton):
            assert skeleton.parents[c] == b
            assert skeleton.parents[b] == a
    with pytest.raises(EgotapError, match="upperarm_l"):
        arms_and_legs(Skeleton("worm", ("head", "tail"), (0, 0), True))
