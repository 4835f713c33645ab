from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.analysis.figures.reconstruction import RebuiltFrame, reconstruction_figure


def frame(*names: str) -> RebuiltFrame:
    rng = np.random.default_rng(0)
    maps = {name: rng.random((2, 15, 16, 16), dtype=np.float32) for name in names}
    return RebuiltFrame("dancing", rng.integers(0, 256, (2, 3, 64, 64), dtype=np.uint8), maps)


def test_a_column_per_view_and_name_and_a_row_per_frame() -> None:
    frames = [frame("joint maps", "CNN", "Grid ViT") for _ in range(3)]
    figure = reconstruction_figure(frames)
    pictures = [axis for axis in figure.axes if axis.images]
    titles = [axis.get_title() for axis in pictures if axis.get_title()]
    assert titles[:4] == ["image (left)", "joint maps (left)", "CNN (left)", "Grid ViT (left)"]
    assert titles[4:] == [title.replace("left", "right") for title in titles[:4]]
    assert len(pictures) == 3 * 8
    shown = pictures[5].images[0].get_array()
    np.testing.assert_array_equal(shown, frames[0].maps["joint maps"][1].max(0))
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_frames_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="same names"):
        reconstruction_figure([frame("joint maps", "CNN"), frame("joint maps")])
    with pytest.raises(ValueError, match="must be there"):
        reconstruction_figure([])
