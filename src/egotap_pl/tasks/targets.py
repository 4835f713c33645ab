"""What a heatmap estimator learns to draw: the maps of a batch and the loss against them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps, limb_lengths_px
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.losses import joint_heatmap_mse, limb_heatmap_mse


@runtime_checkable
class HeatmapTarget(Protocol):
    """Draws the maps that an estimator should give and scores its maps against them."""

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Tensor:
        """The true maps of a batch, in the shape of the estimator's output."""
        ...

    def loss(self, estimate: Tensor, truth: Tensor, batch: Batch, skeleton: Skeleton) -> Tensor:
        """A scalar to minimise."""
        ...


class JointTarget:
    """Joint heatmaps and their mean squared error."""

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Float[Tensor, "b v j h w"]:
        """See `egotap_pl.core.heatmap.joint_heatmaps`."""
        return joint_heatmaps(batch.points2d_px, skeleton, heatmap_px)

    def loss(
        self,
        estimate: Float[Tensor, "b v j h w"],
        truth: Float[Tensor, "b v j h w"],
        batch: Batch,
        skeleton: Skeleton,
    ) -> Float[Tensor, ""]:
        """Plain mean squared error."""
        return joint_heatmap_mse(estimate, truth)


class LimbTarget:
    """Limb heatmaps and their mean squared error, long limbs counting less (release: by sqrt of the length)."""

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Float[Tensor, "b v j 2 h w"]:
        """See `egotap_pl.core.heatmap.limb_heatmaps`."""
        return limb_heatmaps(batch.points2d_px, left_view_cm(batch), skeleton, heatmap_px)

    def loss(
        self,
        estimate: Float[Tensor, "b v j 2 h w"],
        truth: Float[Tensor, "b v j 2 h w"],
        batch: Batch,
        skeleton: Skeleton,
    ) -> Float[Tensor, ""]:
        """Mean squared error of maps divided by sqrt(length + 1)."""
        return limb_heatmap_mse(estimate, truth, limb_lengths_px(batch.points2d_px, skeleton, truth.shape[-1]))


def left_view_cm(batch: Batch) -> Float[Tensor, "b j 3"]:
    """Every joint in the left camera's frame."""
    return batch.pose_cm + batch.origin_cm[:, :1]
