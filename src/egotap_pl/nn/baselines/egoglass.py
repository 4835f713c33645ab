"""EgoGlass's estimator: a U-Net per view that also segments the limbs."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.masks import NUM_MASKS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import conv_relu, init_kaiming, step_up
from egotap_pl.nn.estimator import check_stereo
from egotap_pl.nn.recomputing import Recomputing
from egotap_pl.nn.resnet import IMAGENET_WIDTH, ResNet18


class EgoGlassOutput(NamedTuple):
    """Output of the estimator."""

    joint: Float[Tensor, "b v j h4 w4"]
    """Joint heatmaps, at a quarter of the image's size."""

    masks: Float[Tensor, "b v m h w"]
    """Limb masks, at the image's size."""


class EgoGlassUNet(Recomputing, nn.Module):
    """U-Net of one view on ResNet-18, whose decoder continues to the image's size for the masks (Ego3DPose's release).

    Args:
        num_maps: number of heatmaps.
        width: channels of the backbone's stem, of which all widths are multiples (release: 64).
    """

    def __init__(self, num_maps: int, *, width: int = IMAGENET_WIDTH) -> None:
        super().__init__()
        self.backbone = ResNet18(width)
        levels = (3, width, *self.backbone.channels)  # image, stride 2, strides 4 to 32
        laterals = (width, width, *self.backbone.channels)
        self.laterals = nn.ModuleList(conv_relu(a, b, 1) for a, b in zip(levels, laterals, strict=True))
        below = [8 * width, 8 * width, *[4 * width] * 3]
        after = [8 * width, *[4 * width] * 4]
        skips = laterals[-2::-1]
        self.decoder = nn.ModuleList(conv_relu(a + b, out, 3) for a, b, out in zip(below, skips, after, strict=True))
        self.to_maps = nn.Conv2d(4 * width, num_maps, 1)
        self.to_masks = nn.Conv2d(4 * width, NUM_MASKS, 1)
        for part in (self.laterals, self.decoder, self.to_maps, self.to_masks):
            init_kaiming(part)
        nn.init.zeros_(self.to_maps.weight)  # as in StereoUNet: training starts from all-zero heatmaps

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Tensor]:
        """Heatmaps and masks of one view's images, which must be ImageNet-normalised."""
        images = images.contiguous(memory_format=self.backbone.memory_format)
        stem = self.backbone.stem(images)
        levels = (images, stem, *self.backbone.pyramid(stem))
        skips = [lateral(level) for lateral, level in zip(self.laterals, levels, strict=True)]
        x, maps = skips.pop(), images
        for step in self.decoder:
            x = self.run(partial(step_up, step), x, skips.pop())
            if len(skips) == 2:  # a quarter of the image's size
                maps = self.to_maps(x)
        return maps, self.to_masks(x)


class EgoGlassEstimator(nn.Module):
    """A separate U-Net for each view (EgoGlass, Zhao et al. 2021; details from Ego3DPose's release).

    Args:
        skeleton: the skeleton of the heatmaps.
        width: channels of the backbones' stems.
    """

    def __init__(self, skeleton: Skeleton, *, width: int = IMAGENET_WIDTH) -> None:
        super().__init__()
        self.views = nn.ModuleList(EgoGlassUNet(skeleton.num_heatmap_joints, width=width) for _ in range(NUM_VIEWS))

    def forward(self, images: Float[Tensor, "b v 3 h w"]) -> EgoGlassOutput:
        """Joint heatmaps and limb masks of ImageNet-normalised images.

        Raises:
            ValueError: if there are not two views, or the images' sides are not multiples of 32 px.
        """
        check_stereo(images)
        maps, masks = zip(*(net(images[:, k]) for k, net in enumerate(self.views)), strict=True)
        return EgoGlassOutput(torch.stack(maps, 1), torch.stack(masks, 1))
