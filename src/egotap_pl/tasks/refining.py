"""Training of lifters that see images and improve a first pose step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.losses import mpjpe_cm, origin_distance_cm
from egotap_pl.metrics import OriginError
from egotap_pl.nn.doubt import DoubtHead
from egotap_pl.nn.image_lifters import RefinedPose
from egotap_pl.nn.temporal import TemporalHead
from egotap_pl.tasks.heatmap_sources import HeatmapSource
from egotap_pl.tasks.lifting import LiftingTask
from egotap_pl.tasks.optimisation import OptimiserFactory
from egotap_pl.tasks.schedules import ScheduleFactory


class RefiningTask(LiftingTask):
    """Trains a lifter all of whose steps are to be right, such as EgoPoseFormer, from images to poses.

    Additional loss terms: ``earlier``, the sum of the MPJPE (cm) of all poses before the last one, and ``origin``, the
    distance (cm) between the origin that the lifter uses and the true one: 0 for a lifter that is given the true one.

    Args:
        facts: what is known of the data set.
        lifter: factory of the lifter, called with ``skeleton`` and ``heatmap_px``; its ``estimate`` gives a
            `RefinedPose`.
        heatmaps: factory of the heatmap source, called with ``skeleton``.
        loss_weights: weight of each loss term.
        optimizer: factory of the optimiser, called with the parameters to train.
        schedule: factory of the learning-rate schedule.
        start_from_mean_pose: whether the lifter estimates the differences from the mean pose and the mean origin.
        initialise: loads pretrained weights into the backbone before the first step; None: nothing is loaded.
        temporal: factory of a temporal head; see `LiftingTask`.
        doubt: factory of a head that estimates errors; see `LiftingTask`.
    """

    lifter_methods = ("estimate",)

    def __init__(
        self,
        facts: DataFacts,
        lifter: Callable[..., nn.Module],
        heatmaps: Callable[..., HeatmapSource],
        loss_weights: Mapping[str, float],
        optimizer: OptimiserFactory,
        schedule: ScheduleFactory,
        start_from_mean_pose: bool = False,
        initialise: Callable[[nn.Module], None] | None = None,
        temporal: Callable[..., TemporalHead] | None = None,
        doubt: Callable[..., DoubtHead] | None = None,
    ) -> None:
        start = start_from_mean_pose
        super().__init__(facts, lifter, heatmaps, loss_weights, optimizer, schedule, start, temporal, doubt)
        if start_from_mean_pose and facts.mean_origin_cm is not None and hasattr(self.lifter, "set_mean_origin"):
            self.lifter.set_mean_origin(facts.mean_origin_cm)
        self._initialise = initialise
        self.origin_error = OriginError()

    def initialise(self) -> None:
        """Loads pretrained weights if the configuration asks for them. Called at the start of a new training only."""
        if self._initialise is not None:
            self._initialise(self.lifter.get_submodule("encoder.backbone"))

    def estimate(self, batch: Batch) -> RefinedPose:
        """The poses of all steps, and the origin that the lifter uses."""
        output: RefinedPose = self.lifter.estimate(*self.inputs(batch))
        return output

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of all poses and of the origin."""
        output, truth_cm = self.estimate(batch), self.truth_cm(batch)
        *earlier, last = output.poses_cm
        errors_cm = [mpjpe_cm(pose_cm, truth_cm) for pose_cm in earlier]
        return {
            **self.lifted_terms(last, batch),
            "earlier": torch.stack(errors_cm).sum() if errors_cm else truth_cm.new_zeros(()),
            "origin": origin_distance_cm(output.origin_cm, batch.origin_cm[:, 0]),
        }

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Adds a batch to the test errors, that of the origin among them."""
        batch = self.with_maps(batch)
        output = self.estimate(batch)
        self.origin_error.update(output.origin_cm, batch.origin_cm[:, 0])
        return self.tested(self.corrected(output.poses_cm[-1], batch), batch)

    def test_results(self) -> dict[str, Any]:
        """Errors for metrics.json as of any lifter, and ``origin_error`` (mm), that of the lifter's origin."""
        return {**super().test_results(), "origin_error": self.origin_error.compute()}
