from __future__ import annotations

import io

import numpy as np

from egotap_pl.analysis.error_breakdown import error_by_visibility
from egotap_pl.figures.visibility import visibility_figure


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
