"""EgoGlass: estimator and lifter trained together, from images to poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import Batch, DataFacts, Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.masks import limb_masks
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.losses import joint_heatmap_mse, map_mse
from egotap_pl.nn.baselines import EgoGlassEstimator, EgoGlassOutput, UnrealEgoLifter
from egotap_pl.nn.images import normalise_images
from egotap_pl.tasks.baselines import UnrealEgoTask
from egotap_pl.tasks.heatmap_sources import HeatmapSource
from egotap_pl.tasks.optimisation import OptimiserFactory
from egotap_pl.tasks.schedules import ScheduleFactory


class EgoGlassHeatmaps(HeatmapSource):
    """Joint heatmaps from estimators that are not frozen: they learn with the lifter, and need no stage of their own.

    Args:
        skeleton: the data set's.
        heatmap_px: side of the maps: a quarter of the images'.
        estimator: factory of the estimator of both views, called with ``skeleton``.
    """

    def __init__(self, skeleton: Skeleton, heatmap_px: int, estimator: Callable[..., EgoGlassEstimator]) -> None:
        super().__init__(heatmap_px)
        self.estimator = estimator(skeleton=skeleton)

    def estimate(self, batch: Batch) -> EgoGlassOutput:
        """Joint heatmaps and limb masks, with their graph."""
        output: EgoGlassOutput = self.estimator(normalise_images(batch.images))
        return output

    def forward(self, batch: Batch) -> Heatmaps:
        """Joint heatmaps; EgoGlass has no limb heatmaps, so these are all zero."""
        return as_heatmaps(self.estimate(batch).joint)


class EgoGlassTask(UnrealEgoTask):
    """Fits EgoGlass from images to poses, all at once.

    Further loss terms: ``heatmap``, the mean squared error of the estimated joint heatmaps, and ``mask``, that of the
    limb masks.

    Args:
        facts: see `LiftingTask`, as all others but the last two.
        lifter: factory of the autoencoding lifter.
        heatmaps: factory of `EgoGlassHeatmaps`.
        loss_weights: of all terms.
        optimizer: factory.
        schedule: factory.
        mask_width_px: width of the limbs' lines in px of the 1024 x 1024 frame, by the name of the skeleton.
        start_from_mean_pose: whether the lifter estimates the difference to the mean pose.
        initialise: loads pretrained weights into a view's backbone before the first step, or None.

    Raises:
        EgotapError: if there is no mask width for the skeleton.
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
        mask_width_px: Mapping[str, float],
        start_from_mean_pose: bool = False,
        initialise: Callable[[nn.Module], None] | None = None,
    ) -> None:
        super().__init__(facts, lifter, heatmaps, loss_weights, optimizer, schedule, start_from_mean_pose)
        if facts.skeleton.name not in mask_width_px:
            raise EgotapError(
                f"EgoGlass has no width of limb masks for the skeleton {facts.skeleton.name}; add one, in px of a "
                f"1024 x 1024 frame: +training.task.mask_width_px.{facts.skeleton.name}=..."
            )
        self.mask_width_px = mask_width_px[facts.skeleton.name]
        self._initialise = initialise

    def initialise(self) -> None:
        """Loads pretrained weights where the configuration asks for them. A new training calls this, nothing else."""
        if self._initialise is not None:
            for view in self.heatmaps.estimator.views:
                self._initialise(view.get_submodule("backbone"))

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The autoencoder's terms and the estimator's."""
        estimated = self.heatmaps.estimate(batch)
        true_maps = joint_heatmaps(batch.points2d_px, self.skeleton, estimated.joint.shape[-1])
        true_masks = limb_masks(batch.points2d_px, self.skeleton, estimated.masks.shape[-1], self.mask_width_px)
        return {
            **super().loss_terms(batch._replace(heatmaps=as_heatmaps(estimated.joint))),
            "heatmap": joint_heatmap_mse(estimated.joint, true_maps),
            "mask": map_mse(estimated.masks, true_masks),
        }


def as_heatmaps(joint: Float[Tensor, "b v j h w"]) -> Heatmaps:
    """Joint heatmaps with all-zero limb heatmaps beside them, which take no memory."""
    b, v, j, h, w = joint.shape
    return Heatmaps(joint, torch.zeros((), dtype=joint.dtype, device=joint.device).expand(b, v, j, 2, h, w))
