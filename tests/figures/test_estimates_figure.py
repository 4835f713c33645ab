"""Joints drawn over an image lie at the peaks of their heatmaps."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.figures.estimates import EstimatedFrame, draw_peaks, estimates_figure


def test_joints_and_limbs_lie_at_the_peaks():
    skeleton, side, map_px = unrealego(), 64, 16
    random = np.random.default_rng(0)
    cells = random.integers(0, map_px, (15, 2))  # column, row
    maps = np.zeros((15, map_px, map_px), np.float32)
    for joint, (column, row) in enumerate(cells):
        maps[joint, row, column] = 0.6
    axis = Figure().add_subplot()
    draw_peaks(axis, np.zeros((3, side, side), np.uint8), maps, skeleton)
    centres = 4 * cells + 2  # a heatmap pixel is 4 image pixels wide
    (joints,) = axis.collections
    np.testing.assert_allclose(np.asarray(joints.get_offsets()), centres)
    limbs = [(child, parent) for child, parent in skeleton.limbs if parent != 0]
    assert len(axis.lines) == len(limbs)
    for line, (child, parent) in zip(axis.lines, limbs, strict=True):
        np.testing.assert_allclose(np.asarray(line.get_xydata()), centres[[child - 1, parent - 1]])


def test_a_row_per_frame():
    frame = EstimatedFrame(
        "x",
        np.zeros((2, 3, 32, 32), np.uint8),
        np.zeros((2, 17, 8, 8), np.float32),
        np.random.default_rng(1).normal(size=(17, 3)).astype(np.float32),
    )
    figure = estimates_figure([frame] * 3, egocap())
    assert len(figure.axes) == 12
