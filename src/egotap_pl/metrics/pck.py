"""Share of joints that are close to their true positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from egotap_pl.core.constants import constant
from egotap_pl.core.known import is_known
from egotap_pl.metrics.pose import joint_errors_mm

PCK_MM = 150.0
"""A joint is correct if its error is smaller (Mehta et al. 2017, MPI-INF-3DHP)."""
THRESHOLDS_MM = tuple(float(threshold) for threshold in range(0, 151, 5))
"""Thresholds that the AUC is the mean over: 0, 5, ..., 150 mm (MPI-INF-3DHP)."""


class PckMetrics(Metric):
    """Percentage of correct joints (PCK) and area under its curve (AUC), overall, per joint and per category.

    PCK is the share of joints whose error is smaller than `PCK_MM`. AUC is its mean over `THRESHOLDS_MM`. Both are in
    percent, of poses as they are, without an alignment. The smallest threshold is 0, so that perfect poses have an AUC
    of 96.8%. All known joints count equally, whatever their frame.

    Args:
        joint_names: names of the estimated joints, in the order of a pose's rows.
        category_names: names of the categories, in the order of their indices.

    Examples:
        >>> metric = PckMetrics(["head", "hand"], ["walking"])
        >>> truth_cm = torch.zeros(1, 2, 3)
        >>> pose_cm = truth_cm + torch.tensor([[[0.0, 0.0, 10.2], [20.0, 0.0, 0.0]]])
        >>> metric.update(pose_cm, truth_cm, category=torch.tensor([0]))
        >>> shares = metric.compute()
        >>> shares["pck"], shares["per_joint_pck"], round(shares["auc"], 2)
        (50.0, {'head': 100.0, 'hand': 0.0}, 16.13)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    correct: Tensor
    """Number of joints with an error below each of `THRESHOLDS_MM` and `PCK_MM`, by category and joint."""
    joints: Tensor
    """Number of known joints, by category and joint."""

    def __init__(self, joint_names: Sequence[str], category_names: Sequence[str]) -> None:
        super().__init__()
        self.joint_names, self.category_names = tuple(joint_names), tuple(category_names)
        shape = (len(self.category_names), len(self.joint_names))
        thresholds = (*THRESHOLDS_MM, PCK_MM)
        self.add_state("correct", torch.zeros((*shape, len(thresholds)), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("joints", torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], category: Int[Tensor, "b"]
    ) -> None:
        """Adds a batch.

        Args:
            pose_cm: estimated poses.
            truth_cm: true poses.
            category: index of each frame's category name.
        """
        errors_mm = joint_errors_mm(pose_cm, truth_cm)[..., None]
        thresholds_mm = constant((*THRESHOLDS_MM, PCK_MM), errors_mm.device, errors_mm.dtype)
        self.correct.index_add_(0, category.long(), (errors_mm < thresholds_mm).long())  # an error of NaN is not below
        self.joints.index_add_(0, category.long(), is_known(truth_cm).long())

    def compute(self) -> dict[str, Any]:
        """``pck``, ``auc``, ``per_joint_pck``, ``per_joint_auc`` {name: %}, ``per_category`` {name: the first two}.

        Categories without known joints are omitted; None stands for a joint that is never known. Without any known
        joint, the shares are NaN.
        """
        joints = self.joints.sum(0)
        each = [_shares(*counts) for counts in zip(self.correct.sum(0), joints, strict=True)]
        return {
            **_shares(self.correct.sum((0, 1)), joints.sum()),
            **{
                f"per_joint_{key}": {
                    name: shares[key] if number or not joints.sum() else None
                    for name, shares, number in zip(self.joint_names, each, joints.tolist(), strict=True)
                }
                for key in ("pck", "auc")
            },
            "per_category": {
                name: _shares(correct.sum(0), number.sum())
                for name, correct, number in zip(self.category_names, self.correct, self.joints, strict=True)
                if number.any()
            },
        }


def _shares(correct: Int[Tensor, "t"], joints: Int[Tensor, ""]) -> dict[str, float]:
    shares = 100.0 * correct.double() / joints
    return {"pck": float(shares[-1]), "auc": float(shares[:-1].mean())}
