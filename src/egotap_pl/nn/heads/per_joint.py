"""Each joint's position from its own features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import init_kaiming
from egotap_pl.nn.heads.base import FeatureDims, JointHead


class PerJointHead(JointHead):
    """One linear map of [joint, propagated] to a position, shared by all joints (paper 3.3).

    Where the root is estimated too (UnrealEgo's head, which has no heatmap and so no feature), a second linear map
    reads all joints' features and gives an offset that is added to every joint with a feature, and the root's own
    position (paper 4.1.1).

    Args:
        skeleton: whose estimated joints it gives.
        dims: widths of the features on offer.
        global_reads_joint: whether the second map reads joint features beside the propagated ones (paper: it does;
            release: it does not).
        rows: pose row that each heatmap joint's feature fills; a row that is left is the root's. None: each its own
            joint's row. The release puts joint h's position into row h - 1 on UnrealEgo: [0, 1, ..., 14].

    Raises:
        ValueError: if ``rows`` does not name each row once, the root's excepted.
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
            raise ValueError(f"head rows {list(rows)}: {skeleton.name} needs {num_joints} different ones of {num_rows}")
        left = [row for row in range(num_rows) if row not in rows]  # the root's row, where it is estimated
        self.to_position = nn.Linear(dims.joint + dims.propagated, 3)
        self.to_global: nn.Linear | None = None
        self.global_reads_joint = global_reads_joint
        if skeleton.estimates_root:
            per_joint = dims.propagated + (dims.joint if global_reads_joint else 0)
            self.to_global = nn.Linear(num_joints * per_joint, 6)
        self.register_buffer("order", torch.tensor([*rows, *left]).argsort(), persistent=False)
        init_kaiming(self)

    def forward(self, joint: Float[Tensor, "b j d"], propagated: Float[Tensor, "b j p"]) -> Float[Tensor, "b e 3"]:
        """The estimated joints' positions."""
        both = torch.cat((joint, propagated), -1)
        pose = self.to_position(both)
        if self.to_global is not None:
            read = both if self.global_reads_joint else propagated
            offset, root = self.to_global(read.flatten(1)).unflatten(1, (2, 3)).split(1, 1)
            pose = torch.cat((pose + offset, root), 1)
        return pose.index_select(1, self.order)
