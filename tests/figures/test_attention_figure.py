from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.core.skeleton import unrealego
from egotap_pl.figures.attention import AttendingFrame, attention_figure, joint_attention_figure


def test_figures_have_a_row_per_frame_layer_and_view() -> None:
    rng, skeleton = np.random.default_rng(0), unrealego()
    layers = [rng.random((2, 15, 2, 2)) / 60 for _ in range(3)]
    frames = [AttendingFrame(name, rng.random((2, 15, 16, 16)), layers) for name in ("seen", "hidden")]
    figure = attention_figure(frames, skeleton, 5)
    rows = [axis for axis in figure.axes if axis.images]
    assert len(rows) == 2 * 3 * 2
    assert [text.get_text() for text in rows[0].texts] == list(skeleton.joints[1:])
    strip = rows[0].images[0].get_array()
    assert strip[0, 0] == pytest.approx(layers[0][0, 0, 0, 0] * 120)
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    between = joint_attention_figure([rng.random((2, 15, 2, 15))] * 2, skeleton)
    assert sum(bool(axis.images) for axis in between.axes) == 2
    between.savefig(io.BytesIO(), format="png", dpi=30)
