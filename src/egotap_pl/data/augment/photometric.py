"""Changes of light, colour, noise and sharpness."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional

from egotap_pl.core.batch import Batch

_BLUR_SIGMAS = 2.5  # radius of the blur's kernel, in standard deviations


class Photometric:
    """Varies light, colour, noise and sharpness from frame to frame, and a little between a frame's two views.

    The first five strengths are half-widths of uniform distributions. A strength of 0 leaves the property unchanged.

    Args:
        brightness: strength, in the logarithm of the brightness.
        contrast: strength, in the logarithm of the contrast around each view's mean.
        saturation: strength, in the logarithm of the saturation.
        gamma: strength, in the logarithm of the exponent.
        tint: strength, in the logarithm of each colour channel's brightness.
        noise: largest standard deviation of the sensor noise, where white is 1.
        blur_px: largest standard deviation of the blur, px of the stored image.
        between_views: fraction of each strength by which the two views differ, as two real cameras do.
    """

    images_alone = True

    def __init__(
        self,
        brightness: float = 0.3,
        contrast: float = 0.3,
        saturation: float = 0.4,
        gamma: float = 0.3,
        tint: float = 0.1,
        noise: float = 0.03,
        blur_px: float = 0.7,
        between_views: float = 0.2,
    ) -> None:
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation
        self.gamma, self.tint, self.noise, self.blur_px = gamma, tint, noise, blur_px
        self.between_views = between_views

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Returns the batch with changed images."""
        frames = len(batch.frame)

        def factor(strength: float, channels: int = 1) -> Float[Tensor, "b v c 1 1"]:
            return (strength * self._varied(frames, channels, generator)).exp()

        def amount(largest: float) -> Float[Tensor, "b v 1 1 1"]:
            return largest * (self._varied(frames, 1, generator) + 1).clamp(0, 2) / 2

        x = batch.images.float() / 255
        x = (x * factor(self.brightness) * factor(self.tint, 3)).clamp(0, 1) ** factor(self.gamma)
        grey = x.mean(2, keepdim=True)
        x = grey + factor(self.saturation) * (x - grey)
        mean = grey.mean((-2, -1), keepdim=True)
        x = mean + factor(self.contrast) * (x - mean)
        x = blurred(x, amount(self.blur_px)[..., 0, 0, 0], self.blur_px)
        noise = torch.randn(x.shape, generator=generator, device=generator.device)
        x = x + amount(self.noise) * noise
        return batch._replace(images=(x * 255).round().clamp(0, 255).byte())

    def _varied(self, frames: int, channels: int, generator: Generator) -> Float[Tensor, "b v c 1 1"]:
        """Uniform random numbers in [-1, 1] for each frame, plus ``between_views`` times another for each view."""

        def uniform(views: int) -> Tensor:
            return torch.rand(frames, views, channels, 1, 1, generator=generator, device=generator.device) * 2 - 1

        return uniform(1) + self.between_views * uniform(2)


def blurred(
    images: Float[Tensor, "b v 3 h w"], sigma_px: Float[Tensor, "b v"], largest_px: float | int
) -> Float[Tensor, "b v 3 h w"]:
    """Gaussian blur with a separate standard deviation for each view of each frame.

    Kernels are cut off at the radius that the batch's largest standard deviation needs.

    Args:
        images: the images.
        sigma_px: standard deviations, px.
        largest_px: a bound that none of them exceeds; their largest would have to be read from the device.
    """
    radius = math.ceil(_BLUR_SIGMAS * largest_px)
    if not radius:
        return images
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma_px[..., None].clamp(min=1e-3)).square())
    kernel = torch.where(offsets.abs() <= (_BLUR_SIGMAS * sigma_px.max()).ceil(), kernel, 0.0)
    kernel = (kernel / kernel.sum(-1, keepdim=True)).flatten(0, 1).repeat_interleave(3, 0)
    x = functional.pad(images.flatten(0, 1), (radius,) * 4, mode="replicate").flatten(0, 1)[None]
    x = functional.conv2d(x, kernel[:, None, None, :], groups=len(kernel))
    x = functional.conv2d(x, kernel[:, None, :, None], groups=len(kernel))
    return x.view_as(images)
