"""Image features for lifters that see images: ResNet-18 with a decoder of few channels, each view on its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.estimator import check_stereo
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18
from egotap_pl.nn.top_down import TopDown


class ImageEncoder(nn.Module):
    """Features of each view at a quarter of the image's size (EgoPoseFormer, Yang et al. 2024; sizes from its release).

    The views share all weights and do not exchange anything. Unlike in a `StereoUNet`, the features at strides 4 to 32
    all have the same few channels (`TopDown`).

    Args:
        out_dim: channels of the features (release: 128).
        width: channels of the backbone's stem.
    """

    def __init__(self, out_dim: int, *, width: int = IMAGENET_WIDTH) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.backbone = ResNet18(width)
        self.top_down = TopDown(self.backbone.channels, out_dim)

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v d h4 w4"]:
        """Features of ImageNet-normalised images.

        Raises:
            ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
        """
        check_stereo(images)
        features: Tensor = self.top_down(self.backbone(images.flatten(0, 1)))
        return features.unflatten(0, images.shape[:2])


class EncoderHeatmaps(nn.Module):
    """Joint heatmaps by a 1x1 convolution on an image encoder, which is what the encoder is pretrained with.

    Args:
        skeleton: the skeleton of the heatmaps.
        encoder: factory of the encoder, called with ``out_dim``.
        joint_dim: width of a joint's features in both views together, half of it for each.

    Raises:
        ValueError: if the encoder is one of heatmaps.
    """

    def __init__(self, skeleton: Skeleton, encoder: Callable[..., ImageEncoder], joint_dim: int) -> None:
        super().__init__()
        out_dim = joint_dim // NUM_VIEWS
        if "joint_dim" in inspect.signature(encoder).parameters:
            name = getattr(getattr(encoder, "func", encoder), "__name__", "the encoder")
            raise ValueError(
                f"{name} reads heatmaps, and pretraining=heatmaps is for an encoder of images: give pretraining=none, "
                "or a lifter that sees images, such as lifter=egoposeformer"
            )
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
