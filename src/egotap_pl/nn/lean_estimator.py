"""Narrow estimators of joint and limb heatmaps: both from one trunk, or each from its own."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import init_kaiming
from egotap_pl.nn.estimator import check_stereo
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18
from egotap_pl.nn.top_down import TopDown


class LeanTrunk(nn.Module):
    """Heatmaps of both views from a narrow decoder on a ResNet-18; its subclasses say how many.

    The views share the ResNet-18; a `TopDown` reads its features at strides 4, 8, 16 and 32. As in the paper's
    `egotap_pl.nn.estimator.StereoUNet`, the views are concatenated before they are merged, so that each view's
    heatmaps depend on both images. Wide decoders are 80% of the arithmetic of the paper's two estimators.

    Args:
        skeleton: the skeleton of the heatmaps.
        width: channels of the backbone's stem.
        channels: channels of the trunk at every stride (EgoPoseFormer: 128 for each view; here for both together).
    """

    maps_per_joint: ClassVar[int]
    """Heatmaps in each view for every joint but the root."""

    def __init__(self, skeleton: Skeleton, *, width: int = IMAGENET_WIDTH, channels: int) -> None:
        super().__init__()
        self.backbone = ResNet18(width)
        self.top_down = TopDown([NUM_VIEWS * each for each in self.backbone.channels], channels)
        self.to_maps = nn.Conv2d(channels, NUM_VIEWS * self.maps_per_joint * skeleton.num_heatmap_joints, 1)
        for part in (self.top_down, self.to_maps):
            init_kaiming(part)
        nn.init.zeros_(self.to_maps.weight)  # as in StereoUNet: training starts from all-zero heatmaps

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v c h4 w4"]:
        """Heatmaps of ImageNet-normalised images, at a quarter of their size.

        Raises:
            ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
        """
        check_stereo(images)
        b, v = images.shape[:2]
        pyramid = self.backbone(images.flatten(0, 1))
        # From (b * v, c, ...) to (b, v * c, ...): the channels of the left view, then those of the right one.
        features = self.top_down([level.reshape(b, -1, *level.shape[2:]) for level in pyramid])
        return self.to_maps(features).unflatten(1, (v, -1))


class LeanEstimator(LeanTrunk):
    """Estimates the heatmaps of all joints and limbs of both views at once, from one trunk.

    The backbone is computed once, where two estimators compute it twice. For each view, the heatmaps are those of all
    joints but the root, then all limbs' cosines, then all limbs' sines: `joint_maps` and `limb_maps` take them apart.
    """

    maps_per_joint = 3


class LeanJointEstimator(LeanTrunk):
    """Estimates the heatmap of every joint but the root in each view."""

    maps_per_joint = 1


class LeanLimbEstimator(LeanTrunk):
    """Estimates the cosine and sine heatmaps of every limb in each view."""

    maps_per_joint = 2

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v j 2 h4 w4"]:
        """Limb heatmaps of ImageNet-normalised images, at a quarter of their size."""
        return super().forward(images).unflatten(2, (2, -1)).transpose(2, 3)


def joint_maps(maps: Float[Tensor, "b v c h w"]) -> Float[Tensor, "b v j h w"]:
    """The joint heatmaps among those of a `LeanEstimator`."""
    return maps[:, :, : maps.shape[2] // 3]


def limb_maps(maps: Float[Tensor, "b v c h w"]) -> Float[Tensor, "b v j 2 h w"]:
    """The limb heatmaps among those of a `LeanEstimator`."""
    return maps[:, :, maps.shape[2] // 3 :].unflatten(2, (2, -1)).transpose(2, 3)
