from __future__ import annotations

import io

import numpy as np
import pytest

from egotap_pl.figures.reconstruction import RebuiltFrame, reconstruction_figure


def frame(*names: str) -> RebuiltFrame:
    rng = np.random.default_rng(0)
    maps = {name: rng.random((2, 15, 16, 16), dtype=np.float32) for name in names}
    return RebuiltFrame("dancing", rng.integers(0, 256, (2, 3, 64, 64), dtype=np.uint8), maps)


def test_a_row_per_name_and_two_columns_per_frame() -> None:
    frames = [frame("joint maps", "CNN", "Grid ViT") for _ in range(3)]
    figure = reconstruction_figure(frames)
    pictures = [axis for axis in figure.axes if axis.images]
    assert len(pictures) == 4 * 6
    assert [axis.get_ylabel() for axis in pictures[::6]] == ["image", "joint maps", "CNN", "Grid ViT"]
    assert [axis.get_title() for axis in pictures[:2]] == ["dancing\nleft view", "dancing\nright view"]
    pixels = pictures[2 * 6 + 1].images[0].get_array()
    np.testing.assert_array_equal(pixels, frames[0].heatmaps["CNN"][1].max(0))
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_the_error_is_that_of_the_view() -> None:
    original = np.zeros((2, 3, 4, 4), np.float32)
    rebuilt = original.copy()
    rebuilt[1] = 0.5
    rebuilt_frame = RebuiltFrame("x", np.zeros((2, 3, 8, 8), np.uint8), {"maps": original, "CNN": rebuilt})
    assert (rebuilt_frame.mse("CNN", 0), rebuilt_frame.mse("CNN", 1)) == (0, 0.25)


def test_frames_with_other_heatmaps_are_refused() -> None:
    with pytest.raises(ValueError, match="same names"):
        reconstruction_figure([frame("joint maps", "CNN"), frame("joint maps")])
    with pytest.raises(ValueError, match="no frames"):
        reconstruction_figure([])
