from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.figures.depth import depth_figure, mean_by_depth


@pytest.mark.parametrize(("skeleton", "first"), [(unrealego(), 0), (egocap(), 1)], ids=["unrealego", "egocap"])
def test_joints_go_to_their_depth(skeleton, first: int) -> None:
    depth = np.array([len(skeleton.path(joint)) - 1 for joint in skeleton.estimated])
    means = mean_by_depth(np.tile(10.0 * depth, (6, 1)), skeleton, list("aabbcc"))
    there = np.arange(first, depth.max() + 1)
    np.testing.assert_allclose(means.mean[there], 10 * there)
    np.testing.assert_allclose(means.low[there], 10 * there)
    assert means.samples.sum() == 6 * len(depth)
    assert np.isnan(means.mean[:first]).all()


def test_the_gain_has_a_panel_of_its_own() -> None:
    skeleton, rng = unrealego(), np.random.default_rng(0)
    errors = {name: rng.random((10, 16)) for name in ("Grid ViT", "PU")}
    motion = [f"m{k // 2}" for k in range(10)]
    by_depth = {name: mean_by_depth(error, skeleton, motion) for name, error in errors.items()}
    gain = {"PU": mean_by_depth(errors["Grid ViT"] - errors["PU"], skeleton, motion)}
    np.testing.assert_allclose(gain["PU"].mean, by_depth["Grid ViT"].mean - by_depth["PU"].mean)
    figure = depth_figure(by_depth, gain, "Grid ViT")
    assert [axis.get_title() for axis in figure.axes] == ["Error", "Gain on Grid ViT"]
    left = figure.axes[0]
    assert left.get_ylim()[0] == 0
    assert left.get_ylim()[1] > max(means.high.max() for means in by_depth.values())
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    assert len(depth_figure(by_depth, {}, "").axes) == 1
