"""Image features for lifters that see images: ResNet-18 with a decoder of few channels, each view on its own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import conv_relu
from egotap_pl.nn.estimator import check_stereo
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18


class ImageEncoder(nn.Module):
    """Features of each view at a quarter of the image's size (EgoPoseFormer, Yang et al. 2024; sizes from its release).

    The views share all weights and do not exchange anything. Unlike in a `StereoUNet`, all levels have the same few
    channels: the features at strides 4 to 32 are reduced by 1x1 convolutions, then joined from the coarsest to the
    finest.

    Args:
        out_dim: channels of the features (release: 128).
        width: channels of the backbone's stem.
    """

    def __init__(self, out_dim: int, *, width: int = IMAGENET_WIDTH) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.backbone = ResNet18(width)
        self.laterals = nn.ModuleList(conv_relu(channels, out_dim, 1) for channels in self.backbone.channels)
        # From the coarsest level to the finest: the upsampled level is joined with the next one, then smoothed.
        self.joins = nn.ModuleList(conv_relu(2 * out_dim, out_dim, 1) for _ in self.backbone.channels[1:])
        self.smooths = nn.ModuleList(conv_relu(out_dim, out_dim, 3) for _ in self.backbone.channels[1:])
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v d h4 w4"]:
        """Features of ImageNet-normalised images.

        Raises:
            ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
        """
        check_stereo(images)
        pyramid = self.backbone(images.flatten(0, 1))
        levels = [lateral(level) for lateral, level in zip(self.laterals, pyramid, strict=True)]
        x = levels.pop()
        for join, smooth in zip(self.joins, self.smooths, strict=True):
            x = smooth(join(torch.cat((levels.pop(), self.upsample(x)), 1)))
        return x.unflatten(0, images.shape[:2])


class EncoderHeatmaps(nn.Module):
    """Joint heatmaps by a 1x1 convolution on an image encoder, which is what the encoder is pretrained with.

    Args:
        skeleton: the skeleton of the heatmaps.
        encoder: factory of the encoder, called with ``out_dim``.
        joint_dim: width of a joint's features in both views together, half of it for each.
    """

    def __init__(self, skeleton: Skeleton, encoder: Callable[..., ImageEncoder], joint_dim: int) -> None:
        super().__init__()
        out_dim = joint_dim // NUM_VIEWS
        self.encoder = encoder(out_dim=out_dim)
        self.to_maps = nn.Conv2d(out_dim, skeleton.num_heatmap_joints, 1)
        nn.init.zeros_(self.to_maps.weight)  # as in StereoUNet: training starts from all-zero heatmaps

    @property
    def backbone(self) -> ResNet18:
        """The network that pretrained weights are loaded into."""
        return self.encoder.backbone

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j h4 w4"]:
        """Joint heatmaps of ImageNet-normalised images."""
        features = self.encoder(images)
        return self.to_maps(features.flatten(0, 1)).unflatten(0, features.shape[:2])
