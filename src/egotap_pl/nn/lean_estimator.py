"""A narrow estimator of joint and limb heatmaps."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import init_kaiming
from egotap_pl.nn.estimator import check_stereo
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18
from egotap_pl.nn.top_down import TopDown


class LeanEstimator(nn.Module):
    """Estimates the heatmaps of all joints and limbs of both views at once, with narrow decoders on one ResNet-18.

    The views share the ResNet-18, which is computed once, where two estimators compute it twice. Each decoder is a
    `TopDown` of its features at strides 4, 8, 16 and 32. As in the paper's `egotap_pl.nn.estimator.StereoUNet`, the
    views are concatenated before they are merged, so that each view's heatmaps depend on both images. Wide decoders are
    80% of the arithmetic of the paper's two estimators.

    For each view, the heatmaps are those of all joints but the root, then all limbs' cosines, then all limbs' sines:
    `joint_maps` and `limb_maps` take them apart.

    Args:
        skeleton: the skeleton of the heatmaps.
        width: channels of the backbone's stem.
        channels: channels of a decoder at every stride (EgoPoseFormer: 128 for each view; here for both together).
        decoders: 2: joint heatmaps come from one decoder and limb heatmaps from another; 1: all come from one.

    Raises:
        ValueError: if there are neither one nor two decoders.
    """

    def __init__(self, skeleton: Skeleton, *, width: int = IMAGENET_WIDTH, channels: int, decoders: int = 1) -> None:
        super().__init__()
        if decoders not in (1, 2):
            raise ValueError(f"decoders={decoders}: must be 1 or 2")
        self.decoders = decoders
        self.backbone = ResNet18(width)
        maps = NUM_VIEWS * skeleton.num_heatmap_joints
        self.top_down, self.to_maps = self._decoder(channels, maps if decoders == 2 else 3 * maps)
        if decoders == 2:
            self.limb_top_down, self.to_limb_maps = self._decoder(channels, 2 * maps)

    def _decoder(self, channels: int, maps: int) -> tuple[TopDown, nn.Conv2d]:
        top_down = TopDown([NUM_VIEWS * each for each in self.backbone.channels], channels)
        to_maps = nn.Conv2d(channels, maps, 1)
        for part in (top_down, to_maps):
            init_kaiming(part)
        nn.init.zeros_(to_maps.weight)  # as in StereoUNet: training starts from all-zero heatmaps
        return top_down, to_maps

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v c h4 w4"]:
        """Heatmaps of ImageNet-normalised images, at a quarter of their size.

        Raises:
            ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
        """
        check_stereo(images)
        b, v = images.shape[:2]
        pyramid = self.backbone(images.flatten(0, 1))
        # From (b * v, c, ...) to (b, v * c, ...): the channels of the left view, then those of the right one.
        levels = [level.reshape(b, -1, *level.shape[2:]) for level in pyramid]
        maps = self.to_maps(self.top_down(levels)).unflatten(1, (v, -1))
        if self.decoders == 2:
            maps = torch.cat((maps, self.to_limb_maps(self.limb_top_down(levels)).unflatten(1, (v, -1))), 2)
        return maps


def joint_maps(maps: Float[Tensor, "b v c h w"]) -> Float[Tensor, "b v j h w"]:
    """The joint heatmaps among those of a `LeanEstimator`."""
    return maps[:, :, : maps.shape[2] // 3]


def limb_maps(maps: Float[Tensor, "b v c h w"]) -> Float[Tensor, "b v j 2 h w"]:
    """The limb heatmaps among those of a `LeanEstimator`."""
    return maps[:, :, maps.shape[2] // 3 :].unflatten(2, (2, -1)).transpose(2, 3)
