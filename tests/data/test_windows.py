"""Windows of time against a search frame by frame: never a later frame, never another motion, with any readers."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_source import FakeSource
from lightning.fabric.utilities import move_data_to_device
from processes import CONTEXT
from rich.console import Console

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.augment import InTurn, Photometric, SwapMirror
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.heatmaps import HeatmapWriter
from egotap_pl.data.windows import Window, earlier_rows, share_present

WINDOW = Window(frames=3, stride=2)
MOTIONS, LENGTH = 4, 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training motions and two validation and test motions of six frames each."""
    path = tmp_path_factory.mktemp("data")
    pieces = (("train", MOTIONS), ("validation", 2), ("test", 2))
    source = FakeSource(frames_per_piece=LENGTH, pieces=pieces)
    prepare(source, path, RawCodec(), workers=0, console=Console(file=io.StringIO()))
    return path


def searched(motion: np.ndarray, number: np.ndarray, window: Window) -> list[list[int]]:
    """The earlier frames of each window, found one by one."""
    rows = []
    for m, n in zip(motion, number, strict=True):
        same = sorted(np.flatnonzero(motion == m), key=lambda row: number[row])
        wanted = [n - step * window.stride for step in range(window.frames - 1, 0, -1)]
        seen = [[row for row in same if number[row] <= w] or same[:1] for w in wanted]
        rows.append([int(frames[-1]) for frames in seen])
    return rows


@pytest.mark.parametrize("window", [Window(2, 1), Window(5, 3), Window(9, 1), Window(3, 50)])
@pytest.mark.parametrize("seed", range(3))
def test_earlier_frames_equal_a_search(window: Window, seed: int) -> None:
    """Of motions with gaps whose frames lie anywhere in the store."""
    generator = np.random.default_rng(seed)
    motion = generator.permutation(np.repeat([7, 0, 3], [20, 11, 1]))
    number = np.zeros(len(motion), np.int64)
    for m in np.unique(motion):
        own = motion == m
        number[own] = generator.choice(60, own.sum(), replace=False) - 5
    found = earlier_rows(torch.from_numpy(motion.astype(np.int32)), torch.from_numpy(number), window)
    assert found.tolist() == searched(motion, number, window)
    assert (motion[found.numpy()] == motion[:, None]).all()


@pytest.mark.parametrize(("kept", "expected"), [(range(30), 1.0), (range(0, 30, 7), 0.0), ((*range(10), 25), 0.9)])
def test_share_of_earlier_frames_that_exist(kept: Any, expected: float) -> None:
    number = torch.tensor(list(kept))
    motion = torch.zeros(len(number), dtype=torch.int32)
    window = Window(2, 1)  # each frame but the first asks for one
    assert share_present(motion, number, window) == pytest.approx(expected)
    both = share_present(torch.cat((motion, motion + 5)), torch.cat((number, number + 100)), window)
    assert both == pytest.approx(expected)  # the second motion's start is its own
    assert math.isnan(share_present(motion[:1], number[:1], window))


def test_no_window_has_a_later_frame_or_one_of_another_motion() -> None:
    motion, number = torch.arange(40) // 10, torch.arange(40) % 10
    rows = earlier_rows(motion, number, Window(6, 3))
    later = number[rows] > number[:, None]
    assert not later.any()
    assert (rows[::10] == torch.arange(0, 40, 10)[:, None]).all()  # a motion's first frame stands for what was before
    assert rows[39].tolist() == [30, 30, 30, 33, 36]


def test_a_store_without_frames_has_no_windows() -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    assert earlier_rows(nothing, nothing, WINDOW).shape == (0, 2)


def check(batch: Batch, module: FrameDataModule, split: str) -> None:
    """Every frame of every window is the store's frame of that row."""
    store = module.store(split)
    assert batch.past is not None
    expected = torch.tensor(
        searched(store.labels["motion"].numpy(), store.labels["frame_number"].numpy(), WINDOW), dtype=torch.int64
    )[batch.frame]
    assert torch.equal(batch.past.frames.frame[batch.past.position], expected)
    assert len(batch.past.frames.frame.unique()) == len(batch.past.frames.frame)  # each is read once
    again = store.read(batch.past.frames.frame.tolist())
    for name in ("images", "points2d_px", "pose_cm", "origin_cm", "visibility", "category"):
        assert torch.equal(getattr(batch.past.frames, name), getattr(again, name))


@pytest.mark.parametrize("workers", [0, 2])
def test_windows_of_a_store(folder: Path, workers: int) -> None:
    module = FrameDataModule(folder, batch_size=4, workers=workers, window=WINDOW)
    loaders = {"train": module.train_dataloader(), "validation": module.val_dataloader()}
    for split, loader in loaders.items():
        batches = list(loader)
        assert sorted(torch.cat([batch.frame for batch in batches]).tolist()) == list(range(len(module.store(split))))
        for batch in batches:
            check(batch, module, split)


@pytest.mark.parametrize("workers", [0, 2])
def test_windows_of_cached_heatmaps(folder: Path, tmp_path: Path, workers: int) -> None:
    with HeatmapWriter(tmp_path / "train.h5", MOTIONS * LENGTH) as writer:
        joint = (torch.arange(MOTIONS * LENGTH) / 64).view(-1, 1, 1, 1, 1).expand(-1, 2, 15, 4, 4)
        writer.append(Heatmaps(joint, torch.stack((joint, -joint), 3)))
    module = FrameDataModule(folder, batch_size=4, workers=workers, heatmaps=tmp_path, window=WINDOW)
    for batch in module.train_dataloader():
        assert batch.past.frames.images.shape[-1] == 0
        for frames in (batch, batch.past.frames):
            torch.testing.assert_close(frames.heatmaps.joint[:, 0, 3, 1, 1], frames.frame / 64)


def test_windows_are_augmented_only_by_what_changes_all_their_frames_alike(folder: Path) -> None:
    def module(window: Window, *steps: Any) -> FrameDataModule:
        return FrameDataModule(folder, batch_size=4, workers=0, window=window, augment=InTurn(steps))

    with pytest.raises(
        EgotapError, match=r"Photometric changes.*frames of a window \(data\.window\) must change alike"
    ):
        module(Window(3), Photometric()).train_dataloader()
    module(Window(1), Photometric()).train_dataloader()
    of_data = module(Window(1))
    module(WINDOW, SwapMirror(of_data.skeleton, of_data.rig)).train_dataloader()


def test_a_window_of_one_frame_changes_nothing(folder: Path) -> None:
    plain = FrameDataModule(folder, batch_size=4, workers=0)
    of_one = FrameDataModule(folder, batch_size=4, workers=0, window=Window())
    for one, other in zip(plain.train_dataloader(), of_one.train_dataloader(), strict=True):
        assert one.past is None
        assert other.past is None
        assert all(torch.equal(*pair) for pair in zip(one[:7], other[:7], strict=True))


def test_a_training_goes_on_with_the_same_windows(folder: Path) -> None:
    whole, rest = (FrameDataModule(folder, batch_size=4, workers=0, seed=3, window=WINDOW) for _ in range(2))
    rest.go_on(0, 2, None)
    left = list(rest.train_dataloader())
    for one, other in zip(list(whole.train_dataloader())[2:], left, strict=True):
        assert torch.equal(one.frame, other.frame)
        assert torch.equal(one.past.frames.images, other.past.frames.images)
        assert torch.equal(one.past.position, other.past.position)


def rows_of_rank(rank: int, folder: Path, rendezvous: Path) -> list[tuple[list[int], list[list[int]]]]:
    """Rows, and rows of earlier frames, of the validation batches of one of two processes."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    try:
        module = FrameDataModule(folder, batch_size=4, workers=0, window=WINDOW)
        return [
            (batch.frame.tolist(), batch.past.frames.frame[batch.past.position].tolist())
            for batch in module.val_dataloader()
        ]
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes_have_the_windows_of_one(folder: Path, tmp_path: Path) -> None:
    with CONTEXT.Pool(1) as pool:  # the first process is this one
        second = pool.apply_async(rows_of_rank, (1, folder, tmp_path / "rendezvous"))
        shared = rows_of_rank(0, folder, tmp_path / "rendezvous") + second.get(120)
    store = FrameDataModule(folder, batch_size=4).store("validation")
    expected = searched(store.labels["motion"].numpy(), store.labels["frame_number"].numpy(), WINDOW)
    assert [row for rows, _ in shared for row in rows] == list(range(2 * LENGTH))
    assert [row for _, windows in shared for row in windows] == expected


def a_batch(folder: Path) -> Batch:
    return next(iter(FrameDataModule(folder, batch_size=6, workers=0, window=WINDOW).train_dataloader()))


def test_taken_frames_keep_their_windows(folder: Path) -> None:
    batch = a_batch(folder)
    taken = batch.take([4, 1])
    assert torch.equal(taken.frame, batch.frame[[4, 1]])
    rows = batch.past.frames.frame[batch.past.position]
    assert torch.equal(taken.past.frames.frame[taken.past.position], rows[[4, 1]])


@pytest.mark.parametrize("move", [Batch.on, move_data_to_device])
def test_windows_move_with_the_frames(folder: Path, move: Any) -> None:
    moved = move(a_batch(folder), torch.device("meta"))
    assert moved.past.position.device.type == "meta"
    assert {column.device.type for column in moved.past.frames[:7]} == {"meta"}
    assert a_batch(folder).map(torch.clone).past.frames.heatmaps is None


@pytest.mark.parametrize("data", [{"window": 0}, {"window": 2.5}, {"window": True}, {"stride": 2000}])
def test_numbers_out_of_range_are_named(data: dict[str, Any]) -> None:
    (key,) = data
    with pytest.raises(EgotapError, match=rf"data\.{key}={data[key]}: must be a whole number from 1"):
        Window.parse(data)
    assert Window.parse({}) == Window(1, 1)
