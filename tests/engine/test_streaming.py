"""A stream sees the windows that a store has, however its frames are cut into calls."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from egotap_pl.data.recordings.frames import unlabelled
from egotap_pl.data.windows import Window, earlier_rows
from egotap_pl.engine.prediction.streaming import PoseStream
from egotap_pl.tasks import LiftingTask


class Windows(LiftingTask):
    """The code of a frame is its row, and a pose is the rows of the window's frames."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.encoded: list[int] = []

    def encode(self, batch: Any) -> tuple[torch.Tensor, ...]:
        self.encoded += batch.frame.tolist()
        return (batch.frame[:, None].float(),)

    def lift(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return codes[0][..., 0]


def frames(rows: list[int]) -> Any:
    return unlabelled(torch.empty(len(rows), 2, 3, 0, 0, dtype=torch.uint8), 16, rows)


def recording(seed: int) -> tuple[list[str], list[int]]:
    """Motions with gaps in their frame numbers."""
    generator = np.random.default_rng(seed)
    motion, number = [], []
    for name, length in (("a", 25), ("b", 1), ("c", 14)):
        motion += [name] * length
        number += np.sort(generator.choice(2 * length + 3, length, replace=False)).tolist()
    return motion, number


@pytest.mark.parametrize("window", [Window(2, 1), Window(5, 3), Window(9, 1), Window(3, 40)])
@pytest.mark.parametrize("seed", range(3))
def test_any_cut_gives_the_windows_of_the_whole(window: Window, seed: int) -> None:
    motion, number = recording(seed)
    ids = torch.tensor([ord(name) for name in motion])
    earlier = earlier_rows(ids, torch.tensor(number), window)
    expected = torch.cat((earlier, torch.arange(len(number))[:, None]), 1)
    generator = np.random.default_rng(seed)
    cuts = [list(range(len(number) + 1)), [0, len(number)], sorted({0, len(number), *generator.integers(1, 40, 6)})]
    for cut in cuts:
        task: Any = Windows()
        stream = PoseStream(task, window)
        poses = [
            stream.poses_cm(frames(list(range(start, stop))), motion[start:stop], number[start:stop])
            for start, stop in itertools.pairwise(cut)
        ]
        assert torch.equal(torch.cat(poses).long(), expected)
        assert task.encoded == list(range(len(number)))  # each frame once
        assert stream.frames == len(number)


def test_only_what_a_later_window_needs_is_kept() -> None:
    task: Any = Windows()
    stream = PoseStream(task, Window(5, 3))
    for row in range(100):
        stream.poses_cm(frames([row]), ("",), (row,))
        assert len(stream._codes[0]) <= 12
    stream.poses_cm(frames([0]), ("",), (0,))  # the numbers begin anew: another recording
    assert len(stream._codes[0]) == 1


def test_a_frame_number_that_does_not_rise_begins_anew() -> None:
    """Whether the frames come in one call or in several."""
    number = [3, 4, 4, 5, 2]
    expected = [[0, 0], [0, 1], [2, 2], [2, 3], [4, 4]]
    for cut in ([0, 5], [0, 2, 5], [0, 1, 2, 3, 4, 5]):
        task: Any = Windows()
        stream = PoseStream(task, Window(2, 1))
        poses = [
            stream.poses_cm(frames(list(range(start, stop))), [""] * (stop - start), number[start:stop])
            for start, stop in itertools.pairwise(cut)
        ]
        assert torch.cat(poses).tolist() == expected
