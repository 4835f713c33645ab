"""Cached heatmaps: the estimated heatmaps of a split on disk, with the same rows as its frame store.

An HDF5 file with two datasets, ``joint`` and ``limb``: for each frame, its heatmaps in hundredths, compressed, or half
floats (docs/frame-store.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
import torch

from egotap_pl.core.atomic import atomic
from egotap_pl.core.batch import NUM_VIEWS, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.hdf5_checks import check_zeros
from egotap_pl.core.hdf5_deflated import DeflatedRows
from egotap_pl.core.hdf5_own import OwnHdf5File
from egotap_pl.core.hdf5_writing import create_deflated, create_numbers, new_file, write_deflated
from egotap_pl.core.limits import HDF5_CHUNK_BYTES

FORMAT = "egotap-heatmaps"
HALVES, HUNDREDTHS = 1, 2
"""Versions of the format: half floats, and whole hundredths."""
REMEDY = "remove the file, and it will be made again"
LIMB_CHANNELS = 2
"""The cosine and the sine channel."""
_FRAME_AXES = {"joint": 4, "limb": 5}


class HeatmapWriter:
    """Writes heatmaps in the order of a store's rows; a context manager. The file appears when it is complete.

    Args:
        path: file of the split.
        frames: number of frames in the split.
        rounded: whether to write whole hundredths, from -1.27 to 1.27, instead of half floats.

    Raises:
        ValueError: at the end of the block, if another number of frames was appended.
    """

    def __init__(self, path: Path | str, frames: int, rounded: bool = False) -> None:
        self.path, self.frames, self.rounded, self.row = Path(path), frames, rounded, 0
        self._stack = ExitStack()

    def __enter__(self) -> HeatmapWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._stack.enter_context(atomic(self.path))
        self._file = self._stack.enter_context(new_file(temporary))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, at)
            return
        with self._stack:
            if self.row != self.frames:
                raise ValueError(f"{self.row} frames were written, expected {self.frames}")
            self._file.attrs.update({"format": FORMAT, "version": HUNDREDTHS if self.rounded else HALVES})

    def append(self, heatmaps: Heatmaps) -> None:
        """Stores the heatmaps of the next frames, from any device.

        Raises:
            EgotapError: if the heatmaps have axes or channels that a cache cannot have, or a value is not finite: as a
                whole hundredth, it would be an ordinary zero.
        """
        count = len(heatmaps.joint)
        for name, maps in heatmaps._asdict().items():
            if not _fits(name, maps.shape[1:]):
                raise EgotapError(
                    f"{name} heatmaps of shape {tuple(maps.shape)} cannot be cached: give heatmaps.cache=false, "
                    "so that they are estimated each time"
                )
        self._check_finite(heatmaps)
        for name, maps in (heatmaps.hundredths() if self.rounded else heatmaps)._asdict().items():
            shape = (self.frames, *maps.shape[1:])
            if self.rounded:
                if not self.row:
                    create_deflated(self._file, name, shape, np.int8)
                write_deflated(self._file[name], self.row, maps.cpu().numpy())
            else:
                if not self.row:
                    create_numbers(self._file, name, shape, np.float16, chunks=(1, *shape[1:]))
                self._file[name][self.row : self.row + count] = maps.to(torch.float16).cpu().numpy()
        self.row += count

    def _check_finite(self, heatmaps: Heatmaps) -> None:
        for name, maps in heatmaps._asdict().items():
            finite = (maps if self.rounded else maps.to(torch.float16)).isfinite().flatten(1).all(1)
            if not finite.all():
                first = self.row + int((~finite).nonzero()[0])
                raise EgotapError(
                    f"{self.path.stem}: the {name} heatmaps of frame {first} are not finite numbers: the weights of "
                    "their estimator are damaged, or its training diverged"
                )


class HeatmapStore:
    """Reads what `HeatmapWriter` wrote. Like a frame store, every process that reads opens the file for itself.

    Args:
        path: file of the split.
        frames: number of frames in the frame store that the heatmaps belong to.

    Raises:
        EgotapError: if the file is missing, damaged, of another kind, or has another number of frames.
    """

    def __init__(self, path: Path | str, frames: int) -> None:
        self.path, self.frames = Path(path), frames
        self._own = OwnHdf5File(self.path, REMEDY)
        if not self.path.is_file():
            raise EgotapError(f"{path}: no such file; estimate the heatmaps first")
        with Hdf5File(self.path, REMEDY) as file:
            version = file.attribute("version")
            if file.attribute("format") != FORMAT or version not in (HALVES, HUNDREDTHS):
                raise file.bad("not a file of cached heatmaps that this program's version can read")
            self.rounded = version == HUNDREDTHS
            (number,) = {len(self._dataset(file, name)) for name in Heatmaps._fields}
        if number != frames:
            raise EgotapError(f"{path} has heatmaps of {number} frames, not of {frames}; {REMEDY}")

    def __len__(self) -> int:
        return self.frames

    def read(self, rows: Sequence[int]) -> Heatmaps:
        """Reads the heatmaps of frames: hundredths (`Heatmaps.hundredths`), or 32-bit floats.

        Raises:
            EgotapError: if the file is damaged.
        """
        file, maps = self._own.open(), {}
        for name in Heatmaps._fields:
            dataset = self._dataset(file, name)
            out = np.empty((len(rows), *dataset.shape[1:]), dataset.dtype)
            with file.reading(f"dataset {name!r}"):
                for row, frame in zip(map(int, rows), out, strict=True):
                    if isinstance(dataset, DeflatedRows):
                        dataset.read(row, frame)
                    else:
                        dataset.read_direct(frame, np.s_[row])
                        check_zeros(dataset, row, frame)
            maps[name] = torch.from_numpy(out if self.rounded else out.astype(np.float32))
        return Heatmaps(**maps)

    def close(self) -> None:
        """Closes the file. The next read opens it again."""
        self._own.close()

    def _dataset(self, file: Hdf5File, name: str) -> h5py.Dataset | DeflatedRows:
        dataset: h5py.Dataset | DeflatedRows = file.deflated(name) if self.rounded else file.dataset(name)
        frame, kind = dataset.shape[1:], np.int8 if self.rounded else np.float16
        if dataset.dtype != kind or not _fits(name, frame):
            raise file.bad(f"dataset {name!r} is {dataset.dtype} of shape {dataset.shape}, not heatmaps")
        if math.prod(frame) * dataset.dtype.itemsize > HDF5_CHUNK_BYTES:
            raise file.bad(f"dataset {name!r} of shape {dataset.shape} has frames of absurd size")
        return dataset


def _fits(name: str, frame: Sequence[int]) -> bool:
    """Whether heatmaps of a frame have the axes and channels that joint or limb heatmaps have."""
    return len(frame) == _FRAME_AXES[name] and frame[0] == NUM_VIEWS and tuple(frame[2:-2]) in ((), (LIMB_CHANNELS,))
