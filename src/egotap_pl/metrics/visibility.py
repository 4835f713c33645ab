"""Errors of joints by how the two views see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torchmetrics import Metric

from egotap_pl.core.batch import NUM_VIEWS, Visibility
from egotap_pl.core.constants import constant
from egotap_pl.core.known import is_known
from egotap_pl.metrics.pose import joint_errors_mm

STATES = (
    ("visible", "visible"),
    ("visible", "occluded"),
    ("visible", "out of view"),
    ("occluded", "occluded"),
    ("occluded", "out of view"),
    ("out of view", "out of view"),
)
"""How the two views see a joint, whichever of them is left."""
_NUMBERS = {"visible": Visibility.VISIBLE, "occluded": Visibility.OCCLUDED, "out of view": Visibility.OUT_OF_VIEW}
_STATE_OF = {(_NUMBERS[better], _NUMBERS[worse]): state for state, (better, worse) in enumerate(STATES)}
_TABLE = tuple(tuple(_STATE_OF.get((one, other), -1) for other in Visibility) for one in Visibility)
"""Index into `STATES`, by the smaller and the larger `Visibility` of the two views; -1: not known."""


def joint_states(visibility: UInt8[Tensor, "b v j"]) -> Int[Tensor, "b j"]:
    """Index into `STATES` of every joint; -1 where the data set does not say how a view sees the joint.

    Args:
        visibility: a `Visibility` for each frame, view and joint.

    Raises:
        ValueError: if there are not two views.

    Examples:
        >>> visibility = torch.tensor([[[1, 2, 0], [1, 1, 1]]], dtype=torch.uint8)
        >>> joint_states(visibility)
        tensor([[ 0,  1, -1]])
    """
    if visibility.shape[1] != NUM_VIEWS:
        raise ValueError(f"expected the visibility in {NUM_VIEWS} views, not in {visibility.shape[1]}")
    table = constant(_TABLE, visibility.device)
    return table[visibility.amin(1).long(), visibility.amax(1).long()]


class VisibilityErrors(Metric):
    """Mean error of joints in each of `STATES`, in mm.

    Examples:
        >>> metric, truth_cm = VisibilityErrors(), torch.zeros(1, 2, 3)
        >>> visibility = torch.tensor([[[1, 2], [1, 3]]], dtype=torch.uint8)
        >>> metric.update(truth_cm + torch.tensor([3.0, 0.0, 4.0]), truth_cm, visibility)
        >>> metric.compute()["per_visibility"]["visible, visible"]
        {'mpjpe': 50.0, 'joints': 1}
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    error_mm: Tensor
    """Sum of errors, by state."""
    joints: Tensor
    """Number of joints, by state."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("error_mm", torch.zeros(len(STATES), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("joints", torch.zeros(len(STATES), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self,
        pose_cm: Float[Tensor, "b j 3"],
        truth_cm: Float[Tensor, "b j 3"],
        visibility: UInt8[Tensor, "b v j"],
    ) -> None:
        """Adds a batch.

        Args:
            pose_cm: estimated poses.
            truth_cm: true poses.
            visibility: a `Visibility` for each frame, view and joint of the poses.
        """
        states = joint_states(visibility)
        counted = is_known(truth_cm) & (states >= 0)
        index = states.clamp(min=0).flatten()
        errors_mm = torch.where(counted, joint_errors_mm(pose_cm, truth_cm), 0.0)
        self.error_mm.index_add_(0, index, errors_mm.to(self.error_mm.dtype).flatten())
        self.joints.index_add_(0, index, counted.long().flatten())

    def compute(self) -> dict[str, Any]:
        """``per_visibility`` {``visible, occluded``: {``mpjpe`` (mm), ``joints``: their number}}.

        States without joints are omitted. Without any, because the data set does not say what the views see, nothing
        is returned.
        """
        rows = {
            state_name(state): {"mpjpe": float(error_mm / joints), "joints": int(joints)}
            for state, error_mm, joints in zip(STATES, self.error_mm, self.joints, strict=True)
            if joints
        }
        return {"per_visibility": rows} if rows else {}


def state_name(state: Sequence[str]) -> str:
    """One of `STATES` as one name.

    >>> state_name(("visible", "out of view"))
    'visible, out of view'
    """
    return ", ".join(state)
