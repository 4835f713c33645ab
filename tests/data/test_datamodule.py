"""Loaders: every frame once, equally many batches for every process, a repeatable order."""

from __future__ import annotations

import gc
import io
import os
import shutil
from collections.abc import Iterable
from functools import partial
from itertools import chain, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import lightning as L
import pytest
import torch
from fake_source import FakeSource
from plain_trainer import plain_trainer
from processes import CONTEXT
from rich.console import Console

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.augment import Photometric, SwapMirror
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.sampling import even_batches
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.heatmaps import HeatmapStore, HeatmapWriter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 training, 10 validation and 5 test frames."""
    path = tmp_path_factory.mktemp("data")
    source = FakeSource(frames_per_piece=1, pieces=(("train", 23), ("validation", 10), ("test", 5)))
    prepare(source, path, RawCodec(), workers=0, console=Console(file=io.StringIO()))
    return path


def flat(lists: Iterable[list[int]]) -> list[int]:
    return list(chain.from_iterable(lists))


def batch_rows(loader: Iterable[Batch]) -> list[list[int]]:
    return [batch.frame.tolist() for batch in loader]


@pytest.mark.parametrize(("frames", "ranks"), list(product((1, 2, 3, 7, 16, 17, 100), (1, 2, 3, 7))))
def test_even_batches(frames: int, ranks: int) -> None:
    for batch_size in (1, 2, 3, 8, 200):
        if frames < ranks:
            with pytest.raises(EgotapError, match=f"{frames} frames cannot be shared by {ranks} processes"):
                even_batches(frames, batch_size, 0, ranks)
            continue
        shares = [even_batches(frames, batch_size, rank, ranks) for rank in range(ranks)]
        assert [row for share in shares for batch in share for row in batch] == list(range(frames))
        assert len({len(share) for share in shares}) == 1
        sizes = [len(batch) for share in shares for batch in share]
        assert min(sizes) >= 1
        assert max(sizes) <= max(batch_size, 2 if ranks > 1 else 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_frame_once(folder: Path, workers: int) -> None:
    module = FrameDataModule(folder, batch_size=4, workers=workers)
    for loader, frames in ((module.val_dataloader(), 10), (module.test_dataloader(), 5)):
        assert flat(batch_rows(loader)) == list(range(frames))
    assert flat(batch_rows(module.ordered_loader("train"))) == list(range(23))
    training = batch_rows(module.train_dataloader())
    assert [len(rows) for rows in training] == [4] * 5
    assert len(set(flat(training))) == 20


def test_batches_equal_the_store(folder: Path) -> None:
    module = FrameDataModule(folder, batch_size=4, workers=2)
    for batch in module.train_dataloader():
        expected = module.store("train").read(batch.frame.tolist())
        assert batch.heatmaps is None
        assert all((one == other).all() for one, other in zip(batch[:7], expected[:7], strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_goes_on_after_the_batches_that_were_trained_on(folder: Path, workers: int) -> None:
    whole, rest = (FrameDataModule(folder, batch_size=4, workers=workers, seed=3) for _ in range(2))
    rest.go_on(1, 2, None)
    loaders = whole.train_dataloader(), rest.train_dataloader()
    assert len(loaders[0]) == len(loaders[1]) == 5
    epochs: list[list[list[list[int]]]] = [[], []]
    for epoch in (1, 2):
        for loader, seen in zip(loaders, epochs, strict=True):
            sampler: Any = loader.sampler
            sampler.set_epoch(epoch)
            seen.append(batch_rows(loader))
    assert epochs[1] == [epochs[0][0][2:], epochs[0][1]]


def test_augmentation_goes_on_with_its_random_numbers(folder: Path) -> None:
    def module() -> FrameDataModule:
        return FrameDataModule(folder, batch_size=4, seed=3, augment=Photometric())

    first, second = module(), module()
    generator = first._generator(1, torch.device("cpu"))
    torch.rand(7, generator=generator)
    state = first.augmentation_state(1)
    assert first.augmentation_state(2) is None
    second.go_on(1, 2, state)
    assert torch.equal(second._generator(1, torch.device("cpu")).get_state(), generator.get_state())
    fresh = module()._generator(2, torch.device("cpu")).get_state()
    assert torch.equal(second._generator(2, torch.device("cpu")).get_state(), fresh)


def test_loaders_leave_the_global_random_numbers_alone(folder: Path) -> None:
    """Else those of a network with dropout would depend on how often a training was resumed."""
    before = torch.get_rng_state()
    for workers in (0, 1):
        module = FrameDataModule(folder, batch_size=4, workers=workers)
        _ = batch_rows(module.train_dataloader()), batch_rows(module.val_dataloader())
    assert torch.equal(torch.get_rng_state(), before)


def test_order_depends_only_on_seed_and_epoch(folder: Path) -> None:
    def order(seed: int, epoch: int, workers: int = 0) -> list[list[int]]:
        loader = FrameDataModule(folder, batch_size=4, workers=workers, seed=seed).train_dataloader()
        sampler: Any = loader.sampler
        sampler.set_epoch(epoch)
        return batch_rows(loader)

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    assert order(0, 0, workers=2) == first
    assert len({str(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_small_training_set_is_not_dropped(folder: Path) -> None:
    assert len(batch_rows(FrameDataModule(folder, batch_size=64, workers=0).train_dataloader())[0]) == 23


def test_properties_of_the_data(folder: Path) -> None:
    module, source = FrameDataModule(folder, batch_size=4), FakeSource()
    assert (module.skeleton, module.rig, module.categories) == (source.skeleton, source.rig, source.categories)
    assert module.image_px == 24
    assert module.fingerprint == module.store("test").fingerprint
    poses = module.store("train").read(range(23), images=False).pose_cm
    torch.testing.assert_close(module.mean_pose_cm, poses.mean(0))


def test_folders_without_or_with_mixed_stores(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="contains no frame store"):
        _ = FrameDataModule(tmp_path, batch_size=4).skeleton
    for seed, split in ((1, "train"), (2, "validation")):
        prepare(FakeSource(seed=seed, pieces=((split, 1),)), tmp_path / str(seed), workers=0)
    (tmp_path / "2" / "validation.h5").rename(tmp_path / "1" / "validation.h5")
    module = FrameDataModule(tmp_path / "1", batch_size=4)
    module.train_dataloader()
    with pytest.raises(EgotapError, match="prepared from different settings"):
        module.val_dataloader()


class Recorder(L.LightningModule):
    """Records stage, epoch, rows and the images' sum of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches: list[tuple[str, int, list[int], int]] = []

    def _record(self, stage: str, batch: Batch) -> None:
        self.batches.append((stage, self.current_epoch, batch.frame.tolist(), int(batch.images.long().sum())))

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        self._record("train", batch)
        return self.weight * 1.0

    def validation_step(self, batch: Batch, index: int) -> None:
        self._record("validation", batch)

    def test_step(self, batch: Batch, index: int) -> None:
        self._record("test", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trainer(epochs: int = 2) -> L.Trainer:
    return plain_trainer(max_epochs=epochs, use_distributed_sampler=False)


def test_with_lightning(folder: Path) -> None:
    def train() -> Recorder:
        module = FrameDataModule(folder, batch_size=8, workers=0, augment=Photometric())
        task = Recorder()
        trainer().fit(task, module)
        return task

    task = train()
    assert train().batches == task.batches
    stores = FrameDataModule(folder, batch_size=8)
    training = [rows for stage, _, rows, _ in task.batches if stage == "train"]
    assert sorted(map(len, training)) == [8] * 4
    assert training[0] != training[2]  # another order in the second epoch
    for stage, _, rows, total in task.batches:
        split = "train" if stage == "train" else "validation"
        original = int(stores.store(split).read(rows).images.long().sum())
        assert (total == original) == (stage == "validation")  # only training images are augmented


@pytest.mark.filterwarnings("ignore:You are using a custom batch sampler")
def test_testing_with_lightning(folder: Path) -> None:
    task, module = Recorder(), FrameDataModule(folder, batch_size=2, workers=0)
    trainer().test(task, module)
    assert flat(rows for _, _, rows, _ in task.batches) == list(range(5))


def loaders_of_rank(rank: int, folder: Path, rendezvous: Path) -> tuple[list[list[int]], list[list[int]], str]:
    """Rows of the training and validation batches of one of two processes, and the error for a single frame."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    try:
        module = FrameDataModule(folder, batch_size=3, workers=0)
        with pytest.raises(EgotapError) as error:
            FrameDataModule(folder.parent / "one", batch_size=3, workers=0).train_dataloader()
        return batch_rows(module.train_dataloader()), batch_rows(module.val_dataloader()), str(error.value)
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes(folder: Path, tmp_path: Path) -> None:
    prepare(FakeSource(frames_per_piece=1, pieces=(("train", 1),)), folder.parent / "one", workers=0)
    with CONTEXT.Pool(1) as pool:  # the first process is this one
        second = pool.apply_async(loaders_of_rank, (1, folder, tmp_path / "rendezvous"))
        ranks = loaders_of_rank(0, folder, tmp_path / "rendezvous"), second.get(120)
    training, evaluated, messages = zip(*ranks, strict=True)
    assert all("1 frames cannot be shared by 2 processes" in message for message in messages)
    assert flat(evaluated[0] + evaluated[1]) == list(range(10))
    assert len(evaluated[0]) == len(evaluated[1]) == 2
    single = batch_rows(FrameDataModule(folder, batch_size=6, workers=0).train_dataloader())
    for step, rows in enumerate(single):  # in every step the same frames as one process with a batch of six
        assert sorted(training[0][step] + training[1][step]) == sorted(rows)


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_is_one_message_from_any_process(folder: Path, tmp_path: Path, workers: int) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with h5py.File(tmp_path / "test.h5", "r+") as file:
        place = file["images"].id.get_chunk_info(3).byte_offset
    with (tmp_path / "test.h5").open("r+b") as file:
        file.seek(place)
        file.write(b"damage")
    module = FrameDataModule(tmp_path, batch_size=1, workers=workers)
    with pytest.raises(EgotapError) as raised:
        batch_rows(module.test_dataloader())
    message = str(raised.value)
    assert message.startswith(f"{tmp_path}/test.h5: the image of frame 3 is damaged (")
    assert "Traceback" not in message


def heatmaps_of(rows: range) -> Heatmaps:
    """Heatmaps that are constant, of a value that says their row."""
    joint = torch.stack([torch.full((2, 15, 4, 4), row / 64) for row in rows])
    return Heatmaps(joint, torch.stack((joint, -joint), 3))


def write_heatmaps(path: Path, frames: int, expected: int | None = None) -> None:
    with HeatmapWriter(path, expected or frames) as writer:
        for start in range(0, frames, 4):
            writer.append(heatmaps_of(range(start, min(start + 4, frames))))


@pytest.mark.parametrize("workers", [0, 2])
def test_cached_heatmaps_replace_images(folder: Path, tmp_path: Path, workers: int) -> None:
    write_heatmaps(tmp_path / "train.h5", 23)
    module = FrameDataModule(folder, batch_size=4, workers=workers, heatmaps=tmp_path)
    for batch in module.train_dataloader():
        assert batch.images.shape == (4, 2, 3, 0, 0)
        assert batch.heatmaps.joint.dtype == torch.float32
        assert batch.heatmaps.limb.shape == (4, 2, 15, 2, 4, 4)
        torch.testing.assert_close(batch.heatmaps.joint[:, 0, 0, 0, 0], batch.frame / 64)
        torch.testing.assert_close(batch.heatmaps.limb[:, 1, 3, 1, 2, 2], -batch.frame / 64)
    with pytest.raises(EgotapError, match=r"validation.h5: no such file; estimate the heatmaps"):
        module.val_dataloader()


def test_cached_heatmaps_are_mirrored(folder: Path, tmp_path: Path) -> None:
    write_heatmaps(tmp_path / "train.h5", 23)
    always = partial(SwapMirror, probability=1.0)
    module = FrameDataModule(folder, batch_size=4, workers=0, heatmaps=tmp_path, augment=always)
    as_read = next(iter(FrameDataModule(folder, batch_size=4, workers=0, heatmaps=tmp_path).train_dataloader()))
    module.trainer = SimpleNamespace(training=True, current_epoch=0)  # type: ignore[assignment]
    batch = module.on_after_batch_transfer(as_read, 0)
    twins = list(module.skeleton.mirror)
    torch.testing.assert_close(batch.pose_cm[..., 0], -as_read.pose_cm[:, twins, 0])
    torch.testing.assert_close(batch.heatmaps.joint[:, 0, 0, 0, 0], batch.frame / 64)
    with pytest.raises(EgotapError, match=r"Photometric changes images.*heatmaps\.cache=false"):
        FrameDataModule(folder, 4, workers=0, heatmaps=tmp_path, augment=Photometric()).train_dataloader()


def test_wrong_heatmap_files(tmp_path: Path) -> None:
    path = tmp_path / "train.h5"
    write_heatmaps(path, 10)
    with pytest.raises(EgotapError, match="of 10 frames, not of 11"):
        HeatmapStore(path, 11)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(EgotapError, match=r"train.h5 is truncated"):
        HeatmapStore(path, 10)


def test_unfinished_heatmaps_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="10 frames were written, expected 12"):
        write_heatmaps(tmp_path / "train.h5", 10, expected=12)
    with pytest.raises(KeyboardInterrupt), HeatmapWriter(tmp_path / "train.h5", 10):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_loaders_use_fewer_processes_than_shared_memory_has_room_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def room_for_one(workers: int, batch_bytes: int, readers: int) -> int:
        asked.append((workers, batch_bytes, readers))
        return 1

    monkeypatch.setattr("egotap_pl.data.datamodule.affordable_workers", room_for_one)
    module = FrameDataModule(folder, batch_size=4, evaluation_batch_size=6, workers=3, readers=2)
    batch = next(iter(FrameDataModule(folder, batch_size=6, workers=0).loader("train")))
    asked.clear()
    assert module.train_dataloader().num_workers == 1
    assert asked == [(3, sum(part.nbytes for part in batch if isinstance(part, torch.Tensor)), 2)]


def test_reading_processes_inherit_no_garbage(folder: Path) -> None:
    """A decoder of videos, say, that ends in a process without its threads waits for them for ever."""

    class Decoder:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            ended_in.append(os.getpid())

    ended_in: list[int] = []
    gc.collect()
    gc.disable()
    try:
        Decoder()
        FrameDataModule(folder, batch_size=4, workers=1).train_dataloader()
    finally:
        gc.enable()
    assert ended_in == [os.getpid()]
