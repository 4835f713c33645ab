"""The figure of a rig draws angles and places where they are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from egotap_pl.core.camera import KannalaBrandtCamera, StereoRig
from egotap_pl.figures.rig import rig_figure

EQUIDISTANT = KannalaBrandtCamera((640, 480), (330.0, 236.0), 200.0, (150.0, 150.0), (0.0, 0.0, 0.0, 0.0))
TURNED = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def test_rings_and_cameras_are_where_they_should_be() -> None:
    figure = rig_figure(StereoRig("rig", (EQUIDISTANT, EQUIDISTANT), TURNED, (2.0, 1.0, -9.0)))
    views, places = figure.axes[:2], figure.axes[2:]
    for axis in views:
        lines = [np.stack(line.get_data(), -1) for line in axis.get_lines()]
        radii = [np.linalg.norm(line - EQUIDISTANT.centre_px, axis=-1) for line in lines]
        np.testing.assert_allclose(radii[0], 150 * math.pi / 6, atol=1e-3)
        np.testing.assert_allclose(radii[1], 150 * math.pi / 3, atol=1e-3)
        np.testing.assert_allclose(radii[2], 200, atol=1e-3)  # 76 degrees, the rim
        assert axis.yaxis_inverted()
    for axis, right in zip(places, ((9.0, 2.0), (9.0, -1.0)), strict=True):  # -R^T t = (9, -1, 2)
        points = [line.get_data() for line in axis.get_lines()]
        assert [(x[0], y[0]) for x, y in points] == [(0, 0), pytest.approx(right)]
    assert [axis.yaxis_inverted() for axis in places] == [False, True]
