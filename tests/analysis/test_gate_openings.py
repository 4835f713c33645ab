"""Recorded gates against the units' own, and their means by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from egotap_pl.analysis.gate_openings import gates_by_visibility, recorded_gates, visibility_groups
from egotap_pl.core.batch import Visibility as V
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.nn.propagation import PuPropagation

SKELETON = Skeleton("four", ("root", "a", "b", "c"), (0, 0, 1, 2), estimates_root=True)


def test_gates_are_those_of_the_unit() -> None:
    torch.manual_seed(0)
    model = PuPropagation(unrealego(), 8, state_dim=6, num_layers=2).eval()
    joint, limb = torch.randn(2, 3, 15, 8).unbind(0)
    with torch.no_grad(), recorded_gates(model) as layers:
        watched = model(joint, limb)
        expected = (model.layers[0].to_forget.weight @ joint.mT + model.layers[0].to_forget.bias[:, None]).sigmoid().mT
        hidden = model.layers[0](joint, limb)
        upper = model.layers[1].to_forget(hidden).sigmoid()
    np.testing.assert_allclose(layers[0].hidden.mean, expected[..., :6].mean(-1), atol=1e-6)
    np.testing.assert_allclose(layers[0].limb.mean, expected[..., 6:].mean(-1), atol=1e-6)
    np.testing.assert_allclose(layers[1].hidden.mean, upper.mean(-1), atol=1e-6)
    assert layers[1].limb is None
    decided = ((expected[..., :6] < 0.25) | (expected[..., :6] > 0.75)).float().mean(-1)
    np.testing.assert_allclose(layers[0].hidden.decided, decided, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(model(joint, limb), watched)


def test_views_are_counted_for_joint_and_parent() -> None:
    left = [V.VISIBLE, V.VISIBLE, V.OCCLUDED, V.VISIBLE]
    right = [V.VISIBLE, V.VISIBLE, V.VISIBLE, V.OUT_OF_VIEW]
    unknown = [V.VISIBLE, V.VISIBLE, V.UNKNOWN, V.VISIBLE]
    groups = visibility_groups(np.array([[left, right], [left, unknown]], np.uint8), SKELETON)
    # a hangs off the root; b is seen by 1 view and its parent by 2; c by 1 and its parent by 1.
    assert groups.tolist() == [[-1, 5, 4], [-1, -1, -1]]


def test_a_joints_own_mean_is_taken_away() -> None:
    # Two joints with gates of 0.2 and 0.8; a parent that no view sees opens either by 0.1.
    groups = np.array([[8, 8], [8, 6], [8, 6], [6, 6]])
    gate = np.array([0.2, 0.8]) + 0.1 * (groups == 6)
    means = gates_by_visibility(gate, groups, np.arange(4))
    assert means.value.mean[6] == pytest.approx((0.3 + 3 * 0.9) / 4)
    assert means.value.mean[8] == pytest.approx((3 * 0.2 + 0.8) / 4)
    assert means.excess.mean[6] == pytest.approx((0.075 + 3 * 0.025) / 4)
    assert means.excess.mean[8] == pytest.approx((3 * -0.025 - 0.075) / 4)
    assert means.value.samples.tolist() == [0, 0, 0, 0, 0, 0, 4, 0, 4]


def test_samples_without_a_group_do_not_count() -> None:
    groups = np.array([[4, -1], [4, 4]])
    means = gates_by_visibility(np.array([[0.5, 9.0], [0.5, 0.5]]), groups, np.arange(2))
    assert means.value.mean[4] == 0.5
    assert means.excess.mean[4] == 0
