from __future__ import annotations

import numpy as np

from egotap_pl.analysis.typical_frames import extremes, median_frames


def test_worst_median_and_best() -> None:
    assert extremes(np.array([5.0, 1, 9, 3, 7])) == (2, 0, 1)
    assert extremes(np.array([4.0, 1, 3, 2])).median == 3  # of an even number the lower


def test_the_median_frame_of_every_category() -> None:
    errors = np.array([1.0, 50, 3, 40, 2, 30])
    assert median_frames(errors, ["b", "a", "b", "a", "b", "a"]) == {"a": 3, "b": 4}
