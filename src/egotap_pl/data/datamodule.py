"""Prepared data as batches for Lightning."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from egotap_pl.core.batch import Batch, Past
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.disks import explained
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.core.stopping import outlive_the_first_signal
from egotap_pl.data.augment import Augmentation, check_frames, check_heatmaps, check_windows, made
from egotap_pl.data.preparation.workers import usable_cpus
from egotap_pl.data.sampling import EvenBatches, ShuffledFrames, rank_and_ranks, uncollated
from egotap_pl.data.shared_memory import affordable_workers
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.heatmaps import HeatmapStore
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore, data_fingerprint
from egotap_pl.data.windows import ALONE, Window, earlier_rows


class ReadingError(EgotapError):
    """A message from a reading process. torch calls this class again in the parent, with the process's traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(text.rpartition(f"{__name__}.{type(self).__name__}: ")[2].rstrip())


class FrameDataset(Dataset[Batch]):
    """A store that is read a batch at a time: a loader asks for all rows of a batch at once, and nothing is collated.

    Args:
        store: the frames.
        heatmaps: cached heatmaps of the same frames; batches then have them instead of images.
        window: the frames that belong to each frame; those before it are in `Batch.past`.
    """

    def __init__(self, store: FrameStore, heatmaps: HeatmapStore | None = None, window: Window = ALONE) -> None:
        self.store, self.heatmaps = store, heatmaps
        self.earlier: Tensor | None = None
        if window.frames > 1:
            self.earlier = earlier_rows(store.labels["motion"], store.labels["frame_number"], window)

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> Batch:
        return self.__getitems__([row])

    def frame_bytes(self) -> int:
        """Bytes of a frame in a batch, with the frames of its window."""
        if not len(self):
            return 0
        batch = self._read([0])
        of_one = sum(part.nbytes for part in (*batch, *(batch.heatmaps or ())) if isinstance(part, Tensor))
        return of_one * (1 if self.earlier is None else 1 + self.earlier.shape[1])

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        """The frames of a batch, without images if their heatmaps are cached.

        Raises:
            EgotapError: if a file is damaged; in a reading process, also if the disk fails.
            OSError: if the disk fails.
        """
        try:
            batch = self._read(rows)
            if self.earlier is None:
                return batch
            needed, position = self.earlier[list(rows)].unique(return_inverse=True)
            return batch._replace(past=Past(self._read(needed.tolist()), position))
        except (EgotapError, OSError) as error:
            message = str(error) if isinstance(error, EgotapError) else explained(error)
            if get_worker_info() is None or message is None:
                raise
            raise ReadingError(message) from error

    def _read(self, rows: Sequence[int]) -> Batch:
        batch = self.store.read(rows, images=self.heatmaps is None)
        return batch if self.heatmaps is None else batch._replace(heatmaps=self.heatmaps.read(rows))


class FrameDataModule(L.LightningDataModule):
    """The splits of a folder of prepared data.

    Batches are `egotap_pl.core.batch.Batch`. In a distributed run, every evaluated frame is in exactly one batch of one
    process; for this, the trainer needs ``use_distributed_sampler=False``. Stores are opened when they are needed.
    Properties and loaders raise `EgotapError` if the folder has no store, or stores of different preparations.

    Args:
        folder: folder of the stores that `egotap prepare` made.
        batch_size: frames in a training batch, per process.
        evaluation_batch_size: largest number of frames in a batch of any other loader; ``batch_size`` by default.
        workers: number of reading processes per loader, 0 for none; by default all processors, but at most four.
        seed: seed of the order of training frames and of augmentation.
        augment: changes training batches on their device, or a factory of what does (`egotap_pl.data.augment`).
        heatmaps: folder with cached heatmaps of the splits, which batches then have instead of images.
        accumulated: training batches whose gradients are summed before a step of the optimiser.
        readers: number of processes on this machine that read at the same time, each with so many workers.
        window: the frames that belong to each frame of a batch; by default, frames come alone.
    """

    def __init__(
        self,
        folder: Path | str,
        batch_size: int,
        evaluation_batch_size: int | None = None,
        workers: int | None = None,
        seed: int = 0,
        augment: Augmentation | Callable[..., Augmentation] | None = None,
        heatmaps: Path | str | None = None,
        accumulated: int = 1,
        readers: int = 1,
        window: Window = ALONE,
    ) -> None:
        super().__init__()
        self.folder, self.batch_size = Path(folder), batch_size
        self.evaluation_batch_size = evaluation_batch_size or batch_size
        self.workers = min(4, usable_cpus()) if workers is None else workers
        self.seed, self.augment, self.accumulated = seed, augment, accumulated
        self.readers, self.window = readers, window
        self.heatmaps = None if heatmaps is None else Path(heatmaps)
        self._stores: dict[str, FrameStore] = {}
        self._randomness: tuple[int, torch.Generator] | None = None
        self._begun: tuple[int, int, Tensor | None] | None = None

    def store(self, split: str) -> FrameStore:
        """The frame store of a split.

        Raises:
            EgotapError: if the store is missing, damaged, or of another preparation than one that is already open.
        """
        if split not in self._stores:
            store = FrameStore(store_path(self.folder, split))
            for other in self._stores.values():
                if other.fingerprint != store.fingerprint:
                    raise EgotapError(
                        f"{store.path} and {other.path} were prepared from different settings: prepare them together"
                    )
            self._stores[split] = store
        return self._stores[split]

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of the poses."""
        return self._any_store().skeleton

    @property
    def rig(self) -> StereoRig:
        """The two cameras."""
        return self._any_store().rig

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the motion categories."""
        return self._any_store().categories

    @property
    def image_px(self) -> int:
        """Height and width of the images."""
        return self._any_store().image_px

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the frames of all splits."""
        stores = [self.store(split) for split in SPLITS if store_path(self.folder, split).exists()]
        return data_fingerprint(stores or [self._any_store()])

    @property
    def mean_pose_cm(self) -> Float[Tensor, "j 3"]:
        """Mean of the training poses, estimated joints only."""
        return self.store("train").mean_pose_cm()[list(self.skeleton.estimated)]

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training frames, in an order that depends only on the seed and the epoch.

        Raises:
            EgotapError: if augmentation cannot change the data's frames.
        """
        _ = self._augmentation
        data = self._dataset("train")
        # Whole batches only: in a last batch of one frame, batch normalisation would have no variance.
        sampler = ShuffledFrames(len(data), self.seed, self.batch_size, self.accumulated)
        if self._begun is not None:
            epoch, batches, _ = self._begun
            sampler.set_epoch(epoch)  # Lightning sets it when reading processes have already read the first frames
            sampler.skip(epoch, batches * self.batch_size)
        return self._loader(data, sampler=sampler, batch_size=self.batch_size)

    def go_on(self, epoch: int, batches: int, augmentation: Tensor | None) -> None:
        """Continue with an epoch. Batches that were trained on are not read again.

        Args:
            epoch: number of the epoch, from 0.
            batches: number of its batches that were trained on.
            augmentation: `augmentation_state` after these; None: augmentation has drawn no numbers.
        """
        self._begun = epoch, batches, augmentation

    def augmentation_state(self, epoch: int) -> Tensor | None:
        """State of the random numbers of augmentation; None if it has drawn none in this epoch."""
        if self._randomness is None or self._randomness[0] != epoch:
            return None
        return self._randomness[1].get_state()

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation frames."""
        return self.loader("validation")

    def test_dataloader(self) -> DataLoader[Batch]:
        """Test frames."""
        return self.loader("test")

    def loader(self, split: str) -> DataLoader[Batch]:
        """Every frame of a split once, in order. The processes of a distributed run share the frames."""
        data = self._dataset(split)
        return self._loader(data, batch_sampler=EvenBatches(len(data), self.evaluation_batch_size))

    def ordered_loader(self, split: str) -> DataLoader[Batch]:
        """Every frame of a split once, in order. Each process gets all frames."""
        data = self._dataset(split)
        return self._loader(data, batch_sampler=EvenBatches(len(data), self.evaluation_batch_size, shared=False))

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Turns cached heatmaps into floats, and augments training batches."""
        batch = batch.with_float_heatmaps()
        if self._augmentation is None or self.trainer is None or not self.trainer.training:
            return batch
        generator = self._generator(self.trainer.current_epoch, batch.images.device)
        return self._augmentation(batch, generator)

    @cached_property
    def _augmentation(self) -> Augmentation | None:
        if self.augment is None:
            return None
        check_frames(augmentation := made(self.augment, self.skeleton, self.rig), self.store("train").read([0]))
        if self.heatmaps is not None:
            check_heatmaps(augmentation)
        if self.window.frames > 1:
            check_windows(augmentation)
        return augmentation

    def _generator(self, epoch: int, device: torch.device) -> torch.Generator:
        """A generator for each epoch and process. It starts afresh in every epoch, so that trainings can resume."""
        if self._randomness is None or self._randomness[0] != epoch:
            rank, _ = rank_and_ranks()
            digest = hashlib.sha256(f"{self.seed} {epoch} {rank}".encode()).digest()
            generator = torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))
            begun, _, state = self._begun or (-1, 0, None)
            if begun == epoch and state is not None and state.shape == generator.get_state().shape:
                generator.set_state(state)  # other kinds of devices have states of other sizes
            self._randomness = epoch, generator
        return self._randomness[1]

    def _any_store(self) -> FrameStore:
        for split in SPLITS:
            if split in self._stores or store_path(self.folder, split).exists():
                return self.store(split)
        raise EgotapError(
            f"{self.folder} contains no frame store: prepare the data set (`egotap prepare`), or correct the path"
        )

    def _dataset(self, split: str) -> FrameDataset:
        store = self.store(split)
        heatmaps = None if self.heatmaps is None else HeatmapStore(store_path(self.heatmaps, split), len(store))
        return FrameDataset(store, heatmaps, self.window)

    def _loader(self, data: FrameDataset, **batching: Any) -> DataLoader[Batch]:
        # Labels that are read here are shared with forked workers. An open file must not be.
        _ = data.store.labels
        size = max(self.batch_size, self.evaluation_batch_size) * data.frame_bytes() if self.workers else 0
        workers = affordable_workers(self.workers, size, self.readers)
        data.store.close()
        if workers:  # they would inherit garbage, and wait for threads that end with it, which they do not inherit
            gc.collect()
        return DataLoader(
            data,
            num_workers=workers,
            collate_fn=uncollated,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            worker_init_fn=outlive_the_first_signal,
            # Of its own. With the global one, the random numbers of a network (dropout) would depend on the number of
            # workers, and on how often a training was resumed.
            generator=torch.Generator().manual_seed(self.seed),
            **batching,
        )
