"""Where a lifter's heatmaps come from: drawn from the truth, or estimated from the images."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.frozen import Frozen
from egotap_pl.nn.images import normalise_images
from egotap_pl.tasks.targets import left_view_cm

IMAGE_TO_MAP = 4
"""Every estimator gives maps of a quarter of the images' size."""


class HeatmapSource(nn.Module):
    """Gives a batch its joint and limb heatmaps.

    Args:
        heatmap_px: height and width of the maps.
    """

    def __init__(self, heatmap_px: int) -> None:
        super().__init__()
        self.heatmap_px = heatmap_px

    @property
    def image_px(self) -> int:
        """Side of the images that go with maps of that size."""
        return IMAGE_TO_MAP * self.heatmap_px

    def forward(self, batch: Batch) -> Heatmaps:
        """Joint and limb heatmaps of a batch."""
        raise NotImplementedError


class TrueHeatmaps(HeatmapSource):
    """Drawn on the device from 2D points and poses: what a lifter would get from perfect estimators."""

    def __init__(self, skeleton: Skeleton, heatmap_px: int) -> None:
        super().__init__(heatmap_px)
        self.skeleton = skeleton

    def forward(self, batch: Batch) -> Heatmaps:
        """The true maps, also of joints that no camera sees."""
        return Heatmaps(
            joint=joint_heatmaps(batch.points2d_px, self.skeleton, self.heatmap_px),
            limb=limb_heatmaps(batch.points2d_px, left_view_cm(batch), self.skeleton, self.heatmap_px),
        )


class EstimatedHeatmaps(HeatmapSource):
    """Estimated from the images by two frozen estimators, which travel in the lifter's checkpoint.

    Args:
        skeleton: the data set's.
        heatmap_px: side of the maps that the estimators give.
        joint: factory of the joint estimator, called with ``skeleton``.
        limb: factory of the limb estimator, called with ``skeleton``.
    """

    def __init__(
        self, skeleton: Skeleton, heatmap_px: int, joint: Callable[..., nn.Module], limb: Callable[..., nn.Module]
    ) -> None:
        super().__init__(heatmap_px)
        self.joint, self.limb = Frozen(joint(skeleton=skeleton)), Frozen(limb(skeleton=skeleton))

    def forward(self, batch: Batch) -> Heatmaps:
        """The estimated maps; no gradient flows into the estimators."""
        images = normalise_images(batch.images)
        return Heatmaps(joint=self.joint(images), limb=self.limb(images))
