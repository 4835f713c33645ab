"""Errors by visibility and by depth, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from egotap_pl.analysis.error_breakdown import error_by_visibility, joint_states, mean_by_depth
from egotap_pl.core.batch import Visibility as V
from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.metrics.visibility import STATES


def test_either_view_may_be_the_one_that_sees() -> None:
    left = [V.VISIBLE, V.OCCLUDED, V.OUT_OF_VIEW, V.OUT_OF_VIEW, V.UNKNOWN]
    right = [V.VISIBLE, V.VISIBLE, V.VISIBLE, V.OCCLUDED, V.VISIBLE]
    states = joint_states(np.array([[left, right], [right, left]], np.uint8))
    expected = [
        ("visible", "visible"),
        ("visible", "occluded"),
        ("visible", "out of view"),
        ("occluded", "out of view"),
    ]
    for row in states:
        assert [STATES[k] for k in row[:4]] == expected
        assert row[4] == -1


def test_three_views_are_refused() -> None:
    with pytest.raises(ValueError, match="2 views"):
        joint_states(np.ones((1, 3, 2), np.uint8))


def test_the_excess_takes_the_joints_own_error_away() -> None:
    # A near joint of 10 mm and a far one of 100 mm; the far one is hidden more often, but hiding costs 6 mm in each.
    hidden = np.array([[0, 0], [0, 1], [0, 1], [1, 1]])
    error = np.array([10.0, 100]) + 6 * hidden
    visibility = np.where(hidden, V.OCCLUDED, V.VISIBLE)[:, None].repeat(2, 1).astype(np.uint8)
    result = error_by_visibility(error, visibility, ["a", "b", "c", "d"])
    seen, unseen = 0, STATES.index(("occluded", "occluded"))
    assert result.error_mm.mean[seen] == pytest.approx((3 * 10 + 100) / 4)
    assert result.error_mm.mean[unseen] == pytest.approx((16 + 3 * 106) / 4)
    # Joint 0: -1.5, -1.5, -1.5, 4.5; joint 1: -4.5, 1.5, 1.5, 1.5.
    assert result.excess_mm.mean[seen] == pytest.approx((3 * -1.5 - 4.5) / 4)
    assert result.excess_mm.mean[unseen] == pytest.approx((4.5 + 3 * 1.5) / 4)
    np.testing.assert_array_equal(result.shares, [0.5, 0, 0, 0.5, 0, 0])


@pytest.mark.parametrize(("skeleton", "first"), [(unrealego(), 0), (egocap(), 1)], ids=["unrealego", "egocap"])
def test_joints_go_to_their_depth(skeleton, first: int) -> None:
    depth = np.array([len(skeleton.path(joint)) - 1 for joint in skeleton.estimated])
    means = mean_by_depth(np.tile(10.0 * depth, (6, 1)), skeleton, list("aabbcc"))
    there = np.arange(first, depth.max() + 1)
    np.testing.assert_allclose(means.mean[there], 10 * there)
    np.testing.assert_allclose(means.low[there], 10 * there)
    assert means.samples.sum() == 6 * len(depth)
    assert np.isnan(means.mean[:first]).all()
