"""Which training frames a process sees in which step."""

from __future__ import annotations

from itertools import chain

import pytest

from egotap_pl.data import sampling
from egotap_pl.data.sampling import ShuffledFrames


def steps(frames: int, rank: int, ranks: int, batch_size: int, accumulated: int) -> list[list[int]]:
    """The rows that a process sees in each step of the optimiser in an epoch."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sampling, "rank_and_ranks", lambda: (rank, ranks))
        sampler = ShuffledFrames(frames, 0, batch_size, accumulated)
    sampler.set_epoch(3)
    rows, step = list(sampler), batch_size * accumulated
    assert len(rows) == len(sampler)
    return [rows[k : k + step] for k in range(0, len(rows), step)]


@pytest.mark.parametrize("frames", [12, 13, 23, 24, 25, 35, 100])
@pytest.mark.parametrize(("ranks", "accumulated"), [(2, 1), (3, 1), (1, 3), (2, 2), (3, 4)])
def test_steps_are_those_of_one_process_with_a_large_batch(frames: int, ranks: int, accumulated: int) -> None:
    (alone,) = [steps(frames, 0, 1, 12, 1)]
    assert [len(step) for step in alone] == [12] * (frames // 12)
    shares = [steps(frames, rank, ranks, 12 // ranks // accumulated, accumulated) for rank in range(ranks)]
    together = [sorted(chain.from_iterable(parts)) for parts in zip(*shares, strict=True)]
    assert together == [sorted(step) for step in alone]


@pytest.mark.parametrize("ranks", [1, 2])
def test_with_too_few_frames_for_a_step_whole_batches_are_kept(ranks: int) -> None:
    """Of 11 frames for a process; a step needs 12."""
    assert [len(step) for step in steps(11 * ranks, rank=0, ranks=ranks, batch_size=4, accumulated=3)] == [8]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_with_too_few_frames_for_a_batch_each_process_gets_a_share(ranks: int) -> None:
    shares = [steps(5, rank, ranks, 8, 1) for rank in range(ranks)]
    assert {len(share) for share in shares} == {1}
    assert len({len(share[0]) for share in shares}) == 1
    assert {row for share in shares for row in share[0]} == set(range(5))
