"""The figure of labels: every label that is known is drawn at its place, and nothing else."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from egotap_pl.core.batch import Visibility
from egotap_pl.core.skeleton import unrealego
from egotap_pl.figures.labels import LabelledFrame, labels_figure
from egotap_pl.figures.style import GREEN, SKY, VERMILION

SKELETON = unrealego()
PX = 64


def a_frame() -> LabelledFrame:
    random = np.random.default_rng(0)
    points = random.uniform(100, 900, (2, 16, 2))
    return LabelledFrame(
        title="walking",
        images=random.integers(0, 256, (2, 3, PX, PX), dtype=np.uint8),
        points2d_px=points,
        projected_px=points + 16,
        visibility=np.full((2, 16), Visibility.VISIBLE, np.uint8),
        joint_heatmaps=random.random((2, 15, 16, 16)),
        limb_heatmaps=random.random((2, 15, 2, 16, 16)),
        pose_cm=random.normal(0, 30, (16, 3)),
    )


def test_points_are_on_the_pixels_of_the_image_and_limbs_have_the_colour_of_their_side() -> None:
    frame = a_frame()
    figure: Any = labels_figure([frame, frame], SKELETON)
    assert len(figure.axes) == 16
    for view, axis in enumerate(figure.axes[:2]):
        *dots, crosses = axis.collections
        places = np.concatenate([np.asarray(dot.get_offsets()) for dot in dots])
        np.testing.assert_allclose(places, frame.points2d_px[view] / 16 - 0.5)
        np.testing.assert_allclose(crosses.get_offsets(), places + 1)
        assert axis.get_xlim() == (-0.5, PX - 0.5)
        assert axis.get_ylim() == (PX - 0.5, -0.5)  # v grows downwards
        for (child, parent), line in zip(SKELETON.limbs, axis.lines, strict=True):
            np.testing.assert_allclose(line.get_xydata(), places[[child, parent]])
            name = SKELETON.joints[child]
            side = SKY if name.endswith("_l") else VERMILION if name.endswith("_r") else GREEN
            assert to_hex(line.get_color()) == side.lower()
    figure.savefig(io.BytesIO(), format="png")


def test_hidden_joints_are_hollow_and_unknown_ones_missing() -> None:
    frame = a_frame()
    frame.visibility[0, 3] = Visibility.OCCLUDED
    frame.points2d_px[0, 5] = np.nan
    frame.pose_cm[5] = np.nan
    figure: Any = labels_figure([frame], SKELETON)
    dots = figure.axes[0].collections[:-1]
    assert [len(dot.get_facecolor()) for dot in dots] == [0 if joint == 3 else 1 for joint in range(16)]
    assert np.ma.getmaskarray(dots[5].get_offsets()).all() or np.isnan(dots[5].get_offsets()).all()
    figure.savefig(io.BytesIO(), format="png")


def test_long_names_beside_the_rows_do_not_overlap() -> None:
    titles = (f"{28 * 'W'}\nMMWW_WARM-UP\nframe 100000", "walking\nwalk\nframe 3")
    figure: Any = labels_figure([replace(a_frame(), title=title) for title in (titles[0], *titles)], SKELETON)
    figure.savefig(io.BytesIO(), format="png", dpi=100)
    labels = [axis.yaxis.label for axis in figure.axes[::8]]
    boxes = [label.get_window_extent() for label in labels]
    assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
    assert labels[0].get_fontsize() < labels[2].get_fontsize() == 9


def test_without_frames_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no frames"):
        labels_figure([], SKELETON)
