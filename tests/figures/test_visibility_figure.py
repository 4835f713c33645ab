from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.core.batch import Visibility as V
from egotap_pl.figures.visibility import (
    STATES,
    error_by_visibility,
    joint_states,
    shares,
    visibility_figure,
)


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
    np.testing.assert_array_equal(shares(result), [0.5, 0, 0, 0.5, 0, 0])


def test_a_state_per_row_and_a_method_per_legend_entry() -> None:
    rng = np.random.default_rng(0)
    visibility = rng.choice([1, 2], (40, 2, 5)).astype(np.uint8)
    results = {
        name: error_by_visibility(rng.random((40, 5)), visibility, [f"m{k // 4}" for k in range(40)]) for name in "AB"
    }
    figure = visibility_figure(results)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["A", "B"]
    assert len(figure.axes[0].get_yticks()) == 3  # the pairs of visible and occluded
    figure.savefig(io.BytesIO(), format="png", dpi=30)
