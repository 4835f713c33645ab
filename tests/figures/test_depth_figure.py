from __future__ import annotations

import io

import numpy as np

from egotap_pl.analysis.comparison import ErrorReader, Term, contrast
from egotap_pl.analysis.error_breakdown import mean_by_depth
from egotap_pl.analysis.statistics import clustered, motions_interval
from egotap_pl.core.skeleton import unrealego
from egotap_pl.figures.depth import depth_figure


def test_the_gain_has_a_panel_of_its_own() -> None:
    skeleton, rng = unrealego(), np.random.default_rng(0)
    errors = {name: rng.random((10, 16)) for name in ("Grid ViT", "PU")}
    motion = [f"m{k // 2}" for k in range(10)]
    by_depth = {name: mean_by_depth(error, skeleton, motion) for name, error in errors.items()}
    gain = {"PU": mean_by_depth(errors["Grid ViT"] - errors["PU"], skeleton, motion)}
    np.testing.assert_allclose(gain["PU"].mean, by_depth["Grid ViT"].mean - by_depth["PU"].mean)
    figure = depth_figure(by_depth, gain, "Grid ViT")
    assert [axis.get_title() for axis in figure.axes] == ["Error", "Gain over Grid ViT"]
    left = figure.axes[0]
    assert left.get_ylim()[0] == 0
    assert left.get_ylim()[1] > max(means.high.max() for means in by_depth.values())
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    assert len(depth_figure(by_depth, {}, "").axes) == 1


def test_a_figure_shows_the_interval_that_a_table_has(make_run) -> None:
    """Where all joints of a frame have the same error, the mean at every depth is the mean over frames."""
    random = np.random.default_rng(3)
    motion = [f"m{k}" for k in np.repeat(np.arange(14), random.integers(2, 6, 14))]
    errors_mm = random.gamma(9, 7, (2, len(motion)))
    runs = [make_run(name, 1, errors, motion) for name, errors in zip(("base", "better"), errors_mm, strict=True)]
    table = contrast([Term(1, runs[:1]), Term(-1, runs[1:])], lambda errors: errors.mpjpe_mm, ErrorReader()).motions
    of_base = motions_interval(clustered(errors_mm[:1], motion))

    skeleton = runs[0].predictions.skeleton
    by_joint = [run.predictions.error_mm for run in runs]
    error = {"base": mean_by_depth(by_joint[0], skeleton, motion)}
    gain = {"base": mean_by_depth(by_joint[0] - by_joint[1], skeleton, motion)}
    figure = depth_figure(error, gain, "better")
    for axis, interval in zip(figure.axes, (of_base, table), strict=True):
        (line, _, (bars,)), *_ = axis.containers
        np.testing.assert_allclose(line.get_ydata(), interval.mean, rtol=1e-4)
        segments = np.array(bars.get_segments())
        assert len(segments) == max(skeleton.depths) + 1
        np.testing.assert_allclose(segments[:, 0, 1], interval.low, rtol=1e-4)
        np.testing.assert_allclose(segments[:, 1, 1], interval.high, rtol=1e-4)


def test_a_single_motion_is_drawn_without_interval() -> None:
    skeleton = unrealego()
    means = mean_by_depth(np.random.default_rng(0).random((5, 16)), skeleton, ["one"] * 5)
    (line, _, (bars,)), *_ = depth_figure({"A": means}, {}, "").axes[0].containers
    assert np.isfinite(line.get_ydata()).all()
    assert all(segment.size == 0 for segment in bars.get_segments())
