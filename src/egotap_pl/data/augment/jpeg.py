"""Compression, as of a recording's images."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional

from egotap_pl.core.batch import Batch
from egotap_pl.core.constants import constant

_Table = tuple[tuple[float | int, ...], ...]
_BLOCK = 8
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of the coefficients of brightness at quality 50 (ITU-T T.81, table K.1)."""
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
"""Those of colours (table K.2)."""
_COSINES = tuple(
    tuple(math.sqrt((2 if u else 1) / _BLOCK) * math.cos(math.pi / _BLOCK * u * (i + 0.5)) for i in range(_BLOCK))
    for u in range(_BLOCK)
)
"""The orthonormal discrete cosine transform (DCT-II): a row for each frequency."""
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Brightness and two differences of colour of red, green and blue (JFIF, ITU-T T.871)."""
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


class Jpeg:
    """Compresses some frames as JPEG files are, both views alike, on the batch's device.

    Images lose what they would lose in a file: colours have half the resolution, and the coefficients of 8 px blocks
    are rounded to the steps of a quality as libjpeg defines it.

    Args:
        lowest: lowest quality; each frame's is uniform from there to 100.
        probability: fraction of the frames that are compressed.

    Raises:
        ValueError: if ``lowest`` is no quality from 1 to 100.
    """

    images_alone = True

    def __init__(self, lowest: int = 50, probability: float = 0.5) -> None:
        if not 1 <= lowest <= 100:
            raise ValueError(f"lowest={lowest}: a JPEG's quality is from 1 to 100")
        self.lowest, self.probability = lowest, probability

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Returns the batch with some images as they are after compression."""
        frames, views = batch.images.shape[:2]
        chance, quality = torch.rand(2, frames, generator=generator, device=generator.device)
        quality = (self.lowest + (100 - self.lowest) * quality).repeat_interleave(views)
        images = compressed(batch.images.flatten(0, 1), quality)
        is_changed = (chance < self.probability)[:, None, None, None, None]
        return batch._replace(images=torch.where(is_changed, images.view_as(batch.images), batch.images))


def compressed(images: Tensor, quality: Float[Tensor, " n"]) -> Tensor:
    """RGB images, uint8[n, 3, h, w], as JPEG files of some qualities give them back.

    Args:
        images: the images.
        quality: a quality from 1 to 100 for each of them.
    """
    height, width = images.shape[-2:]
    x = images.float()
    x = torch.einsum("ij,njhw->nihw", constant(_TO_YCC, x.device, x.dtype), x).round()
    x = functional.pad(x, (0, -width % (2 * _BLOCK), 0, -height % (2 * _BLOCK)), mode="replicate")
    luma = _quantised(x[:, :1] - 128, _LUMINANCE, quality) + 128
    chroma = _quantised(functional.avg_pool2d(x[:, 1:], 2).round(), _CHROMINANCE, quality)
    x = torch.cat((luma, functional.interpolate(chroma, scale_factor=2, mode="bilinear")), 1)
    x = torch.einsum("ij,njhw->nihw", constant(_TO_RGB, x.device, x.dtype), x)[..., :height, :width]
    return x.round().clamp(0, 255).byte()


def _quantised(x: Float[Tensor, "n c h w"], table: _Table, quality: Float[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Values from -128 to 127 whose blocks' coefficients were rounded to a table's steps."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    steps = (
        ((constant(table, x.device, x.dtype) * percent[:, None, None, None, None, None] + 50) / 100)
        .floor()
        .clamp(1, 255)
    )
    blocks = x.unflatten(3, (-1, _BLOCK)).unflatten(2, (-1, _BLOCK)).transpose(3, 4)  # n c rows columns 8 8
    cosines = constant(_COSINES, x.device, x.dtype)
    coefficients = (cosines @ blocks @ cosines.mT / steps).round() * steps
    blocks = cosines.mT @ coefficients @ cosines
    return blocks.transpose(3, 4).reshape(x.shape).round().clamp(-128, 127)
