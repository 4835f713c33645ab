"""Poses of frames that come one after another, with what the network computed of the frames before them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.data.windows import Window, earlier_rows
from egotap_pl.tasks import LiftingTask


class PoseStream:
    """Estimates the poses of frames in their order, frame by frame or many at a time, with the same result.

    Only what a later window can need is kept: codes (`LiftingTask.encode`) of the last frames. So each frame is encoded
    once. A new motion, and a frame number that does not rise, begin anew.

    Args:
        task: a lifter that reads earlier frames, in evaluation mode.
        window: the frames that belong to each frame.
    """

    def __init__(self, task: LiftingTask, window: Window) -> None:
        self.task, self.window = task, window
        self.frames = 0
        """Number of frames so far."""
        self._motion = ""
        self._numbers = torch.zeros(0, dtype=torch.int64)
        self._codes: tuple[Tensor, ...] = ()

    def poses_cm(self, batch: Batch, motion: Sequence[str], number: Sequence[int]) -> Tensor:
        """Poses of the next frames, on their device.

        Args:
            batch: the frames.
            motion: name of each frame's motion.
            number: number of each frame within its motion.
        """
        codes, numbers = self.task.encode(batch), torch.tensor(list(number), dtype=torch.int64)
        poses = [
            self._lift(tuple(code[start:stop] for code in codes), motion[start], numbers[start:stop])
            for start, stop in _pieces(motion, number)
        ]
        self.frames += len(numbers)
        return torch.cat(poses)

    def _lift(self, codes: tuple[Tensor, ...], motion: str, numbers: Tensor) -> Tensor:
        """Poses of frames of one motion, whose numbers rise."""
        if motion == self._motion and len(self._numbers) and numbers[0] > self._numbers[-1]:
            codes = tuple(torch.cat(pair) for pair in zip(self._codes, codes, strict=True))
            count, numbers = len(numbers), torch.cat((self._numbers, numbers))
        else:
            count = len(numbers)
        earlier = earlier_rows(torch.zeros_like(numbers), numbers, self.window)[-count:]
        rows = torch.cat((earlier, torch.arange(len(numbers))[-count:, None]), 1)
        poses_cm = self.task.lift(tuple(code[rows.to(code.device)] for code in codes))
        # The oldest frame that the next frame, whose number is larger by 1 at least, can ask for.
        asked = numbers[-1] + 1 - (self.window.frames - 1) * self.window.stride
        first = max(int((numbers <= asked).sum()) - 1, 0)
        self._motion, self._numbers = motion, numbers[first:]
        self._codes = tuple(code[first:] for code in codes)
        return poses_cm


def _pieces(motion: Sequence[str], number: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First frame, and the one after the last, of each piece of one motion in which numbers rise."""
    start = 0
    for row in range(1, len(motion) + 1):
        if row == len(motion) or motion[row] != motion[row - 1] or number[row] <= number[row - 1]:
            yield start, row
            start = row
