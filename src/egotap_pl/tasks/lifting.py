"""Training and testing of lifters, from heatmaps to 3D poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchmetrics import MeanMetric

from egotap_pl.core.batch import Batch, DataFacts, Heatmaps
from egotap_pl.core.constants import constant
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.known import is_known, known_mean
from egotap_pl.losses import WeightedSum, bone_cosine, mpjpe_cm
from egotap_pl.metrics import PckMetrics, PoseMetrics, VisibilityErrors, merged
from egotap_pl.nn.doubt import DoubtHead
from egotap_pl.nn.image_lifters import input_names
from egotap_pl.nn.temporal import TemporalHead
from egotap_pl.tasks.heatmap_sources import HeatmapSource
from egotap_pl.tasks.lifter_inputs import lifter_inputs, reads_heatmaps
from egotap_pl.tasks.optimisation import OptimiserFactory, optimisation
from egotap_pl.tasks.schedules import ScheduleFactory


class LiftingTask(L.LightningModule):
    """Trains a lifter on heatmaps from any source, or on images: on what its ``input_names`` say.

    Logs ``train/loss`` and each loss term without its weight, ``validation/mpjpe`` and ``validation/pa_mpjpe`` (mm).

    Args:
        facts: what is known of the data set. The test reports the error of its mean pose as a reference.
        lifter: factory of the lifter, called with ``skeleton`` and ``heatmap_px``. Its ``set_rig``, if it has one, is
            called with the cameras.
        heatmaps: factory of the heatmap source for batches without cached heatmaps, called with ``skeleton``.
        loss_weights: weight of each loss term: ``mpjpe`` (cm) and ``bone_cosine``; ``movement`` (cm), if it has one,
            where earlier frames are read.
        optimizer: factory of the optimiser, called with the parameters to train.
        schedule: factory of the learning-rate schedule.
        start_from_mean_pose: whether the lifter estimates the difference from the mean pose.
        temporal: factory of a `TemporalHead`, called with ``skeleton``, which reads the lifter's poses of the frames of
            each window; None: the lifter's pose is the estimate.
        doubt: factory of a `DoubtHead`, called with ``skeleton``, which estimates the error of each joint. Its loss
            term is ``doubt``. None: poses come without one.

    Raises:
        EgotapError: if the lifter lacks one of `lifter_methods`, it and a temporal head both read earlier frames,
            neither does and ``movement`` has a weight, or doubt is to be estimated without heatmaps.
    """

    mean_pose_cm: Tensor
    lifter: Any  # a Lifter, a baseline or an ImageLifter: is called with its inputs and has set_mean_pose
    lifter_methods: tuple[str, ...] = ()
    """Methods that a task needs its lifter to have, besides being called."""

    validation_names = ("validation/mpjpe", "validation/pa_mpjpe")
    """Names of the numbers that a validation logs, one of which selects the best epoch."""

    def __init__(
        self,
        facts: DataFacts,
        lifter: Callable[..., nn.Module],
        heatmaps: Callable[..., HeatmapSource],
        loss_weights: Mapping[str, float],
        optimizer: OptimiserFactory,
        schedule: ScheduleFactory,
        start_from_mean_pose: bool = False,
        temporal: Callable[..., TemporalHead] | None = None,
        doubt: Callable[..., DoubtHead] | None = None,
    ) -> None:
        super().__init__()
        self.skeleton = facts.skeleton
        self.heatmaps = heatmaps(skeleton=facts.skeleton)
        self.lifter = lifter(skeleton=facts.skeleton, heatmap_px=self.heatmaps.heatmap_px)
        if missing := [name for name in self.lifter_methods if not hasattr(self.lifter, name)]:
            raise EgotapError(
                f"{type(self).__name__} cannot train {type(self.lifter).__name__}, which has no {missing[0]}(): choose "
                "lifter=... and training=... that go together, e.g. both ego3dpose"
            )
        self.input_names = input_names(self.lifter)
        if hasattr(self.lifter, "set_rig"):
            self.lifter.set_rig(facts.rig)
        self.temporal = None if temporal is None else temporal(skeleton=facts.skeleton)
        if self.temporal is not None and getattr(self.lifter, "reads_past", False):
            raise EgotapError("the lifter and a temporal head cannot both read earlier frames: choose temporal=none")
        if "movement" in loss_weights and not self.reads_past:
            raise EgotapError(
                "loss_weights.movement: nothing in this lifter reads earlier frames; give temporal=causal_attention or "
                "lifter/propagation=temporal, or no such weight"
            )
        self.doubt = None if doubt is None else doubt(skeleton=facts.skeleton)
        if self.doubt is not None and not self.reads_heatmaps:
            raise EgotapError(f"doubt reads joint heatmaps, which {type(self.lifter).__name__} does not: doubt=none")
        if start_from_mean_pose:
            if not hasattr(self.lifter, "set_mean_pose"):
                raise EgotapError(
                    f"{type(self.lifter).__name__} has no set_mean_pose(): derive it from egotap_pl.nn.mean_pose."
                    "FromMeanPose and add its mean_pose_cm, or give training.task.start_from_mean_pose=false"
                )
            self.lifter.set_mean_pose(facts.mean_pose_cm)
        self.register_buffer("mean_pose_cm", facts.mean_pose_cm.float())
        self.loss = WeightedSum(loss_weights)
        self._optimizer, self._schedule = optimizer, schedule
        names, categories = facts.skeleton.estimated_names, facts.categories
        self.validation_error = PoseMetrics(names, categories)
        self.test_error = PoseMetrics(names, categories)
        self.mean_pose_error = PoseMetrics(names, categories)
        self.doubt_factor = MeanMetric(nan_strategy="disable")
        self.test_shares = PckMetrics(names, categories)
        self.test_error_by_visibility = VisibilityErrors()

    def forward(self, batch: Batch) -> Float[Tensor, "b j 3"]:
        """Poses in cm, estimated joints only."""
        if not self.reads_past:
            return self.lifter(*self.inputs(batch))
        return self.lift(self.over_windows(self.encode(batch), batch))

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the lifter reads of a batch, in the order of its arguments.

        Raises:
            EgotapError: if it reads images and the batch has cached heatmaps instead.
        """
        return lifter_inputs(self.input_names, batch, self.maps)

    @property
    def reads_heatmaps(self) -> bool:
        """Whether the lifter reads heatmaps."""
        return reads_heatmaps(self.input_names)

    @property
    def reads_past(self) -> bool:
        """Whether earlier frames (`Batch.past`) change the estimate."""
        return self.temporal is not None or getattr(self.lifter, "reads_past", False)

    def encode(self, batch: Batch) -> tuple[Tensor, ...]:
        """What is computed of each frame by itself, so that it need not be computed again for the next window."""
        inputs = self.inputs(batch)
        codes: tuple[Tensor, ...] = self.lifter.encode(*inputs) if self.temporal is None else (self.lifter(*inputs),)
        return codes

    def lift(self, codes: tuple[Float[Tensor, "b t *code"], ...]) -> Float[Tensor, "b j 3"]:
        """Poses in cm of the last frame of each window.

        Args:
            codes: what `encode` gave of the frames of each window, the oldest first.
        """
        return self.lifter.lift(codes) if self.temporal is None else self.temporal(*codes)

    def over_windows(self, codes: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        """The codes of the frames of each window of a batch, from those of the batch's own frames.

        Args:
            codes: what `encode` gave of the batch's frames.
            batch: the batch, whose earlier frames are encoded here; without them, windows have a single frame.
        """
        last = tuple(code[:, None] for code in codes)
        if batch.past is None:
            return last
        earlier = (code[batch.past.position] for code in self.encode(batch.past.frames))
        return tuple(torch.cat(pair, 1) for pair in zip(earlier, last, strict=True))

    def corrected(self, pose_cm: Float[Tensor, "b j 3"], batch: Batch) -> Float[Tensor, "b j 3"]:
        """A pose of the lifter's after the temporal head, if there is one."""
        return pose_cm if self.temporal is None else self.lift(self.over_windows((pose_cm,), batch))

    def maps(self, batch: Batch) -> Heatmaps:
        """The batch's cached heatmaps or, without a cache, those of the task's source."""
        return batch.heatmaps if batch.heatmaps is not None else self.heatmaps(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The weighted loss of a batch."""
        batch = self.with_maps(batch)
        loss, terms = self.loss(self.loss_terms(batch))
        values = {f"train/{name}": term for name, term in {"loss": loss, **terms}.items()}
        self.log_dict(values, batch_size=len(batch.frame))
        return loss

    def loss_terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The unweighted loss terms of a batch. Tasks whose lifter learns more than the pose add to them."""
        return self.window_terms(self.encode(batch), batch) if self.reads_past else self.pose_terms(self(batch), batch)

    def window_terms(self, codes: tuple[Tensor, ...], batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of the poses that windows lead to.

        ``movement``, if it has a weight, is the distance in cm between the estimated and the true displacement of each
        joint since the window's frame before. The estimate of that frame reads the same window without the last frame.
        Where a window has one frame only, nothing has moved.

        Args:
            codes: what `encode` gave of the batch's frames.
            batch: the batch, with the earlier frames of each window.
        """
        windows = self.over_windows(codes, batch)
        estimate_cm = self.lift(windows)
        terms = self.pose_terms(estimate_cm, batch)
        if "movement" not in self.loss.weights:
            return terms
        if batch.past is None:
            return {**terms, "movement": estimate_cm.new_zeros(())}
        before_cm = self.lift(tuple(code[:, :-1] for code in windows))
        true_before_cm = self.truth_cm(batch.past.frames)[batch.past.position[:, -1]]
        return {**terms, "movement": mpjpe_cm(estimate_cm - before_cm, self.truth_cm(batch) - true_before_cm)}

    def lifted_terms(self, pose_cm: Float[Tensor, "b j 3"], batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of a pose of the lifter's or, where earlier frames are read, of that of windows."""
        codes = self.encode(batch) if self.reads_past and self.temporal is None else (pose_cm,)
        return self.window_terms(codes, batch) if self.reads_past else self.pose_terms(pose_cm, batch)

    def pose_terms(self, estimate_cm: Float[Tensor, "b j 3"], batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """The loss terms of an estimated pose."""
        truth_cm = self.truth_cm(batch)
        return {
            "mpjpe": mpjpe_cm(estimate_cm, truth_cm),
            "bone_cosine": bone_cosine(estimate_cm, truth_cm, self.skeleton.estimated_limbs),
            **self.doubt_terms(estimate_cm, truth_cm, batch),
        }

    def doubt_terms(
        self, estimate_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], batch: Batch
    ) -> dict[str, Float[Tensor, ""]]:
        """The loss term of the head that estimates errors: none without such a head.

        Args:
            estimate_cm: estimated poses, which this term does not change.
            truth_cm: true poses.
            batch: the batch, with heatmaps (`with_maps`).
        """
        if self.doubt is None:
            return {}
        known = is_known(truth_cm)
        error_cm = torch.where(known[..., None], estimate_cm.detach() - truth_cm, 0.0).norm(dim=-1)
        scale_cm = self.doubt.scale_cm(estimate_cm, self.maps(batch).joint)
        return {"doubt": known_mean(self.doubt.nll(error_cm, scale_cm), known)}

    def with_maps(self, batch: Batch) -> Batch:
        """The batch with its heatmaps, if more than the lifter reads them, so that they are made only once."""
        return batch if self.doubt is None else batch._replace(heatmaps=self.maps(batch))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the validation error."""
        batch = self.with_maps(batch)
        estimate, truth = self(batch), self.truth_cm(batch)
        self.validation_error.update(estimate, truth, batch.category)
        if self.doubt is not None:
            scale_cm = self.doubt.scale_cm(estimate, self.maps(batch).joint)
            ratio, known = (estimate - truth).norm(dim=-1) / self.doubt.mean_error_cm(scale_cm), is_known(truth)
            self.doubt_factor.update(torch.where(known, ratio, 0.0), known.to(ratio.dtype))

    def on_validation_epoch_end(self) -> None:
        """Logs ``validation/mpjpe``, which selects the best epoch, and, where it exists, ``validation/pa_mpjpe``."""
        errors = self.validation_error.compute()
        logged = {f"validation/{name}": errors[name] for name in ("mpjpe", "pa_mpjpe") if errors[name] is not None}
        self.log_dict(logged)
        self.validation_error.reset()
        if self.doubt is not None:  # the factor with the largest likelihood on the validation split
            self.doubt.factor.copy_(self.doubt_factor.compute())
            self.doubt_factor.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Adds a batch to the test errors and returns its poses for the callback that collects them."""
        batch = self.with_maps(batch)
        return self.tested(self(batch), batch)

    def tested(self, estimate: Float[Tensor, "b j 3"], batch: Batch) -> dict[str, Tensor]:
        """Adds estimated poses to the test errors; returns what `test_step` does."""
        truth, category = self.truth_cm(batch), batch.category
        self.test_error.update(estimate, truth, category)
        self.mean_pose_error.update(self.mean_pose_cm.expand_as(truth), truth, category)
        self.test_shares.update(estimate, truth, category)
        self.test_error_by_visibility.update(estimate, truth, self.estimated(batch.visibility, dim=2))
        outputs = {"pose_cm": estimate, "truth_cm": truth, "frame": batch.frame}
        if self.doubt is not None:
            outputs["expected_error_cm"] = self.doubt(estimate, self.maps(batch).joint)
        return outputs

    def test_results(self) -> dict[str, Any]:
        """Errors for metrics.json: see `PoseMetrics`, `PckMetrics` and `VisibilityErrors`.

        ``mean_pose_mpjpe`` (mm) is the error of the constant mean pose.
        """
        errors, shares = self.test_error.compute(), self.test_shares.compute()
        by_visibility = self.test_error_by_visibility.compute()
        return merged(errors, {"mean_pose_mpjpe": self.mean_pose_error.compute()["mpjpe"]}, shares, by_visibility)

    def configure_optimizers(self) -> Any:
        """The optimiser of all parameters that are not frozen, and its schedule, which is stepped per batch."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        return optimisation(self, self._optimizer(parameters), self._schedule)

    def truth_cm(self, batch: Batch) -> Float[Tensor, "b j 3"]:
        """The true pose, estimated joints only; NaN where a joint is not known."""
        return self.estimated(batch.pose_cm, dim=1)

    def estimated(self, of_joints: Tensor, dim: int) -> Tensor:
        """The estimated joints' part of a tensor with all joints along an axis."""
        return of_joints.index_select(dim, constant(tuple(self.skeleton.estimated), of_joints.device))
