from __future__ import annotations

import io

import numpy as np

from egotap_pl.analysis.gate_openings import gates_by_visibility
from egotap_pl.figures.gates import gates_figure


def test_a_column_per_gate() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 8, (30, 5))  # the last of the nine never
    gates = {name: gates_by_visibility(rng.random((30, 5)), groups, np.arange(30) // 3) for name in ("f′", "f″", "x")}
    figure = gates_figure(gates)
    matrices = [axis for axis in figure.axes if axis.images and len(axis.texts) == 9]
    assert len(matrices) == 2 * 3
    assert matrices[0].texts[8].get_text() == "no sample"
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_a_cell_of_one_motion_has_no_interval() -> None:
    groups = np.array([[0, 0], [8, 8], [8, 8]])
    means = gates_by_visibility(np.array([[0.2, 0.4], [0.5, 0.7], [0.7, 0.9]]), groups, np.arange(3))
    texts = [text.get_text() for text in gates_figure({"f": means}).axes[0].texts]
    assert texts[0] == "0.300\n[?]"
    assert texts[8] == f"0.700\n[{means.value.low[8]:.3f},\n{means.value.high[8]:.3f}]"
