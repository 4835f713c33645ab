"""Frames that are drawn while a network learns."""

from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.figures.drawing import overlaid
from egotap_pl.figures.panels import FramePanel, panel_figure, pose_cloud
from egotap_pl.figures.style import POSE_COLOURS

LIMBS = ((1, 0), (2, 1))


def a_panel(maps: dict[str, np.ndarray] | None = None, poses: bool = True) -> FramePanel:
    rng = np.random.default_rng(0)
    return FramePanel(
        "walking",
        rng.integers(0, 256, (3, 16, 16), dtype=np.uint8),
        maps or {"estimate": rng.random((4, 4, 4))},
        {name: rng.normal(size=(3, 3)) for name in POSE_COLOURS} if poses else {},
    )


def test_a_figure_has_a_column_for_each_name_of_heatmaps_and_two_for_poses() -> None:
    maps = {"target": np.zeros((2, 4, 4)), "estimate": np.ones((2, 4, 4))}
    figure = panel_figure([a_panel(maps), a_panel(maps)], LIMBS)
    titles = [axis.get_title() for axis in figure.axes[:5]]
    assert titles == ["left view", "target", "estimate", "from the front (cm)", "from the side (cm)"]
    assert len(figure.axes) == 10
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(
    ("panels", "limbs", "message"),
    [
        ([], (), "no frames"),
        ([a_panel(poses=False)], LIMBS, "walking: limbs are given for frames with poses"),
        ([a_panel()], (), "walking: limbs are given for frames with poses"),
        (
            [a_panel(), a_panel({"other": np.zeros((1, 4, 4))})],
            LIMBS,
            "heatmaps of the same names.*'estimate'.*'other'",
        ),
    ],
)
def test_frames_that_differ_in_heatmaps_or_poses_are_refused(panels, limbs, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        panel_figure(panels, limbs)


def test_heatmaps_are_drawn_where_they_are() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    maps = np.zeros((2, 4, 4))
    maps[0, 1, 2] = 1.0  # red: the first of the colours
    assert np.argwhere(overlaid(image, maps)[..., 0]).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
    assert overlaid(image + np.uint8(200), maps)[0, 0] == pytest.approx(0.35 * 200 / 255)


def test_a_cloud_keeps_distances_and_sides_and_stands_upright() -> None:
    panel = a_panel()
    points = pose_cloud(panel, LIMBS)
    per_pose = len(points) // 2
    for k, pose_cm in enumerate(panel.poses_cm.values()):
        cloud = points[k * per_pose : (k + 1) * per_pose, :3]
        steps = per_pose // len(LIMBS)
        ends = np.stack((cloud[0], cloud[steps - 1], cloud[-1]))  # parent, child, grandchild
        wanted = pose_cm[[0, 1, 2]]
        for i, j in ((0, 1), (1, 2), (0, 2)):
            assert np.linalg.norm(ends[i] - ends[j]) == pytest.approx(np.linalg.norm(wanted[i] - wanted[j]))
    # A rotation, no mirror image; away from the downward-looking cameras is down.
    axes = np.concatenate((np.zeros((1, 3)), np.eye(3)))
    cloud = pose_cloud(FramePanel("x", panel.image, panel.heatmaps, {"truth": axes}), ((1, 0), (2, 0), (3, 0)))
    steps = len(cloud) // 3
    turned = np.stack([cloud[(k + 1) * steps - 1, :3] for k in range(3)])
    assert np.linalg.det(turned) == pytest.approx(1)
    assert turned[2].tolist() == [0, 0, -1]


def test_truth_and_estimate_differ_in_colour() -> None:
    points = pose_cloud(a_panel(), LIMBS)
    assert len({tuple(colour) for colour in points[:, 3:].round()}) == 2
    assert points[:, 3:].max() <= 255
