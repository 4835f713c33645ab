from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.figures.comparison import (
    ComparedFrame,
    categories_figure,
    comparison_figure,
)
from egotap_pl.figures.style import ESTIMATE_COLOUR, TRUTH_COLOUR


def frame(joints: int, methods: str = "AB", images: bool = True) -> ComparedFrame:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 40, (joints, 3))
    pictures = rng.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8) if images else None
    estimates = {name: truth + np.array([3.0, 0, 4]) * k for k, name in enumerate(methods, 1)}
    return ComparedFrame("dancing", pictures, truth, estimates)


def test_the_error_is_in_mm() -> None:
    assert frame(16).error_mm("A") == pytest.approx(50)
    assert frame(16).error_mm("B") == pytest.approx(100)


@pytest.mark.parametrize(
    ("draw", "skeleton", "images"),
    [(comparison_figure, unrealego(), True), (categories_figure, egocap(), True), (comparison_figure, egocap(), False)],
)
def test_all_limbs_of_truth_and_estimates_are_drawn(draw, skeleton, images: bool) -> None:
    frames = [frame(len(skeleton.estimated), images=images) for _ in range(3)]
    figure = draw(frames, skeleton)
    fields = [axis for axis in figure.axes if not axis.images]
    assert len(fields) == 3
    limbs = len(skeleton.estimated_limbs)
    for field in fields:
        bodies = [line for line in field.lines if line.get_color() in (TRUTH_COLOUR, ESTIMATE_COLOUR)]
        assert len(bodies) == 2 * 2 * 2  # methods, sides, truth and estimate
        assert all(np.isfinite(body.get_xdata()).sum() == 2 * limbs for body in bodies)
        assert [text.get_text()[-6:].strip() for text in field.texts] == ["50 mm", "100 mm"]
        low, high = field.get_xlim()
        assert all(low <= np.nanmin(body.get_xdata()) and np.nanmax(body.get_xdata()) <= high for body in bodies)
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_frames_of_other_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="same methods"):
        comparison_figure([frame(16), frame(16, "A")], unrealego())
    with pytest.raises(ValueError, match="no frames"):
        categories_figure([], unrealego())
