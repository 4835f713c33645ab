"""How a frame store encodes its images: raw pixels, PNG (lossless) or JPEG."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import h5py
import numpy as np
from jaxtyping import UInt8, UInt32
from PIL import Image, UnidentifiedImageError

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5_checks import check_cells, check_zeros
from egotap_pl.core.hdf5_writing import create_numbers, hold

IMAGES_CRC32 = "images_crc32"
"""Dataset (frame, view) of the checksums of the files in ``images``, for codecs that store files."""
_HEADERS_BYTES = 2**16
"""Bytes of both views' files in addition to their pixels, which compression may enlarge a little."""


def crc32_of(cells: np.ndarray) -> UInt32[np.ndarray, "n v"]:
    """Checksums of the files of consecutive frames' views. HDF5 has none for such cells."""
    return np.array([[zlib.crc32(data) for data in views] for views in cells], np.uint32)


@runtime_checkable
class Codec(Protocol):
    """Creates, fills, checks and reads the dataset ``images`` of a store."""

    @property
    def settings(self) -> dict[str, Any]:
        """Name and settings, as JSON: recorded in the store, and part of its fingerprint."""
        ...

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Makes the empty dataset ``images``.

        Args:
            file: the open file of the store.
            frames: number of frames.
            image_px: height and width of the images.
        """
        ...

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a dataset ``images`` has this codec's shape and type.

        Args:
            dataset: the dataset.
            frames: number of frames.
            image_px: height and width of the images.
        """
        ...

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Stores the images of consecutive frames.

        Args:
            dataset: the dataset ``images``.
            row: row of the first frame.
            images: RGB images.
        """
        ...

    def write_stored(self, dataset: h5py.Dataset, row: int, stored: np.ndarray) -> None:
        """Stores the images of consecutive frames as another store of this codec has them.

        Args:
            dataset: the dataset ``images``.
            row: row of the first frame.
            stored: rows of the other store's dataset ``images``.
        """
        ...

    def read(
        self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"], crc32: UInt32[np.ndarray, "v"] | None
    ) -> None:
        """Reads the images of one frame.

        Args:
            dataset: the dataset ``images``.
            row: row of the frame.
            out: array that receives the images.
            crc32: checksum of each view's file; None: the store has none, or HDF5 compares its own.

        Raises:
            OSError: if the stored bytes are damaged, or not an image of this codec and of the size of ``out``.
        """
        ...

    def check(
        self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"], crc32: UInt32[np.ndarray, "v"] | None
    ) -> None:
        """Compares the checksums of one frame's images; without checksums, reads the images. See `read`."""
        ...


@dataclass(frozen=True)
class RawCodec:
    """Uncompressed pixels, one chunk per frame: fastest to read, largest on disk."""

    name: ClassVar[str] = "raw"

    @property
    def settings(self) -> dict[str, Any]:
        """The name; there are no settings."""
        return {"name": self.name}

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Makes the empty dataset ``images``; see `Codec`."""
        frame = (NUM_VIEWS, 3, image_px, image_px)
        return create_numbers(file, "images", (frames, *frame), np.uint8, chunks=(1, *frame) if frames else None)

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a dataset ``images`` has this codec's shape and type; see `Codec`."""
        return dataset.shape == (frames, NUM_VIEWS, 3, image_px, image_px) and dataset.dtype == np.uint8

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Stores the images of consecutive frames; see `Codec`."""
        dataset[row : row + len(images)] = images

    write_stored = write

    def read(
        self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"], crc32: UInt32[np.ndarray, "v"] | None
    ) -> None:
        """Reads the images of one frame; see `Codec`."""
        dataset.read_direct(out, np.s_[row])
        check_zeros(dataset, row, out)

    check = read


class _EncodedCodec:
    """One compressed file per view, in a variable-length cell."""

    image_format: ClassVar[str]
    """Pillow's name of the format. No other format is accepted, whatever a cell's bytes look like."""

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Makes the empty dataset ``images``; see `Codec`."""
        create_numbers(file, IMAGES_CRC32, (frames, NUM_VIEWS), np.uint32)
        return hold(file.create_dataset("images", (frames, NUM_VIEWS), h5py.vlen_dtype(np.uint8)))

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a dataset ``images`` has this codec's shape and type; see `Codec`."""
        return dataset.shape == (frames, NUM_VIEWS) and h5py.check_vlen_dtype(dataset.dtype) == np.uint8

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Encodes and stores the images of consecutive frames; see `Codec`."""
        cells = np.empty((len(images), NUM_VIEWS), object)
        for cell, view in zip(np.ndindex(*cells.shape), images.reshape(-1, *images.shape[2:]), strict=True):
            cells[cell] = self._encode(view)
        self.write_stored(dataset, row, cells)

    def write_stored(self, dataset: h5py.Dataset, row: int, stored: np.ndarray) -> None:
        """Stores encoded images of consecutive frames, and their checksums; see `Codec`."""
        rows = slice(row, row + len(stored))
        dataset[rows] = stored
        dataset.parent[IMAGES_CRC32][rows] = crc32_of(stored)

    def read(
        self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"], crc32: UInt32[np.ndarray, "v"] | None
    ) -> None:
        """Reads and decodes the images of one frame; see `Codec`."""
        cells = self._cells(dataset, row, out)
        for view, data in enumerate(cells):
            out[view] = self._decode(data, out.shape[-1])
        _compare(cells, crc32)

    def check(
        self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"], crc32: UInt32[np.ndarray, "v"] | None
    ) -> None:
        """Compares the checksums of one frame's images; see `Codec`."""
        if crc32 is None:
            self.read(dataset, row, out, None)
        else:
            _compare(self._cells(dataset, row, out), crc32)

    def _cells(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> np.ndarray:
        """The files of one frame's views."""
        check_cells(dataset, row * NUM_VIEWS, NUM_VIEWS, 2 * out.nbytes + _HEADERS_BYTES)
        cells: np.ndarray = dataset[row]
        return cells

    def _decode(self, data: UInt8[np.ndarray, "byte"], image_px: int) -> UInt8[np.ndarray, "3 h w"]:
        """Decodes an image. Size and mode are checked in its header, before memory is allocated for pixels."""
        try:
            with Image.open(io.BytesIO(data.tobytes()), formats=(self.image_format,)) as image:
                if image.size != (image_px, image_px) or image.mode != "RGB":
                    actual = f"{image.width} x {image.height} px of mode {image.mode}"
                    raise OSError(f"{actual}: expected {image_px} x {image_px} px of mode RGB")
                return np.asarray(image).transpose(2, 0, 1)
        except UnidentifiedImageError as error:
            raise OSError(f"not a {self.image_format} image") from error
        except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow raises for bad images
            raise OSError(str(error)) from error

    def _encode(self, view: UInt8[np.ndarray, "3 h w"]) -> UInt8[np.ndarray, "byte"]:
        buffer = io.BytesIO()
        self._save(Image.fromarray(np.ascontiguousarray(view.transpose(1, 2, 0))), buffer)
        return np.frombuffer(buffer.getvalue(), np.uint8)

    def _save(self, image: Image.Image, buffer: io.BytesIO) -> None:
        raise NotImplementedError


def _compare(cells: np.ndarray, crc32: UInt32[np.ndarray, "v"] | None) -> None:
    """Compares the checksums of a frame's files, if they are known.

    Raises:
        OSError: if one is wrong.
    """
    if crc32 is not None and (crc32_of(cells[None])[0] != crc32).any():
        raise OSError("its checksum is wrong")


@dataclass(frozen=True)
class PngCodec(_EncodedCodec):
    """Lossless.

    Raises:
        EgotapError: if the level is out of range.
    """

    name: ClassVar[str] = "png"
    image_format: ClassVar[str] = "PNG"
    level: int = 3
    """Effort of the compression, from 0 (none) to 9 (slow). It does not change the pixels."""

    def __post_init__(self) -> None:
        if not 0 <= self.level <= 9:
            raise EgotapError(f"PNG level must be within 0 to 9, not {self.level}")

    @property
    def settings(self) -> dict[str, Any]:
        """The name and the level."""
        return {"name": self.name, "level": self.level}

    def _save(self, image: Image.Image, buffer: io.BytesIO) -> None:
        image.save(buffer, "PNG", compress_level=self.level)


@dataclass(frozen=True)
class JpegCodec(_EncodedCodec):
    """Lossy and smallest. Chroma has full resolution, because thin limbs are thin patches of colour.

    Raises:
        EgotapError: if the quality is out of range.
    """

    name: ClassVar[str] = "jpeg"
    image_format: ClassVar[str] = "JPEG"
    quality: int = 92
    """Quality on libjpeg's scale, 1 to 95."""

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 95:
            raise EgotapError(f"JPEG quality must be within 1 to 95, not {self.quality}")

    @property
    def settings(self) -> dict[str, Any]:
        """The name and the quality."""
        return {"name": self.name, "quality": self.quality}

    def _save(self, image: Image.Image, buffer: io.BytesIO) -> None:
        image.save(buffer, "JPEG", quality=self.quality, subsampling=0)


def codec_from(settings: dict[str, Any]) -> Codec:
    """The codec that a store's metadata names.

    Raises:
        ValueError: if no codec has that name or these settings.
    """
    arguments = dict(settings)
    codecs = {codec.name: codec for codec in (RawCodec, PngCodec, JpegCodec)}
    name = arguments.pop("name", None)
    if name not in codecs:
        raise ValueError(f"unknown image codec {name!r}: must be one of {', '.join(codecs)}")
    try:
        return codecs[name](**arguments)
    except TypeError as error:
        raise ValueError(f"image codec {name!r} does not take {arguments}") from error
