"""Errors of poses. Poses are in cm everywhere; only the errors computed here are in mm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

MM_PER_CM = 10.0
_NO_SPREAD_CM = 1e-9  # a smaller spread is the rounding error of the mean


def joint_errors_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j"]:
    """Distance between each estimated joint and its true position, in mm."""
    return (pose_cm.double() - truth_cm.double()).norm(dim=-1) * MM_PER_CM


def mpjpe_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b"]:
    """Mean per-joint position error (MPJPE) of each frame, in mm.

    Examples:
        >>> truth_cm = torch.zeros(2, 16, 3)
        >>> mpjpe_mm(truth_cm + torch.tensor([3.0, 0.0, 4.0]), truth_cm)
        tensor([50., 50.], dtype=torch.float64)
    """
    return joint_errors_mm(pose_cm, truth_cm).mean(-1)


def pa_mpjpe_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b"]:
    """MPJPE of each frame after similarity alignment to its true pose (PA-MPJPE), in mm.

    Examples:
        >>> truth_cm = torch.eye(3)[None]
        >>> pa_mpjpe_mm(2 * truth_cm + 7, truth_cm).round(decimals=6)
        tensor([0.], dtype=torch.float64)
    """
    return mpjpe_mm(align_similarity(pose_cm, truth_cm), truth_cm)


def align_similarity(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j 3"]:
    """Each pose moved, rotated and scaled, but not mirrored, onto its true pose by least squares (Umeyama 1991).

    The result is in float64. Degenerate poses are safe: a pose whose joints coincide lands on the mean of the true
    pose, and a pose on a line is aligned as well as a line can be. A pose that is not finite gives NaN.
    """
    pose, truth = pose_cm.double(), truth_cm.double()
    mean_truth = truth.mean(-2, keepdim=True)
    pose, truth = _unit_spread(pose - pose.mean(-2, keepdim=True)), truth - mean_truth
    # A pose that is not finite has no rotation, but must not stop the rest of the batch. It stays NaN.
    rotation = roma.special_procrustes((_unit_spread(truth).mT @ pose).nan_to_num(0.0))
    rotated = pose @ rotation.mT
    scale = (truth * rotated).sum((-2, -1), keepdim=True)
    return scale * rotated + mean_truth


def _unit_spread(centred: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j 3"]:
    """Scales each pose to a norm of 1, and a pose without spread to 0."""
    spread = torch.linalg.vector_norm(centred, dim=(-2, -1), keepdim=True)
    return torch.where(spread <= _NO_SPREAD_CM, 0.0, centred / spread)


class PoseMetrics(Metric):
    """MPJPE and PA-MPJPE of a data set's frames, overall, per joint and per category, in mm.

    Args:
        joint_names: names of the estimated joints, in the order of a pose's rows.
        category_names: names of the categories, in the order of their indices.

    Raises:
        ValueError: if there are no names, or a name is repeated.

    Examples:
        >>> metric = PoseMetrics(["head", "hand"], ["walking"])
        >>> truth_cm = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 50.0]]])
        >>> metric.update(truth_cm + torch.tensor([3.0, 0.0, 4.0]), truth_cm, category=torch.tensor([0]))
        >>> errors = metric.compute()
        >>> errors["mpjpe"], errors["per_joint"]
        (50.0, {'head': 50.0, 'hand': 50.0})
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
                raise ValueError(f"names must be non-empty and unique: {names}")
        shape = (len(self.category_names), len(self.joint_names))
        self.add_state("error_mm", torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("aligned_error_mm", torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("frames", torch.zeros(shape[0], dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], category: Int[Tensor, "b"]
    ) -> None:
        """Adds a batch.

        Args:
            pose_cm: estimated poses.
            truth_cm: true poses.
            category: index of each frame's category name.
        """
        category = category.long()
        aligned_cm = align_similarity(pose_cm, truth_cm)
        self.error_mm.index_add_(0, category, joint_errors_mm(pose_cm, truth_cm))
        self.aligned_error_mm.index_add_(0, category, joint_errors_mm(aligned_cm, truth_cm))
        self.frames.index_add_(0, category, torch.ones_like(category))

    def compute(self) -> dict[str, Any]:
        """``mpjpe``, ``pa_mpjpe``, ``frames``, ``per_joint`` {name: mm} and ``per_category`` {name: the first three}.

        All frames count equally, whatever their category. Categories without frames are omitted. Without any frames
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
