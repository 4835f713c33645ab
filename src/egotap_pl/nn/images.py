"""Turns stored images into the estimators' input."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egotap_pl.core.batch import IMAGENET_MEAN, IMAGENET_STD


def normalise_images(images: UInt8[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v 3 h w"]:
    """RGB bytes as floats, normalised by ImageNet's mean and standard deviation."""
    mean, std = (torch.tensor(x, device=images.device).view(3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    return (images * (1 / (255 * std))).sub_(mean / std)
