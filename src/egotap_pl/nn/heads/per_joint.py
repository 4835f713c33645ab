"""Estimates each joint from its own features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import init_kaiming
from egotap_pl.nn.heads.base import FeatureDims, JointHead


class PerJointHead(JointHead):
    """Estimates a joint's position from its [joint, propagated] features by a linear layer for all joints (paper 3.3).

    If the root is estimated too (UnrealEgo's head, which has no heatmap and so no feature), a second linear layer reads
    the features of all joints. It gives the root's position and an offset that is added to all other joints
    (paper 4.1.1).

    Args:
        skeleton: the skeleton of the pose.
        dims: widths of the lifter's features.
        global_reads_joint: whether the second layer reads joint features in addition to propagated ones (paper: yes;
            release: no).
        rows: pose row that each joint with a heatmap fills; the remaining row, if any, is the root's. None: the row of
            that joint. On UnrealEgo the release puts joint h into row h - 1: [0, 1, ..., 14].

    Raises:
        ValueError: if ``rows`` does not give each joint with a heatmap a row of its own.
    """

    order: Tensor

    def __init__(
        self,
        skeleton: Skeleton,
        dims: FeatureDims,
        *,
        global_reads_joint: bool = True,
        rows: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        num_joints, num_rows = skeleton.num_heatmap_joints, len(skeleton.estimated)
        if rows is None:
            rows = [skeleton.estimated.index(joint) for joint in range(1, skeleton.num_joints)]
        if len(rows) != num_joints or len({*rows} & {*range(num_rows)}) != num_joints:
            raise ValueError(
                f"head rows {list(rows)} do not fit skeleton {skeleton.name}: "
                f"need {num_joints} different rows from 0 to {num_rows - 1}"
            )
        root_rows = [row for row in range(num_rows) if row not in rows]  # one if the root is estimated, else none
        self.to_position = nn.Linear(dims.joint + dims.propagated, 3)
        self.to_global: nn.Linear | None = None
        self.global_reads_joint = global_reads_joint
        if skeleton.estimates_root:
            per_joint = dims.propagated + (dims.joint if global_reads_joint else 0)
            self.to_global = nn.Linear(num_joints * per_joint, 6)
        self.register_buffer("order", torch.tensor([*rows, *root_rows]).argsort(), persistent=False)
        init_kaiming(self)

    def forward(self, joint: Float[Tensor, "b j d"], propagated: Float[Tensor, "b j p"]) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints."""
        both = torch.cat((joint, propagated), -1)
        pose = self.to_position(both)
        if self.to_global is not None:
            features = both if self.global_reads_joint else propagated
            offset, root = self.to_global(features.flatten(1)).unflatten(1, (2, 3)).split(1, 1)
            pose = torch.cat((pose + offset, root), 1)
        return pose.index_select(1, self.order)
