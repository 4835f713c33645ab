"""Errors of poses. Poses are in cm everywhere; only the errors computed here are in mm.

True joints that are NaN are not known and do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import roma
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric

from egotap_pl.core.known import is_known, known_mean

MM_PER_CM = 10.0
_NO_SPREAD_CM = 1e-9  # a smaller spread is the rounding error of the mean
_ON_A_LINE = 1e-8  # largest square of the extent across a line over that along it: 0.1 mm of 1 m


def joint_errors_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j"]:
    """Distance between each estimated joint and its true position, in mm; NaN where this is not known."""
    return (pose_cm.double() - truth_cm.double()).norm(dim=-1) * MM_PER_CM


def mpjpe_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b"]:
    """Mean per-joint position error (MPJPE) of each frame over its known joints, in mm; NaN if it has none.

    Examples:
        >>> truth_cm = torch.zeros(2, 16, 3)
        >>> mpjpe_mm(truth_cm + torch.tensor([3.0, 0.0, 4.0]), truth_cm)
        tensor([50., 50.], dtype=torch.float64)
    """
    return known_mean(joint_errors_mm(pose_cm, truth_cm), is_known(truth_cm), dim=-1)


def pa_mpjpe_mm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b"]:
    """MPJPE of each frame after similarity alignment to its true pose (PA-MPJPE), in mm; NaN unless it `is_alignable`.

    Examples:
        >>> truth_cm = torch.eye(3)[None]
        >>> pa_mpjpe_mm(2 * truth_cm + 7, truth_cm).round(decimals=6)
        tensor([0.], dtype=torch.float64)
    """
    errors_mm = mpjpe_mm(align_similarity(pose_cm, truth_cm), truth_cm)
    return torch.where(is_alignable(truth_cm), errors_mm, torch.nan)


def is_alignable(truth_cm: Float[Tensor, "b j 3"]) -> Bool[Tensor, "b"]:
    """Whether a PA-MPJPE means anything: all joints of a true pose are known, or at least three that are not on a line.

    Onto fewer joints, a pose would be aligned with hardly any error left.
    """
    known = is_known(truth_cm)
    truth = torch.where(known[..., None], truth_cm.double(), 0.0)
    centred = torch.where(known[..., None], truth - known_mean(truth, known[..., None], dim=-2)[..., None, :], 0.0)
    scatter = centred.mT @ centred
    total = scatter.diagonal(dim1=-2, dim2=-1).sum(-1).square()
    # The sum of the products of two eigenvalues: 0 if at most one is not, which is a line.
    across = (total - scatter.square().sum((-2, -1))) / 2
    return known.all(-1) | ((known.sum(-1) >= 3) & (across > _ON_A_LINE * total))


def align_similarity(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j 3"]:
    """Each pose moved, rotated and scaled, but not mirrored, onto its true pose by least squares (Umeyama 1991).

    The squares are those of the known joints; all joints move. The result is in float64. Degenerate poses are safe: a
    pose whose joints coincide lands on the mean of the true pose, and a pose on a line is aligned as well as a line can
    be. A pose that is not finite gives NaN.
    """
    pose, truth, known = pose_cm.double(), truth_cm.double(), is_known(truth_cm)[..., None]
    mean_pose, mean_truth = (known_mean(points, known, dim=-2)[..., None, :] for points in (pose, truth))
    pose = _unit_spread(pose - mean_pose, known)
    truth = torch.where(known, truth - mean_truth, 0.0)
    # A pose that is not finite has no rotation, but must not stop the rest of the batch. It stays NaN.
    rotation = roma.special_procrustes((_unit_spread(truth, known).mT @ pose).nan_to_num(0.0))
    rotated = pose @ rotation.mT
    scale = (truth * rotated).sum((-2, -1), keepdim=True)
    return scale * rotated + mean_truth


def _unit_spread(centred: Float[Tensor, "b j 3"], known: Bool[Tensor, "b j 1"]) -> Float[Tensor, "b j 3"]:
    """Scales each pose so that its known joints have a norm of 1, and a pose without spread to 0."""
    counted = torch.where(known, centred, 0.0)
    spread = torch.linalg.vector_norm(counted, dim=(-2, -1), keepdim=True)
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
    """Sum over frames, by category and joint, of errors times the share of all joints in the frame's known ones."""
    aligned_error_mm: Tensor
    """The same after alignment, of frames that `is_alignable`."""
    joint_error_mm: Tensor
    """Sum of the errors alone, by category and joint."""
    joints: Tensor
    """Number of frames in which a joint is known, by category and joint."""
    frames: Tensor
    """Number of frames with known joints, by category."""
    aligned_frames: Tensor
    """Number of those that `is_alignable`, by category."""

    def __init__(self, joint_names: Sequence[str], category_names: Sequence[str]) -> None:
        super().__init__()
        self.joint_names, self.category_names = tuple(joint_names), tuple(category_names)
        for names in (self.joint_names, self.category_names):
            if not names or len(set(names)) != len(names):
                raise ValueError(f"names must be non-empty and unique: {names}")
        shape = (len(self.category_names), len(self.joint_names))
        for name in ("error_mm", "aligned_error_mm", "joint_error_mm"):
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("joints", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")
        for name in ("frames", "aligned_frames"):
            self.add_state(name, torch.zeros(shape[0], dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], category: Int[Tensor, "b"]
    ) -> None:
        """Adds a batch.

        Args:
            pose_cm: estimated poses.
            truth_cm: true poses.
            category: index of each frame's category name.
        """
        category, known = category.long(), is_known(truth_cm)
        number = known.sum(-1, keepdim=True, dtype=torch.float64)
        per_known = torch.where(known, torch.full_like(number, known.shape[-1]) / number, 0.0)
        error_mm = torch.where(known, joint_errors_mm(pose_cm, truth_cm), 0.0)
        alignable = is_alignable(truth_cm)
        aligned_mm = joint_errors_mm(align_similarity(pose_cm, truth_cm), truth_cm)
        aligned_mm = torch.where(known & alignable[:, None], aligned_mm, 0.0)
        self.error_mm.index_add_(0, category, error_mm * per_known)
        self.aligned_error_mm.index_add_(0, category, aligned_mm * per_known)
        self.joint_error_mm.index_add_(0, category, error_mm)
        self.joints.index_add_(0, category, known.long())
        self.frames.index_add_(0, category, known.any(-1).long())
        self.aligned_frames.index_add_(0, category, alignable.long())

    def compute(self) -> dict[str, Any]:
        """``mpjpe``, ``pa_mpjpe``, ``frames``, ``per_joint`` {name: mm} and ``per_category`` {name: the first three}.

        All frames with known joints count equally, whatever their category, and in a frame all known joints. Categories
        without such frames are omitted. Without any frames the errors are NaN. None stands for the error of a joint
        that is never known, and for the ``pa_mpjpe`` of frames none of which `is_alignable`.
        """
        has_frames = bool(self.frames.sum())
        per_joint = (self.joint_error_mm.sum(0) / self.joints.sum(0)).tolist()
        sums = (self.error_mm, self.aligned_error_mm, self.frames, self.aligned_frames)
        return {
            **_summary(*(values.sum(0) for values in sums)),
            "per_joint": {
                name: None if has_frames and not number else error
                for name, error, number in zip(self.joint_names, per_joint, self.joints.sum(0).tolist(), strict=True)
            },
            "per_category": {
                name: _summary(*of_category)
                for name, *of_category in zip(self.category_names, *sums, strict=True)
                if of_category[2] > 0
            },
        }


def _summary(
    error_mm: Float[Tensor, "j"],
    aligned_error_mm: Float[Tensor, "j"],
    frames: Int[Tensor, ""],
    aligned_frames: Int[Tensor, ""],
) -> dict[str, Any]:
    is_never_aligned = frames > 0 and aligned_frames == 0
    return {
        "mpjpe": float(error_mm.mean() / frames),
        "pa_mpjpe": None if is_never_aligned else float(aligned_error_mm.mean() / aligned_frames),
        "frames": int(frames),
    }
