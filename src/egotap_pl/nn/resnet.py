"""ResNet-18 as a feature pyramid, with torchvision's parameter names, so that ImageNet weights can be loaded."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.torch_files import reason_of
from egotap_pl.nn.recomputing import Recomputing

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
"""torchvision's ResNet-18 weights (IMAGENET1K_V1)."""
IMAGENET_WIDTH = 64
"""Channels of ResNet-18's stem."""
CHANNELS_LAST_WIDTH = 16
"""Least width that is computed channels last.

oneDNN (3.12, in torch 2.13 for CPUs) overruns a buffer in the backward pass of a strided 1x1 convolution, such as the
shortcut of a residual block, whose input is channels last and has 2 to 7 channels (AVX2) or 2 to 15 (AVX-512). On one
thread this corrupts the heap; on several it also hangs or gives wrong gradients.
See https://github.com/uxlfoundation/oneDNN/issues/6035.
"""
_REMEDY = (
    f"Pass a local copy of {IMAGENET_URL} with scale.initialise.file=FILE, or train from scratch with "
    "scale.initialise=null"
)


class FeaturePyramid(NamedTuple):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the image's size."""

    stride4: Float[Tensor, "n c4 h4 w4"]
    stride8: Float[Tensor, "n c8 h8 w8"]
    stride16: Float[Tensor, "n c16 h16 w16"]
    stride32: Float[Tensor, "n c32 h32 w32"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut.

    Args:
        in_channels: channels of the input.
        channels: channels of the output.
        stride: stride of the first convolution and of the shortcut.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            conv = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """The input, through the shortcut, plus its residual."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)).add_(shortcut))


class ResNet18(Recomputing, nn.Module):
    """ResNet-18 without its classifier.

    Args:
        width: channels of the stem, with which all widths scale (ResNet-18: 64).
    """

    def __init__(self, width: int = IMAGENET_WIDTH) -> None:
        super().__init__()
        self.width = width
        # Channels last trains 15 to 20% faster on a CPU.
        self.memory_format = torch.channels_last if width >= CHANNELS_LAST_WIDTH else torch.contiguous_format
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(width, width, 1), BasicBlock(width, width, 1))
        self.layer2 = nn.Sequential(BasicBlock(width, 2 * width, 2), BasicBlock(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(BasicBlock(2 * width, 4 * width, 2), BasicBlock(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(BasicBlock(4 * width, 8 * width, 2), BasicBlock(8 * width, 8 * width, 1))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al.'s initialisation, as in torchvision
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> FeaturePyramid:
        """Features of ImageNet-normalised images."""
        return self.pyramid(self.stem(images))

    def stem(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Features at half of the image's size, the input of the pyramid."""
        images = images.contiguous(memory_format=self.memory_format)
        return self.relu(self.bn1(self.conv1(images)))

    def pyramid(self, stem: Float[Tensor, "n c2 h2 w2"]) -> FeaturePyramid:
        """Features at a quarter of the image's size and smaller."""
        levels, x = [], self.maxpool(stem)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in layer:
                x = self.run(block, x)
            levels.append(x)
        return FeaturePyramid(*levels)


def load_imagenet_weights(backbone: ResNet18, file: Path | str | None) -> None:
    """Loads torchvision's ImageNet weights into a backbone.

    Args:
        backbone: a ResNet-18 of the original width.
        file: local ``.pth`` file; None: download `IMAGENET_URL` into torch.hub's cache.

    Raises:
        EgotapError: if the backbone has another width, or the weights cannot be read or do not fit.
    """
    if backbone.width != IMAGENET_WIDTH:
        raise EgotapError(
            f"ImageNet weights are for a backbone of width {IMAGENET_WIDTH}, but this one has {backbone.width}. "
            "Train it from scratch with scale.initialise=null"
        )
    weights = _download_weights() if file is None else _read_weights(Path(file))
    source = IMAGENET_URL if file is None else str(file)
    features = {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}
    try:
        backbone.load_state_dict(features, strict=True)
    except RuntimeError as error:
        raise EgotapError(f"{source} does not hold torchvision's ResNet-18 weights: {error}. {_REMEDY}") from error


def _read_weights(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise EgotapError(f"no ImageNet weights at {file}. {_REMEDY}")
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise EgotapError(f"{file} is not a readable file of weights: {reason_of(error)}. {_REMEDY}") from error
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise EgotapError(f"{file} does not hold a state dict of tensors. {_REMEDY}")
    return weights


def _download_weights() -> dict[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(IMAGENET_URL, map_location="cpu", weights_only=True, check_hash=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # URLError is an OSError
        raise EgotapError(f"could not download {IMAGENET_URL}: {error}. {_REMEDY}") from error
