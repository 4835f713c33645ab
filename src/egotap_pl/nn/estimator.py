"""Heatmap estimators: a stereo U-Net on ResNet-18 (paper 3.1; sizes from the release)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import conv_relu, init_kaiming
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18

NUM_VIEWS = 2


class StereoUNet(nn.Module):
    """Both views through one ResNet-18, their features joined at every stride, one decoder for the maps of both.

    Args:
        num_maps_per_view: maps to estimate in each view.
        width: stem channels of the backbone.
        lateral_widths: channels of the 1x1 convolutions on the joined features at strides 4, 8, 16, 32. The release
            widens the third from 512 to 516.
        decoder_widths: channels after each of the three upsampling steps, from stride 16 to stride 4.
    """

    def __init__(
        self,
        num_maps_per_view: int,
        *,
        width: int = IMAGENET_WIDTH,
        lateral_widths: Sequence[int] = (128, 256, 516, 1024),
        decoder_widths: Sequence[int] = (1024, 512, 512),
    ) -> None:
        super().__init__()
        if len(lateral_widths) != 4 or len(decoder_widths) != 3:
            raise ValueError("a stereo U-Net has 4 lateral widths and 3 decoder widths")
        self.backbone = ResNet18(width)
        self.laterals = nn.ModuleList(
            conv_relu(NUM_VIEWS * c, out, 1) for c, out in zip(self.backbone.channels, lateral_widths, strict=True)
        )
        below = (lateral_widths[3], *decoder_widths[:2])
        skips = reversed(lateral_widths[:3])
        self.decoder = nn.ModuleList(
            conv_relu(a + b, out, 3) for a, b, out in zip(below, skips, decoder_widths, strict=True)
        )
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.to_maps = nn.Conv2d(decoder_widths[2], NUM_VIEWS * num_maps_per_view, 1)
        for part in (self.laterals, self.decoder, self.to_maps):
            init_kaiming(part)
        # Maps are almost everywhere 0. At full gain the first estimates are hundreds of times larger, and learning to
        # be small silences the ReLUs below for good: the collapse to all-zero maps that the release restarts after.
        nn.init.zeros_(self.to_maps.weight)

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v c h4 w4"]:
        """Maps at a quarter of the images' size.

        Args:
            images: ImageNet-normalised.

        Raises:
            ValueError: if there are not two views, or the images' sides are no multiples of 32 px.
        """
        b, v, _, h, w = images.shape
        if v != NUM_VIEWS or h % 32 or w % 32:
            raise ValueError(f"need {NUM_VIEWS} views of sides that 32 divides, not {v} of {h} x {w} px")
        pyramid = self.backbone(images.flatten(0, 1))
        # (b * v, c, ...) to (b, v * c, ...): the views' channels one after the other.
        skips = [
            lateral(level.reshape(b, -1, *level.shape[2:]))
            for lateral, level in zip(self.laterals, pyramid, strict=True)
        ]
        x = skips.pop()
        for step in self.decoder:
            x = step(torch.cat((self.upsample(x), skips.pop()), 1))
        return self.to_maps(x).unflatten(1, (v, -1))


class JointEstimator(StereoUNet):
    """Estimates a heatmap per view and joint (of those that have heatmaps)."""

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        width: int = IMAGENET_WIDTH,
        lateral_widths: Sequence[int] = (128, 256, 516, 1024),
        decoder_widths: Sequence[int] = (1024, 512, 512),
    ) -> None:
        super().__init__(
            skeleton.num_heatmap_joints, width=width, lateral_widths=lateral_widths, decoder_widths=decoder_widths
        )

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j h4 w4"]:
        """Joint heatmaps of ImageNet-normalised images."""
        return super().forward(images)


class LimbEstimator(StereoUNet):
    """Estimates the cosine and sine heatmaps of every limb in each view.

    Per view, the last convolution's channels are all cosines, then all sines, as in the release, so that published
    weights need no reordering.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        width: int = IMAGENET_WIDTH,
        lateral_widths: Sequence[int] = (128, 256, 516, 1024),
        decoder_widths: Sequence[int] = (1024, 512, 512),
    ) -> None:
        super().__init__(
            2 * skeleton.num_heatmap_joints, width=width, lateral_widths=lateral_widths, decoder_widths=decoder_widths
        )

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j 2 h4 w4"]:
        """Limb heatmaps of ImageNet-normalised images."""
        return super().forward(images).unflatten(2, (2, -1)).transpose(2, 3)


class NoLimbs(nn.Module):
    """Limb heatmaps of zeros, for lifters that read none (UnrealEgo's)."""

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.num_limbs = skeleton.num_heatmap_joints

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j 2 h4 w4"]:
        """Zeros of a quarter of the images' size."""
        b, v, _, h, w = images.shape
        return images.new_zeros(b, v, self.num_limbs, 2, h // 4, w // 4)
