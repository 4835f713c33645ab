"""Heatmap estimators: a stereo U-Net on ResNet-18 (paper 3.1; sizes from the release)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import conv_relu, init_kaiming, step_up
from egotap_pl.nn.recomputing import Recomputing
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18


class StereoUNet(Recomputing, nn.Module):
    """A U-Net whose views share a ResNet-18; their features are concatenated at every stride and decoded together.

    Args:
        num_maps_per_view: number of heatmaps to estimate in each view.
        width: channels of the backbone's stem.
        lateral_widths: channels of the 1x1 convolutions on the concatenated features at strides 4, 8, 16 and 32
            (release: 128, 256, 516 and 1024).
        decoder_widths: channels after each of the three upsampling steps, from stride 16 to stride 4.

    Raises:
        ValueError: if there are not 4 lateral and 3 decoder widths.
    """

    def __init__(
        self,
        num_maps_per_view: int,
        *,
        width: int = IMAGENET_WIDTH,
        lateral_widths: Sequence[int],
        decoder_widths: Sequence[int],
    ) -> None:
        super().__init__()
        if len(lateral_widths) != 4 or len(decoder_widths) != 3:
            raise ValueError(
                "a stereo U-Net needs 4 lateral and 3 decoder widths, "
                f"not {len(lateral_widths)} and {len(decoder_widths)}"
            )
        self.backbone = ResNet18(width)
        self.laterals = nn.ModuleList(
            conv_relu(NUM_VIEWS * c, out, 1) for c, out in zip(self.backbone.channels, lateral_widths, strict=True)
        )
        below = (lateral_widths[3], *decoder_widths[:2])
        skips = reversed(lateral_widths[:3])
        self.decoder = nn.ModuleList(
            conv_relu(a + b, out, 3) for a, b, out in zip(below, skips, decoder_widths, strict=True)
        )
        self.to_maps = nn.Conv2d(decoder_widths[2], NUM_VIEWS * num_maps_per_view, 1)
        for part in (self.laterals, self.decoder, self.to_maps):
            init_kaiming(part)
        # Heatmaps are 0 almost everywhere. With Kaiming weights the first estimates are hundreds of times too large,
        # and shrinking them kills the ReLUs below for good: the collapse to all-zero heatmaps, after which the release
        # restarts the training.
        nn.init.zeros_(self.to_maps.weight)

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v c h4 w4"]:
        """Heatmaps of ImageNet-normalised images, at a quarter of their size.

        Raises:
            ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
        """
        check_stereo(images)
        b, v = images.shape[:2]
        pyramid = self.backbone(images.flatten(0, 1))
        # From (b * v, c, ...) to (b, v * c, ...): the channels of the left view, then those of the right one.
        skips = [
            lateral(level.reshape(b, -1, *level.shape[2:]))
            for lateral, level in zip(self.laterals, pyramid, strict=True)
        ]
        x = skips.pop()
        for step in self.decoder:
            x = self.run(partial(step_up, step), x, skips.pop())
        return self.to_maps(x).unflatten(1, (v, -1))


class JointEstimator(StereoUNet):
    """Estimates the heatmap of every joint but the root in each view.

    Args:
        skeleton: the skeleton of the heatmaps.
        width: channels of the backbone's stem.
        lateral_widths: see `StereoUNet`.
        decoder_widths: see `StereoUNet`.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        width: int = IMAGENET_WIDTH,
        lateral_widths: Sequence[int],
        decoder_widths: Sequence[int],
    ) -> None:
        super().__init__(
            skeleton.num_heatmap_joints, width=width, lateral_widths=lateral_widths, decoder_widths=decoder_widths
        )

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j h4 w4"]:
        """Joint heatmaps of ImageNet-normalised images."""
        return super().forward(images)


class LimbEstimator(StereoUNet):
    """Estimates the cosine and sine heatmaps of every limb in each view.

    For each view, the channels of the last convolution are all cosines, then all sines, as in the release, so that
    published weights need no reordering.

    Args:
        skeleton: the skeleton of the heatmaps.
        width: channels of the backbone's stem.
        lateral_widths: see `StereoUNet`.
        decoder_widths: see `StereoUNet`.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        width: int = IMAGENET_WIDTH,
        lateral_widths: Sequence[int],
        decoder_widths: Sequence[int],
    ) -> None:
        super().__init__(
            2 * skeleton.num_heatmap_joints, width=width, lateral_widths=lateral_widths, decoder_widths=decoder_widths
        )

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j 2 h4 w4"]:
        """Limb heatmaps of ImageNet-normalised images."""
        return super().forward(images).unflatten(2, (2, -1)).transpose(2, 3)


class NoLimbs(nn.Module):
    """Gives limb heatmaps of zeros, for lifters that read none (UnrealEgo's)."""

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.num_limbs = skeleton.num_heatmap_joints

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j 2 h4 w4"]:
        """Zeros, at a quarter of the images' size."""
        b, v, _, h, w = images.shape
        return images.new_zeros(b, v, self.num_limbs, 2, h // 4, w // 4)


def check_stereo(images: Float[Tensor, "b v 3 h w"]) -> None:
    """Refuses images that an estimator cannot take.

    Raises:
        ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
    """
    _, v, _, h, w = images.shape
    if v != NUM_VIEWS or h % 32 or w % 32:
        raise ValueError(
            f"images need {NUM_VIEWS} views and sides that are multiples of 32 px, not {v} of {h} x {w} px"
        )
