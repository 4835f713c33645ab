"""Reads frame stores: HDF5 files of stereo frames with their poses, one file per split.

The format is told in docs/frame-store.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.limits import GIB, HEADER_BYTES, STORE_LABEL_BYTES, TEXT_BYTES
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.source import SkippedFrame
from egotap_pl.data.store.schema import (
    FIT_RESIDUAL,
    FORMAT,
    METADATA,
    NAMES,
    SCHEMA_VERSION,
    SKIPPED,
    StoreHeader,
    check_labels,
    label_columns,
)

REMEDY = "prepare the data set again (`egotap prepare`), or correct the path"


class FrameNames(NamedTuple):
    """Where frames come from: one entry per frame."""

    category: tuple[str, ...]
    subject: tuple[str, ...]
    motion: tuple[str, ...]
    frame_number: Int[np.ndarray, "b"]


class FrameStore:
    """One split of a prepared data set.

    The file is checked at once and then opened anew in every process that reads images, on its first read: a store can
    be pickled and used after a fork. Labels are kept in memory (about 0.6 kB a frame), images are not.

    Args:
        path: the split's file.

    Raises:
        EgotapError: if the file is missing, truncated, of another kind or of a newer version of the format.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: Hdf5File | None = None
        self._owner = -1
        self._labels: dict[str, Tensor] | None = None
        with Hdf5File(self.path, REMEDY) as file:
            self.header, self.names, self._frames = _check(file)

    def __len__(self) -> int:
        return self._frames

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None, "_owner": -1, "_labels": None}

    @property
    def split(self) -> str:
        """Name of the split."""
        return self.header.split

    @property
    def skeleton(self) -> Skeleton:
        """Joints of the poses."""
        return self.header.skeleton

    @property
    def rig(self) -> StereoRig:
        """The cameras."""
        return self.header.rig

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the motion categories that `Batch.category` counts."""
        return self.header.categories

    @property
    def image_px(self) -> int:
        """Height and width of the images."""
        return self.header.image_px

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what determines the frames; all splits of one preparation have the same."""
        return self.header.fingerprint

    @property
    def skipped(self) -> list[SkippedFrame]:
        """Frames of the source that are not here, and why.

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
        """Of every frame, if 2D points and origins were recovered by a fit: see `Frames.fit_residual_px`."""
        with Hdf5File(self.path, REMEDY) as file:
            if FIT_RESIDUAL not in file:
                return None
            residual = file.array(FIT_RESIDUAL, STORE_LABEL_BYTES)
            if residual.shape != (len(self),) or residual.dtype != np.float32:
                raise file.bad(f"wrong shape or type of {FIT_RESIDUAL}")
            return torch.from_numpy(residual)

    def read(self, rows: Sequence[int], images: bool = True) -> Batch:
        """Read frames in any order.

        Args:
            rows: rows of the store.
            images: without them, the batch's images are 0 x 0 pixels.

        Raises:
            IndexError: if there is no such row.
            EgotapError: if a stored image is damaged.
        """
        index = torch.as_tensor(rows, dtype=torch.int64)
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(self):
            raise IndexError(f"{self.path} has rows 0 to {len(self) - 1}, not {rows}")
        labels = self.labels
        return Batch(
            images=self._read_images(index.tolist()) if images else torch.empty(len(index), 2, 3, 0, 0).byte(),
            points2d_px=labels["points2d_px"][index],
            pose_cm=labels["pose_cm"][index],
            origin_cm=labels["origin_cm"][index],
            visibility=labels["visibility"][index],
            category=labels["category"][index].long(),
            frame=index,
        )

    def name_frames(self, rows: Sequence[int]) -> FrameNames:
        """Category, subject, motion and number within the motion, of frames."""
        index = torch.as_tensor(rows, dtype=torch.int64)

        def names(column: str, known: Sequence[str]) -> tuple[str, ...]:
            return tuple(known[number] for number in self.labels[column][index].tolist())

        return FrameNames(
            category=names("category", self.categories),
            subject=names("subject", self.names["subject"]),
            motion=names("motion", self.names["motion"]),
            frame_number=self.labels["frame_number"][index].numpy(),
        )

    def mean_pose_cm(self) -> Float[Tensor, "j 3"]:
        """The mean of all poses, every joint of the skeleton."""
        return self.labels["pose_cm"].double().mean(0).float()

    @property
    def labels(self) -> dict[str, Tensor]:
        """Every dataset but the images, whole, by name; read and checked on first use.

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

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._file is not None and self._owner == os.getpid():
            self._file.close()
        self._file = None

    def _read_images(self, rows: list[int]) -> Tensor:
        if self._file is None or self._owner != os.getpid():  # HDF5's own state must not be shared through a fork
            self._file, self._owner = Hdf5File(self.path, REMEDY), os.getpid()
        dataset = self._file.dataset("images")
        out = np.empty((len(rows), 2, 3, self.image_px, self.image_px), np.uint8)
        for frame, row in zip(out, rows, strict=True):
            try:
                self.header.codec.read(dataset, row, frame)
            except (OSError, RuntimeError, ValueError) as error:  # the last two are HDF5's words for damaged structures
                raise EgotapError(f"{self.path}: the image of frame {row} is damaged ({error}); {REMEDY}") from error
        return torch.from_numpy(out)


def data_fingerprint(stores: Sequence[FrameStore]) -> str:
    """SHA-256 over what determines the frames of a data set, given the stores of its splits.

    It is the stores' own fingerprint unless frames were left out for damage, which no setting tells of: then these
    frames' names determine it, too.
    """
    damaged = sorted(
        (store.split, frame.motion, frame.frame_number) for store in stores for frame in store.skipped if frame.damaged
    )
    own = stores[0].fingerprint
    return hashlib.sha256(json.dumps([own, damaged]).encode()).hexdigest() if damaged else own


def _check(file: Hdf5File) -> tuple[StoreHeader, dict[str, tuple[str, ...]], int]:
    """Header, lists of names and number of frames of a file that is a frame store through and through."""
    version = file.attribute("version")
    if file.attribute("format") != FORMAT or not isinstance(version, int):
        raise EgotapError(f"{file.path} is an HDF5 file, but not a frame store; {REMEDY}")
    if version > SCHEMA_VERSION:
        raise EgotapError(
            f"{file.path} is a frame store of version {version}; this program reads up to {SCHEMA_VERSION}: update "
            "egotap-pl"
        )
    metadata = file.texts(METADATA, HEADER_BYTES)
    try:
        (text,) = metadata
        header = StoreHeader.from_json(text)
    except (LookupError, TypeError, ValueError, AttributeError, EgotapError) as error:
        raise file.bad(f"the metadata are incomplete or damaged ({error})") from error
    names = {column: file.texts(f"names/{column}", TEXT_BYTES) for column in NAMES}
    columns = label_columns(header.skeleton.num_joints)
    datasets = {column: file.dataset(column) for column in (*columns, "images")}
    frames = (*datasets["pose_cm"].shape, 0)[0]
    wrong = [
        column
        for column, (dtype, shape) in columns.items()
        if datasets[column].shape != (frames, *shape) or datasets[column].dtype != dtype
    ]
    if not header.codec.fits(datasets["images"], frames, header.image_px):
        wrong.append("images")
    if wrong:
        raise file.bad(f"wrong shape or type of {', '.join(wrong)}")
    if sum(datasets[column].nbytes for column in columns) > STORE_LABEL_BYTES:
        raise file.bad(f"labels of {frames} frames take more than {STORE_LABEL_BYTES // GIB} GiB")
    return header, names, frames
