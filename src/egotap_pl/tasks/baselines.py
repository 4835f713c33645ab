"""Training of the baselines that learn more than a pose. They are tested like any other lifter."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.batch import Batch
from egotap_pl.core.heatmap import limb_lengths_px
from egotap_pl.core.known import known_limbs
from egotap_pl.losses import limb_direction_mse, limb_heatmap_mse, map_mse
from egotap_pl.nn.baselines import Ego3DPoseLifter, UnrealEgoLifter
from egotap_pl.tasks.lifting import LiftingTask


class UnrealEgoTask(LiftingTask):
    """Trains a lifter that also rebuilds its joint heatmaps.

    Additional loss term: ``reconstruction``, the mean squared error of the rebuilt joint heatmaps.
    """

    lifter: UnrealEgoLifter
    lifter_methods = ("estimate",)

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of the pose and of the reconstruction."""
        maps = self.maps(batch)
        output = self.lifter.estimate(*maps)
        return {
            **self.lifted_terms(output.pose_cm, batch._replace(heatmaps=maps)),
            "reconstruction": map_mse(output.joint, maps.joint.detach()),
        }


class Ego3DPoseTask(LiftingTask):
    """Trains Ego3DPose's lifter.

    Additional loss terms: ``reconstruction`` and ``limb_reconstruction``, the errors of the rebuilt joint and limb
    heatmaps (long limbs count less, as for estimators; limbs that are not known do not count), and ``limb_direction``.
    """

    lifter: Ego3DPoseLifter
    lifter_methods = ("estimate", "select_limbs")

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of the pose, of both reconstructions and of the limb directions."""
        maps = self.maps(batch)
        output = self.lifter.estimate(*maps)
        lengths_px = limb_lengths_px(batch.points2d_px, self.skeleton, maps.limb.shape[-1])
        known = known_limbs(batch, self.skeleton)
        select = self.lifter.select_limbs
        return {
            **self.lifted_terms(output.pose_cm, batch),
            "reconstruction": map_mse(output.joint, maps.joint),
            "limb_reconstruction": limb_heatmap_mse(output.limb, select(maps.limb), select(lengths_px), select(known)),
            "limb_direction": limb_direction_mse(output.directions, batch.pose_cm, self.lifter.limbs),
        }
