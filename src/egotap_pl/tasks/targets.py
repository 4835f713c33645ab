"""Targets of heatmap estimators: the true heatmaps of a batch and the loss against them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps, limb_lengths_px
from egotap_pl.core.known import known_limbs, known_points
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.losses import joint_heatmap_mse, limb_heatmap_mse
from egotap_pl.nn.lean_estimator import joint_maps, limb_maps


@runtime_checkable
class HeatmapTarget(Protocol):
    """Draws true heatmaps and scores an estimator's heatmaps against them."""

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Tensor:
        """The true heatmaps of a batch, in the shape of the estimator's output.

        Args:
            batch: frames with their labels.
            skeleton: the skeleton of the labels.
            heatmap_px: side of the heatmaps.
        """
        ...

    def known(self, batch: Batch, skeleton: Skeleton) -> Bool[Tensor, "b v n"]:
        """Which of the true heatmaps are known. The others are zeros and count neither in the loss nor in errors."""
        ...

    def loss(self, estimate: Tensor, truth: Tensor, batch: Batch, skeleton: Skeleton) -> Tensor:
        """The loss to minimise, a scalar.

        Args:
            estimate: the estimator's heatmaps.
            truth: the true heatmaps, from `draw`.
            batch: the frames with their labels.
            skeleton: the skeleton of the labels.
        """
        ...


class JointTarget:
    """Joint heatmaps and their mean squared error. Arguments as in `HeatmapTarget`."""

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Float[Tensor, "b v j h w"]:
        """True joint heatmaps: see `egotap_pl.core.heatmap.joint_heatmaps`."""
        return joint_heatmaps(batch.points2d_px, skeleton, heatmap_px)

    def known(self, batch: Batch, skeleton: Skeleton) -> Bool[Tensor, "b v j"]:
        """Those of joints whose place in the view is known."""
        return known_points(batch)[:, :, 1:]

    def loss(
        self,
        estimate: Float[Tensor, "b v j h w"],
        truth: Float[Tensor, "b v j h w"],
        batch: Batch,
        skeleton: Skeleton,
    ) -> Float[Tensor, ""]:
        """Mean squared error."""
        return joint_heatmap_mse(estimate, truth, self.known(batch, skeleton))


class LimbTarget:
    """Limb heatmaps and their mean squared error, in which long limbs count less. Arguments as in `HeatmapTarget`."""

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Float[Tensor, "b v j 2 h w"]:
        """True limb heatmaps: see `egotap_pl.core.heatmap.limb_heatmaps`."""
        return limb_heatmaps(batch.points2d_px, limb_points_cm(batch), skeleton, heatmap_px)

    def known(self, batch: Batch, skeleton: Skeleton) -> Bool[Tensor, "b v j"]:
        """Those of limbs both of whose ends are known."""
        return known_limbs(batch, skeleton)

    def loss(
        self,
        estimate: Float[Tensor, "b v j 2 h w"],
        truth: Float[Tensor, "b v j 2 h w"],
        batch: Batch,
        skeleton: Skeleton,
    ) -> Float[Tensor, ""]:
        """Mean squared error of heatmaps divided by sqrt(length in px + 1) (release)."""
        lengths_px = limb_lengths_px(batch.points2d_px, skeleton, truth.shape[-1])
        return limb_heatmap_mse(estimate, truth, lengths_px, self.known(batch, skeleton))


class JointAndLimbTarget:
    """Joint and limb heatmaps in one tensor: all joints', all limbs' cosines, all limbs' sines (`LeanEstimator`).

    Other arguments as in `HeatmapTarget`.

    Args:
        joint_weight: weight of the loss of joint heatmaps.
        limb_weight: weight of the loss of limb heatmaps.
    """

    def __init__(self, joint_weight: float, limb_weight: float) -> None:
        self.joint_weight, self.limb_weight = joint_weight, limb_weight
        self._joint, self._limb = JointTarget(), LimbTarget()

    def draw(self, batch: Batch, skeleton: Skeleton, heatmap_px: int) -> Float[Tensor, "b v c h w"]:
        """True heatmaps of joints and limbs."""
        joints, limbs = (target.draw(batch, skeleton, heatmap_px) for target in (self._joint, self._limb))
        return torch.cat((joints, limbs.transpose(2, 3).flatten(2, 3)), 2)

    def known(self, batch: Batch, skeleton: Skeleton) -> Bool[Tensor, "b v c"]:
        """The heatmaps of joints whose place in the view is known, and of limbs both of whose ends are."""
        joints, limbs = self._joint.known(batch, skeleton), self._limb.known(batch, skeleton)
        return torch.cat((joints, limbs, limbs), 2)

    def loss(
        self,
        estimate: Float[Tensor, "b v c h w"],
        truth: Float[Tensor, "b v c h w"],
        batch: Batch,
        skeleton: Skeleton,
    ) -> Float[Tensor, ""]:
        """The losses of `JointTarget` and of `LimbTarget`, weighted."""
        joints = self._joint.loss(joint_maps(estimate), joint_maps(truth), batch, skeleton)
        limbs = self._limb.loss(limb_maps(estimate), limb_maps(truth), batch, skeleton)
        return self.joint_weight * joints + self.limb_weight * limbs


def left_view_cm(batch: Batch) -> Float[Tensor, "b j 3"]:
    """Positions of all joints in the left camera's frame."""
    return batch.pose_cm + batch.origin_cm[:, :1]


def limb_points_cm(batch: Batch) -> Float[Tensor, "b j 3"]:
    """Positions of all joints in the left camera's axes, of which limbs are drawn.

    Limbs are differences, so an origin that is not known does not matter. One that is known is added all the same, for
    heatmaps that equal those of earlier versions to the last bit.
    """
    return batch.pose_cm + batch.origin_cm[:, :1].nan_to_num(0.0, 0.0, 0.0)
