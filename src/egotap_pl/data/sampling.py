"""Which frames go into which batch of which process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch.distributed as dist
from torch.utils.data import DistributedSampler, Sampler

from egotap_pl.core.errors import EgotapError


def rank_and_ranks() -> tuple[int, int]:
    """This process's number and the number of processes of a distributed run; (0, 1) outside one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def even_batches(frames: int, batch_size: int, rank: int, ranks: int) -> list[list[int]]:
    """The batches of one process in an evaluation. Every frame is in exactly one batch of one process, in order.

    All processes get the same number of batches, so that none waits for another in a collective. Where the numbers do
    not divide evenly, batches differ by one frame. (Therefore some batches of size 1 hold two frames.)

    Args:
        frames: number of frames in the split.
        batch_size: largest number of frames in a batch.
        rank: number of the process, from 0.
        ranks: number of processes.

    Returns:
        The rows of each batch.

    Raises:
        EgotapError: if there are fewer frames than processes.
    """
    check_shares(frames, ranks)
    shards = np.array_split(np.arange(frames), ranks)
    batches = min(-(-len(shards[0]) // batch_size), len(shards[-1]))  # the first shard is the longest
    return [batch.tolist() for batch in np.array_split(shards[rank], batches)]


class EvenBatches(Sampler[list[int]]):
    """`even_batches` as a batch sampler.

    Args:
        frames: number of frames in the split.
        batch_size: largest number of frames in a batch.
        shared: whether the processes that exist when iteration begins share the frames. Otherwise each gets all.
    """

    def __init__(self, frames: int, batch_size: int, shared: bool = True) -> None:
        self.frames, self.max_frames, self.shared = frames, batch_size, shared

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches())

    def _batches(self) -> list[list[int]]:
        return even_batches(self.frames, self.max_frames, *(rank_and_ranks() if self.shared else (0, 1)))


class ShuffledFrames(DistributedSampler[int]):
    """Training frames in an order that depends only on the seed and the epoch.

    In each step, the batches of all processes together are the batch that a single process would see if its batch size
    were that many times larger. Frames that remain after the last whole step of the optimiser are skipped in that
    epoch. If there are too few frames for a step, those after the last whole batch are; if there are too few for a
    batch, none is, and all processes get equal shares of them.

    Args:
        frames: number of frames in the split.
        seed: seed of the orders of all epochs.
        batch_size: frames in a batch of a process.
        accumulated: batches whose gradients are summed before a step of the optimiser.

    Raises:
        EgotapError: if there are fewer frames than processes.
    """

    def __init__(self, frames: int, seed: int, batch_size: int = 1, accumulated: int = 1) -> None:
        rank, ranks = rank_and_ranks()
        check_shares(frames, ranks)
        # The sampler adds the epoch to its seed. Used directly, seeds 0 and 1 would have all orders but one in common.
        distant_seed = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:6], "big")
        every_row: Any = range(frames)  # only the length is used
        step = batch_size * accumulated if frames >= batch_size * accumulated * ranks else batch_size
        kept = frames // (step * ranks) * step
        super().__init__(every_row, ranks, rank, shuffle=True, seed=distant_seed, drop_last=kept > 0)
        if kept:
            self.num_samples, self.total_size = kept, kept * ranks
        self._begun: tuple[int, int] | None = None

    def skip(self, epoch: int, frames: int) -> None:
        """Leave out the first frames of an epoch, which were trained on before an interruption. Its length stays.

        Args:
            epoch: number of the epoch, from 0.
            frames: number of frames of this process.
        """
        self._begun = epoch, frames

    def __iter__(self) -> Iterator[int]:
        epoch, frames = self._begun or (-1, 0)
        return islice(super().__iter__(), frames if epoch == self.epoch else 0, None)


def check_shares(frames: int, ranks: int, what: str = "") -> None:
    """Check that every process gets a frame.

    Args:
        frames: number of frames.
        ranks: number of processes.
        what: what the frames are of, for the message.

    Raises:
        EgotapError: if there are fewer frames than processes.
    """
    if frames < ranks:
        raise EgotapError(
            f"{what}{frames} frames cannot be shared by {ranks} processes: use fewer devices or more frames"
        )


def uncollated(batch: Any) -> Any:
    """The batch as the data set gave it, for loaders of data sets that read whole batches."""
    return batch
