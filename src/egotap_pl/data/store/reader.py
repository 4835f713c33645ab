"""Reads frame stores: HDF5 files of stereo frames with their poses, one file per split (docs/frame-store.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from egotap_pl.core.batch import NUM_VIEWS, Batch
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import Damaged, EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.known import is_known, known_mean
from egotap_pl.core.limits import STORE_LABEL_BYTES, TEXT_BYTES
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.source import SkippedFrame
from egotap_pl.data.store.header import read_header
from egotap_pl.data.store.images import REMEDY, StoredImages
from egotap_pl.data.store.schema import (
    FIT_RESIDUAL,
    SKIPPED,
    check_labels,
    label_columns,
)


class FrameNames(NamedTuple):
    """Where frames come from."""

    category: tuple[str, ...]
    """Motion category of each frame."""

    subject: tuple[str, ...]
    """Name of the person in each frame."""

    motion: tuple[str, ...]
    """Name of the motion that each frame belongs to."""

    frame_number: Int[np.ndarray, "b"]
    """Number of each frame within its motion."""


class FrameStore:
    """One split of a prepared data set, open for reading.

    The file is checked at once. Every process that reads images then opens it for itself, on its first read, so that a
    store can be pickled and used after a fork. Labels are kept in memory (about 0.6 kB per frame), images are not.

    Args:
        path: file of the split.

    Raises:
        EgotapError: if the file is missing, truncated, of another kind or of a newer version of the format.

    Examples:
        Three black frames of one motion, written and read again:

        >>> from egotap_pl.core.skeleton import unrealego
        >>> from egotap_pl.data.source import Frames
        >>> from egotap_pl.data.store import RawCodec, StoreHeader, write_store
        >>> header = StoreHeader(
        ...     split="train", skeleton=unrealego(), rig=StereoRig.unrealego(), image_px=8, categories=("walking",),
        ...     codec=RawCodec(), source={"source": "example"}, package_version="1",
        ... )
        >>> frames = Frames(
        ...     images=np.zeros((3, 2, 3, 8, 8), np.uint8), points2d_px=np.full((3, 2, 16, 2), 512, np.float32),
        ...     pose_cm=np.zeros((3, 16, 3), np.float32), origin_cm=np.full((3, 2, 3), 40, np.float32),
        ...     visibility=np.zeros((3, 2, 16), np.uint8), category=["walking"] * 3, subject=["anna"] * 3,
        ...     motion=["to the door"] * 3, frame_number=np.array([7, 8, 9]),
        ... )
        >>> with write_store(Path("train.h5"), header, frames=3) as writer:
        ...     writer.append(frames)
        >>> store = FrameStore("train.h5")
        >>> len(store), store.split, store.image_px
        (3, 'train', 8)
        >>> batch = store.read([2, 0])
        >>> batch.images.shape, batch.pose_cm.shape
        (torch.Size([2, 2, 3, 8, 8]), torch.Size([2, 16, 3]))
        >>> store.name_frames([2, 0]).frame_number.tolist()
        [9, 7]
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._labels: dict[str, Tensor] | None = None
        with Hdf5File(self.path, REMEDY) as file:
            self.header, self.names, self._frames = read_header(file)
        self.images = StoredImages(self.path, self.header.codec, self._frames, self.header.image_px)
        """The images, decoded or as they are stored."""

    def __len__(self) -> int:
        return self._frames

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_labels": None}

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.header.split

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of the poses."""
        return self.header.skeleton

    @property
    def rig(self) -> StereoRig:
        """The two cameras."""
        return self.header.rig

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the motion categories, which `Batch.category` indexes."""
        return self.header.categories

    @property
    def image_px(self) -> int:
        """Height and width of the images."""
        return self.header.image_px

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the frames. All splits of one preparation have the same."""
        return self.header.fingerprint

    @property
    def skipped(self) -> list[SkippedFrame]:
        """Frames that the source has and the store does not, with the reasons.

        Raises:
            EgotapError: if the list is damaged.
        """
        if not self.header.skipped:
            return []
        with Hdf5File(self.path, REMEDY) as file:
            lines = file.texts(SKIPPED, TEXT_BYTES)
            try:
                return [SkippedFrame.from_json(line) for line in lines]
            except ValueError as error:
                raise file.bad(f"the list of skipped frames is damaged ({error})") from error

    @property
    def fit_residual_px(self) -> Float[Tensor, "n"] | None:
        """Residual of each frame's fit, or None if 2D points and origins were not fitted; see `Frames.fit_residual_px`.

        Raises:
            EgotapError: if the dataset is damaged.
        """
        with Hdf5File(self.path, REMEDY) as file:
            if FIT_RESIDUAL not in file:
                return None
            residual = file.array(FIT_RESIDUAL, STORE_LABEL_BYTES)
            if residual.shape != (len(self),) or residual.dtype != np.float32:
                raise file.bad(f"wrong shape or type of {FIT_RESIDUAL}")
            return torch.from_numpy(residual)

    def read(self, rows: Sequence[int], images: bool = True) -> Batch:
        """Reads frames in any order.

        Args:
            rows: rows of the store.
            images: whether to read images; otherwise they have 0 x 0 pixels.

        Raises:
            IndexError: if a row does not exist.
            EgotapError: if the rows are not a list of whole numbers, or a stored image is damaged.
        """
        index = self._index(rows)
        labels = self.labels
        return Batch(
            images=self.images.read(index.tolist()) if images else torch.empty(len(index), NUM_VIEWS, 3, 0, 0).byte(),
            points2d_px=labels["points2d_px"][index],
            pose_cm=labels["pose_cm"][index],
            origin_cm=labels["origin_cm"][index],
            visibility=labels["visibility"][index],
            category=labels["category"][index].long(),
            frame=index,
        )

    def name_frames(self, rows: Sequence[int]) -> FrameNames:
        """Category, subject, motion and number of frames, in any order; errors as in `read`."""
        index = self._index(rows)

        def names(column: str, all_names: Sequence[str]) -> tuple[str, ...]:
            return tuple(all_names[number] for number in self.labels[column][index].tolist())

        return FrameNames(
            category=names("category", self.categories),
            subject=names("subject", self.names["subject"]),
            motion=names("motion", self.names["motion"]),
            frame_number=self.labels["frame_number"][index].numpy(),
        )

    def _index(self, rows: Sequence[int]) -> Int[Tensor, "b"]:
        """Checked rows."""
        try:
            index = torch.as_tensor(rows)
        except (TypeError, ValueError, RuntimeError):  # text, dictionaries, lists of different lengths
            index = torch.tensor(torch.nan)
        is_whole = not index.is_floating_point() and index.dtype != torch.bool
        if index.ndim != 1 or (len(index) and not is_whole):
            raise EgotapError(f"rows={rows}: must be a list of whole numbers, such as [0] or range(8)")
        index = index.long()
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(self):
            raise IndexError(f"{self.path} has rows 0 to {len(self) - 1}, not {rows}")
        return index

    def mean_pose_cm(self) -> Float[Tensor, "j 3"]:
        """Mean of all poses, for every joint of the skeleton: over the frames in which the joint is known.

        A joint that is never known is put into the middle of the others.
        """
        poses_cm = self.labels["pose_cm"].double()
        mean_cm = known_mean(poses_cm, is_known(poses_cm)[..., None], dim=0)
        return torch.where(mean_cm.isnan(), mean_cm.nanmean(0), mean_cm).float()

    def mean_origin_cm(self) -> Float[Tensor, "3"] | None:
        """Mean of the poses' origins in the left camera's frame, over the frames in which it is known; None: never."""
        origins_cm = self.labels["origin_cm"][:, 0].double()
        mean_cm = origins_cm.nanmean(0).float()
        return mean_cm if bool(mean_cm.isfinite().all()) else None

    @property
    def labels(self) -> dict[str, Tensor]:
        """The labels of all frames, by the name of their dataset. They are read and checked on first use.

        Raises:
            EgotapError: if a dataset is damaged, or a label cannot be right.
        """
        if self._labels is None:
            columns = label_columns(self.skeleton.num_joints)
            counts = {"category": len(self.categories), **{column: len(names) for column, names in self.names.items()}}
            with Hdf5File(self.path, REMEDY) as file:
                labels = {column: file.array(column, STORE_LABEL_BYTES) for column in columns}
                try:
                    check_labels(labels, counts)
                except ValueError as error:
                    raise file.bad(str(error)) from error
            self._labels = {column: torch.from_numpy(values) for column, values in labels.items()}
        return self._labels

    def check(self, advance: Callable[[int], None] = lambda _: None) -> None:
        """Reads everything and compares all checksums. Images without a checksum are decoded.

        Args:
            advance: called with a number of frames that have been checked.

        Raises:
            Damaged: if anything is damaged; the message names the first frame.
        """
        for _, error in self.damaged_images(advance):
            raise error

    def damaged_images(self, advance: Callable[[int], None] = lambda _: None) -> Iterator[tuple[int, Damaged]]:
        """Reads everything as `check` does, and gives what `StoredImages.damaged` gives.

        Args:
            advance: called with a number of frames that have been checked.

        Raises:
            Damaged: if labels, names, checksums or the list of skipped frames are damaged.
        """
        _ = self.labels, self.skipped, self.fit_residual_px
        yield from self.images.damaged(advance)

    def close(self) -> None:
        """Closes the file. The next read opens it again."""
        self.images.close()


def data_fingerprint(stores: Sequence[FrameStore]) -> str:
    """SHA-256 of everything that determines the frames of a data set.

    It equals the stores' own fingerprint, unless frames were skipped as damaged. In that case it also depends on the
    names of these frames, because no setting says which frames they are.

    Args:
        stores: the stores of all splits.
    """
    damaged = sorted(
        (store.split, frame.motion, frame.frame_number) for store in stores for frame in store.skipped if frame.damaged
    )
    own = stores[0].fingerprint
    return hashlib.sha256(json.dumps([own, damaged]).encode()).hexdigest() if damaged else own
