"""The picture at the end of a run shows each frame's views, heatmaps and poses in their columns."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Annotation

from egotap_pl.core.skeleton import unrealego
from egotap_pl.figures.frames import PosedFrame, poses_figure

PX = 32
SKELETON = unrealego()


def a_frame(title: str) -> PosedFrame:
    random = np.random.default_rng(0)
    images = np.stack([np.full((3, PX, PX), value, np.uint8) for value in (51, 204)])
    joints = random.random((2, 15, 8, 8))
    truth = random.normal(0, 40, (len(SKELETON.estimated), 3))
    return PosedFrame(title, images, joints, np.stack((joints, joints), 2), truth, truth + 5)


@pytest.mark.parametrize("has_heatmaps", [True, False])
def test_every_column_has_its_title_and_every_image_its_place(has_heatmaps: bool) -> None:
    frames = [a_frame("best: 12 mm"), a_frame("worst: 300 mm")]
    if not has_heatmaps:
        frames = [replace(frame, joint_heatmaps=None, limb_heatmaps=None) for frame in frames]
    figure = poses_figure(frames, SKELETON)
    images, front, side = (figure.axes[column::3] for column in range(3))
    titles = ["left view", "right view"]
    if has_heatmaps:
        titles += ["joint heatmaps (left)", "limb heatmaps (left)"]
    assert [text.get_text() for text in images[0].texts] == titles
    assert not images[1].texts
    assert (front[0].get_title(), side[0].get_title()) == ("from the front", "from the side")
    assert [axis.get_ylabel() for axis in images] == ["best: 12 mm", "worst: 300 mm"]
    (image,) = images[0].get_images()
    for text, value in zip(images[0].texts, (0.2, 0.8), strict=False):
        assert isinstance(text, Annotation)
        middle = np.asarray(image.get_array())[PX // 2, round(text.xy[0])]
        np.testing.assert_allclose(middle, value)
    figure.savefig(io.BytesIO(), format="png")


def test_both_poses_are_drawn_upright() -> None:
    frame = a_frame("a frame")
    figure = poses_figure([frame], SKELETON)
    _, front, _ = figure.axes
    truth, estimate = (points.get_offsets() for points in front.collections)
    np.testing.assert_allclose(np.asarray(truth)[:, 1], -frame.truth_cm[:, 2])
    np.testing.assert_allclose(np.asarray(estimate)[:, 1], -frame.estimate_cm[:, 2])
