"""How a frame store keeps its images: raw pixels, PNG (lossless) or JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import h5py
import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import check_cells

VIEWS = 2
_HEADERS_BYTES = 2**16
"""Of both views' files, beside their pixels, which noise can make a little larger than they are."""


@runtime_checkable
class Codec(Protocol):
    """Creates, fills, checks and reads the dataset ``images`` of a store."""

    @property
    def settings(self) -> dict[str, Any]:
        """Name and settings, as JSON: what a store records, and what decides whether two stores hold equal bytes."""
        ...

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Make the empty dataset ``images``."""
        ...

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a file's ``images`` has this codec's shape and type."""
        ...

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Store frames from ``row`` on."""
        ...

    def read(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> None:
        """Read one frame into ``out``.

        Raises:
            OSError: if the stored bytes are damaged, or not an image of this codec and of the size of ``out``.
        """
        ...


@dataclass(frozen=True)
class RawCodec:
    """Pixels as they are, one chunk a frame: fastest to read, largest on disk."""

    name: ClassVar[str] = "raw"

    @property
    def settings(self) -> dict[str, Any]:
        """Its name; nothing to set."""
        return {"name": self.name}

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Make the empty dataset ``images``."""
        frame = (VIEWS, 3, image_px, image_px)
        return file.create_dataset("images", (frames, *frame), np.uint8, chunks=(1, *frame) if frames else None)

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a file's ``images`` has this codec's shape and type."""
        return dataset.shape == (frames, VIEWS, 3, image_px, image_px) and dataset.dtype == np.uint8

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Store frames from ``row`` on."""
        dataset[row : row + len(images)] = images

    def read(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> None:
        """Read one frame into ``out``."""
        dataset.read_direct(out, np.s_[row])


class _EncodedCodec:
    """One compressed file per view in a variable-length cell."""

    image_format: ClassVar[str]
    """Pillow's name of the format; it is asked for this one alone, whatever a cell begins with."""

    def create(self, file: h5py.File, frames: int, image_px: int) -> h5py.Dataset:
        """Make the empty dataset ``images``."""
        return file.create_dataset("images", (frames, VIEWS), h5py.vlen_dtype(np.uint8))

    def fits(self, dataset: h5py.Dataset, frames: int, image_px: int) -> bool:
        """Whether a file's ``images`` has this codec's shape and type."""
        return dataset.shape == (frames, VIEWS) and h5py.check_vlen_dtype(dataset.dtype) == np.uint8

    def write(self, dataset: h5py.Dataset, row: int, images: UInt8[np.ndarray, "n v 3 h w"]) -> None:
        """Encode and store frames from ``row`` on."""
        cells = np.empty((len(images), VIEWS), object)
        for cell, view in zip(np.ndindex(*cells.shape), images.reshape(-1, *images.shape[2:]), strict=True):
            cells[cell] = self._encode(view)
        dataset[row : row + len(images)] = cells

    def read(self, dataset: h5py.Dataset, row: int, out: UInt8[np.ndarray, "v 3 h w"]) -> None:
        """Read and decode one frame into ``out``."""
        check_cells(dataset, row * VIEWS, VIEWS, 2 * out.nbytes + _HEADERS_BYTES)
        for view, data in enumerate(dataset[row]):
            out[view] = self._decode(data, out.shape[-1])

    def _decode(self, data: UInt8[np.ndarray, "byte"], image_px: int) -> UInt8[np.ndarray, "3 h w"]:
        """Size and mode are checked in the image's header, before there is memory for a pixel."""
        try:
            with Image.open(io.BytesIO(data.tobytes()), formats=(self.image_format,)) as image:
                if image.size != (image_px, image_px) or image.mode != "RGB":
                    actual = f"{image.width} x {image.height} px of mode {image.mode}"
                    raise OSError(f"{actual}: expected {image_px} x {image_px} px of mode RGB")
                return np.asarray(image).transpose(2, 0, 1)
        except UnidentifiedImageError as error:
            raise OSError(f"not a {self.image_format} image") from error
        except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # Pillow's words for a bad image
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

    Args:
        level: effort of the compression, 0 (none) to 9 (slow); it does not change the pixels.

    Raises:
        EgotapError: if there is no such level.
    """

    name: ClassVar[str] = "png"
    image_format: ClassVar[str] = "PNG"
    level: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.level <= 9:
            raise EgotapError(f"PNG level {self.level} is not within 0 to 9: choose one that is")

    @property
    def settings(self) -> dict[str, Any]:
        """Its name and level."""
        return {"name": self.name, "level": self.level}

    def _save(self, image: Image.Image, buffer: io.BytesIO) -> None:
        image.save(buffer, "PNG", compress_level=self.level)


@dataclass(frozen=True)
class JpegCodec(_EncodedCodec):
    """Lossy, smallest, full chroma resolution: thin limbs are thin patches of colour.

    Args:
        quality: 1 to 95, as libjpeg counts.

    Raises:
        EgotapError: if there is no such quality.
    """

    name: ClassVar[str] = "jpeg"
    image_format: ClassVar[str] = "JPEG"
    quality: int = 92

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 95:
            raise EgotapError(f"JPEG quality {self.quality} is not within 1 to 95: choose one that is")

    @property
    def settings(self) -> dict[str, Any]:
        """Its name and quality."""
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
        raise ValueError(f"unknown image codec {name!r}; known are {', '.join(codecs)}")
    try:
        return codecs[name](**arguments)
    except TypeError as error:
        raise ValueError(f"image codec {name!r} does not take {arguments}") from error
