"""Batches keep their heatmaps, or do without them, on any device and in any selection of frames."""

from __future__ import annotations

import pytest
import torch
from lightning.fabric.utilities import move_data_to_device

from egotap_pl.core.batch import Batch, Heatmaps

FRAMES, JOINTS = 5, 16


def batch_of(heatmaps: bool) -> Batch:
    """Frames whose every number differs from frame to frame."""
    frame = torch.arange(FRAMES)

    def column(*shape: int) -> torch.Tensor:
        return frame.view(-1, *[1] * len(shape)).expand(-1, *shape)

    maps = Heatmaps(column(2, 15, 4, 4).float(), column(2, 15, 2, 4, 4).float())
    return Batch(
        images=column(2, 3, 8, 8).byte(),
        points2d_px=column(2, JOINTS, 2).float(),
        pose_cm=column(JOINTS, 3).float(),
        origin_cm=column(2, 3).float(),
        visibility=column(2, JOINTS).byte(),
        category=frame,
        frame=frame,
        heatmaps=maps if heatmaps else None,
    )


@pytest.mark.parametrize("heatmaps", [False, True])
def test_taken_frames_keep_everything_that_belongs_to_them(heatmaps: bool) -> None:
    rows = [3, 0, 3]
    taken, batch = batch_of(heatmaps).take(rows), batch_of(heatmaps)
    for name in Batch._fields[:7]:
        assert torch.equal(getattr(taken, name), getattr(batch, name)[rows])
    assert (taken.heatmaps is None) == (not heatmaps)
    if taken.heatmaps is not None and batch.heatmaps is not None:
        assert torch.equal(taken.heatmaps.joint, batch.heatmaps.joint[rows])
        assert torch.equal(taken.heatmaps.limb, batch.heatmaps.limb[rows])


@pytest.mark.parametrize("heatmaps", [False, True])
@pytest.mark.parametrize("move", [Batch.on, move_data_to_device])
def test_heatmaps_move_with_the_frames(heatmaps: bool, move) -> None:
    moved = move(batch_of(heatmaps), torch.device("meta"))
    assert isinstance(moved, Batch)
    assert {column.device.type for column in moved[:7]} == {"meta"}
    assert (moved.heatmaps is None) == (not heatmaps)
    if moved.heatmaps is not None:
        assert isinstance(moved.heatmaps, Heatmaps)
        assert {maps.device.type for maps in moved.heatmaps} == {"meta"}
