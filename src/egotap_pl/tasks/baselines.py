"""Training of the baselines that have more to learn than a pose. Tested they are like any other lifter."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.core.heatmap import limb_lengths_px
from egotap_pl.losses import limb_direction_mse, limb_heatmap_mse, map_mse
from egotap_pl.nn.baselines import Ego3DPoseLifter, UnrealEgoLifter
from egotap_pl.tasks.lifting import LiftingTask


class UnrealEgoTask(LiftingTask):
    """Fits a lifter that also rebuilds its joint heatmaps.

    Further loss term: ``reconstruction``, the mean squared error of the rebuilt joint heatmaps.
    """

    lifter: UnrealEgoLifter

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The pose's terms and the reconstruction's."""
        maps = self.maps(batch)
        output = self.lifter.estimate(*maps)
        return {
            **self.pose_terms(output.pose_cm, batch),
            "reconstruction": map_mse(output.joint, maps.joint.detach()),
        }


class Ego3DPoseTask(LiftingTask):
    """Fits Ego3DPose's lifter.

    Further loss terms: ``reconstruction`` and ``limb_reconstruction``, the errors of the rebuilt joint and limb
    heatmaps (the latter with long limbs counting less, as for estimators), and ``limb_direction``.
    """

    lifter: Ego3DPoseLifter

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The pose's terms, those of both reconstructions and the directions'."""
        maps = self.maps(batch)
        output = self.lifter.estimate(*maps)
        lengths_px = limb_lengths_px(batch.points2d_px, self.skeleton, maps.limb.shape[-1])
        seen = self.lifter.seen_limbs
        return {
            **self.pose_terms(output.pose_cm, batch),
            "reconstruction": map_mse(output.joint, maps.joint),
            "limb_reconstruction": limb_heatmap_mse(output.limb, seen(maps.limb), seen(lengths_px)),
            "limb_direction": limb_direction_mse(output.directions, batch.pose_cm, self.lifter.limbs),
        }
