"""Turns stored images into the estimators' input."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egotap_pl.core.batch import IMAGENET_MEAN, IMAGENET_STD
from egotap_pl.core.constants import constant


def normalise_images(images: UInt8[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v 3 h w"]:
    """RGB bytes as floats, normalised by ImageNet's mean and standard deviation."""
    colours = (IMAGENET_MEAN, IMAGENET_STD)
    mean, std = (constant(x, images.device, torch.float32).view(3, 1, 1) for x in colours)
    return (images * (1 / (255 * std))).sub_(mean / std)
