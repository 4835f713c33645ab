"""How a frame store encodes its images: raw pixels, PNG (lossless) or JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import h5py
import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import check_cells

_HEADERS_BYTES = 2**16
"""Bytes of both views' files in addition to their pixels, which compression may enlarge a little."""


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

    def read(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> None:
        """Reads the images of one frame.

        Args:
            dataset: the dataset ``images``.
            row: row of the frame.
            out: array that receives the images.

        Raises:
            OSError: if the stored bytes are damaged, or not an image of this codec and of the size of ``out``.
        """
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
        return file.create_dataset("images", (frames, *frame), np.uint8, chunks=(1, *frame) if frames else None)

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a dataset ``images`` has this codec's shape and type; see `Codec`."""
        return dataset.shape == (frames, NUM_VIEWS, 3, image_px, image_px) and dataset.dtype == np.uint8

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Stores the images of consecutive frames; see `Codec`."""
        dataset[row : row + len(images)] = images

    def read(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> None:
        """Reads the images of one frame; see `Codec`."""
        dataset.read_direct(out, np.s_[row])


class _EncodedCodec:
    """One compressed file per view, in a variable-length cell."""

    image_format: ClassVar[str]
    """Pillow's name of the format. No other format is accepted, whatever a cell's bytes look like."""

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Makes the empty dataset ``images``; see `Codec`."""
        return file.create_dataset("images", (frames, NUM_VIEWS), h5py.vlen_dtype(np.uint8))

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a dataset ``images`` has this codec's shape and type; see `Codec`."""
        return dataset.shape == (frames, NUM_VIEWS) and h5py.check_vlen_dtype(dataset.dtype) == np.uint8

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Encodes and stores the images of consecutive frames; see `Codec`."""
        cells = np.empty((len(images), NUM_VIEWS), object)
        for cell, view in zip(np.ndindex(*cells.shape), images.reshape(-1, *images.shape[2:]), strict=True):
            cells[cell] = self._encode(view)
        dataset[row : row + len(images)] = cells

    def read(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> None:
        """Reads and decodes the images of one frame; see `Codec`."""
        check_cells(dataset, row * NUM_VIEWS, NUM_VIEWS, 2 * out.nbytes + _HEADERS_BYTES)
        for view, data in enumerate(dataset[row]):
            out[view] = self._decode(data, out.shape[-1])

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
