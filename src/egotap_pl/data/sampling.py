"""Which frames go into which batch of which process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import torch.distributed as dist
from torch.utils.data import DistributedSampler, Sampler

from egotap_pl.core.errors import EgotapError


def rank_and_ranks() -> tuple[int, int]:
    """This process's number and the number of processes of a distributed training; (0, 1) outside one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def even_batches(frames: int, batch_size: int, rank: int, ranks: int) -> list[list[int]]:
    """A process's batches of an evaluation: every frame in exactly one batch of one process, in order.

    All processes get the same number of batches, so that none waits for another in a collective; batches differ by a
    frame where the numbers do not divide. (With batches of a single frame, some hold two for that reason.)

    Raises:
        EgotapError: if there are fewer frames than processes.
    """
    if frames < ranks:
        raise EgotapError(f"{frames} frames cannot be shared by {ranks} processes: use fewer devices or more frames")
    shards = np.array_split(np.arange(frames), ranks)
    batches = min(-(-len(shards[0]) // batch_size), len(shards[-1]))  # the first shard is the longest
    return [batch.tolist() for batch in np.array_split(shards[rank], batches)]


class EvenBatches(Sampler[list[int]]):
    """`even_batches` as a batch sampler.

    Args:
        frames: frames of the split.
        batch_size: most frames of a batch.
        shared: share the frames among the processes that there are when iteration begins, or give all to each.
    """

    def __init__(self, frames: int, batch_size: int, shared: bool = True) -> None:
        self.frames, self.most, self.shared = frames, batch_size, shared

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches())

    def _batches(self) -> list[list[int]]:
        return even_batches(self.frames, self.most, *(rank_and_ranks() if self.shared else (0, 1)))


def shuffled(frames: int, seed: int) -> DistributedSampler[int]:
    """A sampler for training, whose order depends on the seed and the epoch alone.

    The processes' batches of a step make up the batch that one process with as many times the batch size would see.

    Raises:
        EgotapError: if there are fewer frames than processes.
    """
    rank, ranks = rank_and_ranks()
    if frames < ranks:
        raise EgotapError(f"{frames} frames cannot be shared by {ranks} processes: use fewer devices or more frames")
    # The sampler adds the epoch to its seed: seeds 0 and 1 as they are would share all orders but one.
    apart = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:6], "big")
    sampler: DistributedSampler[int] = DistributedSampler(
        range(frames),  # type: ignore[arg-type]  # only its length is asked for
        num_replicas=ranks,
        rank=rank,
        shuffle=True,
        seed=apart,
    )
    return sampler
