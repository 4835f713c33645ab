"""EgoGlass: estimator and lifter are trained together, from images to poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import Batch, DataFacts, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.known import known_points
from egotap_pl.core.masks import known_masks, limb_masks
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.losses import joint_heatmap_mse, map_mse
from egotap_pl.nn.baselines import EgoGlassEstimator, EgoGlassOutput, UnrealEgoLifter
from egotap_pl.nn.doubt import DoubtHead
from egotap_pl.nn.images import normalise_images
from egotap_pl.nn.temporal import TemporalHead
from egotap_pl.tasks.baselines import UnrealEgoTask
from egotap_pl.tasks.heatmap_sources import HeatmapSource
from egotap_pl.tasks.optimisation import OptimiserFactory
from egotap_pl.tasks.schedules import ScheduleFactory


class EgoGlassHeatmaps(HeatmapSource):
    """Joint heatmaps from an estimator that is trained with the lifter, not frozen, and so needs no stage of its own.

    Args:
        skeleton: the data set's skeleton.
        heatmap_px: side of the heatmaps, a quarter of the images' side.
        estimator: factory of the estimator of both views, called with ``skeleton``.
    """

    def __init__(self, skeleton: Skeleton, heatmap_px: int, estimator: Callable[..., EgoGlassEstimator]) -> None:
        super().__init__(heatmap_px)
        self.estimator = estimator(skeleton=skeleton)

    def estimate(self, batch: Batch) -> EgoGlassOutput:
        """Joint heatmaps and limb masks, with gradients."""
        output: EgoGlassOutput = self.estimator(normalise_images(batch.images))
        return output

    def forward(self, batch: Batch) -> Heatmaps:
        """Joint heatmaps, and limb heatmaps of zeros: EgoGlass estimates none."""
        return as_heatmaps(self.estimate(batch).joint)


class EgoGlassTask(UnrealEgoTask):
    """Trains EgoGlass end to end, from images to poses.

    Additional loss terms: ``heatmap``, the mean squared error of the estimated joint heatmaps, and ``mask``, that of
    the limb masks.

    Args:
        facts: what is known of the data set.
        lifter: factory of the autoencoding lifter, called with ``skeleton`` and ``heatmap_px``.
        heatmaps: factory of `EgoGlassHeatmaps`, called with ``skeleton``.
        loss_weights: weight of each loss term.
        optimizer: factory of the optimiser, called with the parameters to train.
        schedule: factory of the learning-rate schedule.
        mask_width_px: width of the lines that mark limbs, px of the 1024 x 1024 frame, by name of the skeleton.
        start_from_mean_pose: whether the lifter estimates the difference from the mean pose.
        initialise: loads pretrained weights into a view's backbone before the first step; None: nothing is loaded.
        temporal: factory of a temporal head; see `LiftingTask`.
        doubt: factory of a head that estimates errors; see `LiftingTask`.

    Raises:
        EgotapError: if there is no mask width for the skeleton, or the heatmaps are not of estimators to be trained.
    """

    heatmaps: EgoGlassHeatmaps
    lifter: UnrealEgoLifter

    def __init__(
        self,
        facts: DataFacts,
        lifter: Callable[..., nn.Module],
        heatmaps: Callable[..., HeatmapSource],
        loss_weights: Mapping[str, float],
        optimizer: OptimiserFactory,
        schedule: ScheduleFactory,
        mask_width_px: Mapping[str, float | int],
        start_from_mean_pose: bool = False,
        initialise: Callable[[nn.Module], None] | None = None,
        temporal: Callable[..., TemporalHead] | None = None,
        doubt: Callable[..., DoubtHead] | None = None,
    ) -> None:
        start = start_from_mean_pose
        super().__init__(facts, lifter, heatmaps, loss_weights, optimizer, schedule, start, temporal, doubt)
        if facts.skeleton.name not in mask_width_px:
            raise EgotapError(
                f"EgoGlass has no limb-mask width for the skeleton {facts.skeleton.name}: add one, in px of a "
                f"1024 x 1024 frame, with +training.task.mask_width_px.{facts.skeleton.name}=..."
            )
        if not hasattr(self.heatmaps, "estimate"):
            raise EgotapError(
                f"{type(self).__name__} trains its own estimators: choose heatmaps=egoglass, not "
                f"{type(self.heatmaps).__name__}"
            )
        self.mask_width_px = mask_width_px[facts.skeleton.name]
        self._initialise = initialise

    def initialise(self) -> None:
        """Loads pretrained weights if the configuration asks for them. Called at the start of a new training only."""
        if self._initialise is not None:
            for view in self.heatmaps.estimator.views:
                self._initialise(view.get_submodule("backbone"))

    def with_maps(self, batch: Batch) -> Batch:
        """See `LiftingTask.with_maps`. In training, `loss_terms` makes them: batch norms see each batch once."""
        return batch if self.training else super().with_maps(batch)

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of the lifter and of the estimator."""
        estimated = self.heatmaps.estimate(batch)
        true_maps = joint_heatmaps(batch.points2d_px, self.skeleton, estimated.joint.shape[-1])
        true_masks = limb_masks(batch.points2d_px, self.skeleton, estimated.masks.shape[-1], self.mask_width_px)
        known = known_points(batch)
        return {
            **super().loss_terms(batch._replace(heatmaps=as_heatmaps(estimated.joint))),
            "heatmap": joint_heatmap_mse(estimated.joint, true_maps, known[:, :, 1:]),
            "mask": map_mse(estimated.masks, true_masks, known_masks(known, self.skeleton)),
        }


def as_heatmaps(joint: Float[Tensor, "b v j h w"]) -> Heatmaps:
    """Joint heatmaps with limb heatmaps of zeros, which take no memory."""
    b, v, j, h, w = joint.shape
    return Heatmaps(joint, torch.zeros((), dtype=joint.dtype, device=joint.device).expand(b, v, j, 2, h, w))
