"""Windows of time: a frame with earlier frames of the same motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from egotap_pl.core.errors import EgotapError

LONGEST = 1024
"""Largest number of frames in a window, and largest stride."""


class Window(NamedTuple):
    """How many frames belong together, and how far apart they are."""

    frames: int = 1
    """Number of frames, the last one included; 1: frames come alone."""

    stride: int = 1
    """Difference of the numbers of two frames that follow each other in a window."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Window:
        """The window of a configuration's node ``data``; of one frame where the node has none.

        Raises:
            EgotapError: if a number is out of range.
        """
        numbers = {key: data.get(key, 1) for key in ("window", "stride")}  # earlier versions wrote neither
        for key, value in numbers.items():
            if type(value) is not int or not 1 <= value <= LONGEST:
                raise EgotapError(f"data.{key}={value}: must be a whole number from 1 to {LONGEST}")
        return cls(numbers["window"], numbers["stride"])


ALONE = Window()
"""A frame without others."""


def earlier_rows(motion: Int[Tensor, "n"], frame_number: Int[Tensor, "n"], window: Window) -> Int[Tensor, "n t"]:
    """The rows of the earlier frames in each frame's window, the oldest first.

    A window has the frames whose numbers are 1, 2, ... strides before its last frame's, in the same motion. In place of
    a frame that does not exist it has the one before it: what a network would have seen last at that time. Before a
    motion's start, it has the motion's first frame. So a window never has a later frame.

    Args:
        motion: number of each frame's motion. The frames of a motion need not stand together.
        frame_number: number of each frame within its motion.
        window: number of frames and stride.

    Examples:
        >>> motion, number = torch.tensor([0, 0, 0, 0, 1]), torch.tensor([10, 11, 12, 13, 12])
        >>> earlier_rows(motion, number, Window(frames=3, stride=2)).tolist()
        [[0, 0], [0, 0], [0, 0], [0, 1], [4, 4]]
    """
    motion, frame_number = motion.long(), frame_number.long()
    if not len(motion) or window.frames == 1:
        return torch.zeros(len(motion), window.frames - 1, dtype=torch.int64)
    _, rank = motion.unique(return_inverse=True)
    number = frame_number - frame_number.min()
    place = rank * (number.max() + 1) + number  # frames of one motion are neighbours on this line
    order = place.argsort(stable=True)
    first = torch.searchsorted(rank[order], rank)
    steps = torch.arange(window.frames - 1, 0, -1) * window.stride
    found = torch.searchsorted(place[order], place[:, None] - steps, right=True) - 1
    return order[torch.maximum(found, first[:, None])]


def share_present(motion: Int[Tensor, "n"], frame_number: Int[Tensor, "n"], window: Window) -> float:
    """The share of the earlier frames that windows ask for which exist, from 0 to 1; NaN if none is asked for.

    None is asked for before a motion's start. Arguments as in `earlier_rows`.

    Examples:
        >>> motion, number = torch.tensor([0, 0, 0, 0]), torch.tensor([0, 1, 2, 4])
        >>> share_present(motion, number, Window(frames=2))  # frames 0 and 1 are before 1 and 2, 3 is not there
        0.6666666865348816
    """
    steps = torch.arange(window.frames - 1, 0, -1) * window.stride
    wanted, number = frame_number.long()[:, None] - steps, frame_number.long()
    _, rank = motion.unique(return_inverse=True)
    first = torch.full((int(rank.max()) + 1 if len(rank) else 0,), torch.iinfo(torch.int64).max)
    first = first.scatter_reduce(0, rank, number, "amin")
    is_there = number[earlier_rows(motion, frame_number, window)] == wanted
    return float(is_there[wanted >= first[rank][:, None]].float().mean())
