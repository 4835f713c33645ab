"""Errors of poses. Poses are in cm everywhere else; here, and only here, they become mm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

MM_PER_CM = 10.0
_NO_SPREAD_CM = 1e-9


def joint_errors_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j"]:
    """Distance between estimated and true joint, in mm."""
    return (pose_cm.double() - truth_cm.double()).norm(dim=-1) * MM_PER_CM


def mpjpe_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b"]:
    """Mean per-joint position error of each frame, in mm."""
    return joint_errors_mm(pose_cm, truth_cm).mean(-1)


def pa_mpjpe_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b"]:
    """Mean per-joint position error of each frame after its similarity alignment to the truth, in mm."""
    return mpjpe_mm(align_similarity(pose_cm, truth_cm), truth_cm)


def align_similarity(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j 3"]:
    """Each pose moved, turned and scaled (never mirrored) onto its truth by least squares (Umeyama 1991), in float64.

    Degenerate poses are safe: one whose joints all coincide lands on the truth's mean, one on a line is aligned as
    well as a line can be. One that is not finite gives NaN.
    """
    pose, truth = pose_cm.double(), truth_cm.double()
    mean_truth = truth.mean(-2, keepdim=True)
    pose, truth = _unit_spread(pose - pose.mean(-2, keepdim=True)), truth - mean_truth
    # A pose that is not a number has no rotation, but must not stop the others' either; it stays what it is.
    rotation = roma.special_procrustes((_unit_spread(truth).mT @ pose).nan_to_num(0.0))
    turned = pose @ rotation.mT
    scale = (truth * turned).sum((-2, -1), keepdim=True)
    return scale * turned + mean_truth


def _unit_spread(centred: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j 3"]:
    # Scaled to a norm of 1 per pose; what is only rounding of the mean counts as no spread at all.
    spread = torch.linalg.vector_norm(centred, dim=(-2, -1), keepdim=True)
    return torch.where(spread <= _NO_SPREAD_CM, 0.0, centred / spread)


class PoseMetrics(Metric):
    """MPJPE and PA-MPJPE of a data set's frames, overall, per joint and per category, in mm.

    Args:
        joint_names: names of the estimated joints, in the order of a pose's rows.
        category_names: what a category index means.

    Raises:
        ValueError: if a name is used twice.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    error_mm: Tensor
    aligned_error_mm: Tensor
    frames: Tensor

    def __init__(self, joint_names: Sequence[str], category_names: Sequence[str]) -> None:
        super().__init__()
        self.joint_names, self.category_names = tuple(joint_names), tuple(category_names)
        for names in (self.joint_names, self.category_names):
            if not names or len(set(names)) != len(names):
                raise ValueError(f"names must be there and differ: {names}")
        shape = (len(self.category_names), len(self.joint_names))
        self.add_state("error_mm", torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("aligned_error_mm", torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("frames", torch.zeros(shape[0], dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], category: Int[Tensor, "b"]
    ) -> None:
        """Adds a batch; ``category`` holds an index into the category names per frame."""
        category = category.long()
        aligned_cm = align_similarity(pose_cm, truth_cm)
        self.error_mm.index_add_(0, category, joint_errors_mm(pose_cm, truth_cm))
        self.aligned_error_mm.index_add_(0, category, joint_errors_mm(aligned_cm, truth_cm))
        self.frames.index_add_(0, category, torch.ones_like(category))

    def compute(self) -> dict[str, Any]:
        """``mpjpe``, ``pa_mpjpe``, ``frames``, ``per_joint`` {name: mm} and ``per_category`` {name: the first three}.

        Every frame counts the same, whatever its category. Categories without frames are left out; without any frame
        the errors are NaN.
        """
        per_joint = self.error_mm.sum(0) / self.frames.sum()
        per_category = {
            name: _summary(*sums)
            for name, *sums in zip(self.category_names, self.error_mm, self.aligned_error_mm, self.frames, strict=True)
            if sums[-1] > 0
        }
        return {
            **_summary(self.error_mm.sum(0), self.aligned_error_mm.sum(0), self.frames.sum()),
            "per_joint": dict(zip(self.joint_names, per_joint.tolist(), strict=True)),
            "per_category": per_category,
        }


def _summary(
    error_mm: Float[Tensor, "j"], aligned_error_mm: Float[Tensor, "j"], frames: Int[Tensor, ""]
) -> dict[str, Any]:
    return {
        "mpjpe": float(error_mm.mean() / frames),
        "pa_mpjpe": float(aligned_error_mm.mean() / frames),
        "frames": int(frames),
    }
