from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from egotap_pl.core.batch import Visibility as V
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.figures.gates import gates_by_visibility, gates_figure, recorded_gates, seen_by
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
    seen = seen_by(np.array([[left, right], [left, unknown]], np.uint8), SKELETON)
    # a hangs off the root; b is seen by 1 view and its parent by 2; c by 1 and its parent by 1.
    assert seen.tolist() == [[-1, 5, 4], [-1, -1, -1]]


def test_a_joints_own_mean_is_taken_away() -> None:
    # Two joints with gates of 0.2 and 0.8; a parent that no view sees opens either by 0.1.
    seen = np.array([[8, 8], [8, 6], [8, 6], [6, 6]])
    gate = np.array([0.2, 0.8]) + 0.1 * (seen == 6)
    means = gates_by_visibility(gate, seen, np.arange(4))
    assert means.value.mean[6] == pytest.approx((0.3 + 3 * 0.9) / 4)
    assert means.value.mean[8] == pytest.approx((3 * 0.2 + 0.8) / 4)
    assert means.excess.mean[6] == pytest.approx((0.075 + 3 * 0.025) / 4)
    assert means.excess.mean[8] == pytest.approx((3 * -0.025 - 0.075) / 4)
    assert means.value.samples.tolist() == [0, 0, 0, 0, 0, 0, 4, 0, 4]


def test_samples_that_are_not_told_do_not_count() -> None:
    seen = np.array([[4, -1], [4, 4]])
    means = gates_by_visibility(np.array([[0.5, 9.0], [0.5, 0.5]]), seen, np.arange(2))
    assert means.value.mean[4] == 0.5
    assert means.excess.mean[4] == 0


def test_a_column_per_gate() -> None:
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 8, (30, 5))  # the last of the nine never
    gates = {name: gates_by_visibility(rng.random((30, 5)), seen, np.arange(30) // 3) for name in ("f′", "f″", "x")}
    figure = gates_figure(gates)
    matrices = [axis for axis in figure.axes if axis.images and len(axis.texts) == 9]
    assert len(matrices) == 2 * 3
    assert matrices[0].texts[8].get_text() == "no sample"
    figure.savefig(io.BytesIO(), format="png", dpi=30)
