from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.analysis.propagation_effect import PropagationSamples, summarise
from egotap_pl.figures.propagation import PropagationPanel, propagation_figure


def random_samples(frames: int) -> PropagationSamples:
    rng = np.random.default_rng(0)
    potential = rng.normal(10, 30, (frames, 4))
    return PropagationSamples(potential, 0.4 * potential + rng.normal(3, 10, potential.shape))


def test_every_panel_has_its_line() -> None:
    samples = random_samples(50)
    summary = summarise(samples, np.arange(50))
    for number in (1, 2, 4):
        figure = propagation_figure([PropagationPanel(f"method {k}", samples, summary) for k in range(number)])
        panels = [axis for axis in figure.axes if axis.get_title()]
        assert [axis.get_title() for axis in panels] == [f"method {k}" for k in range(number)]
        x, y = panels[0].lines[-1].get_data()
        assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(summary.slope)
        assert f"[{summary.slope_low:.2f}, {summary.slope_high:.2f}]" in panels[0].texts[0].get_text()
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_a_slope_without_interval_is_drawn() -> None:
    samples = random_samples(20)
    panel = PropagationPanel("one motion", samples, summarise(samples, np.zeros(20, np.int64)))
    assert "[?]" in propagation_figure([panel]).axes[0].texts[0].get_text()
