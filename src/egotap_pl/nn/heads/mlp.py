"""Estimates the whole pose from one vector."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import fc_stack, init_kaiming
from egotap_pl.nn.heads.base import FeatureDims, VectorHead


class MlpHead(VectorHead):
    """Estimates all joints at once from one vector (UnrealEgo's decoder; Table 2, "CNN" and "Channel ViT").

    Args:
        skeleton: the skeleton of the pose.
        dims: widths of the lifter's features.
        hidden_dims: hidden widths (UnrealEgo's release: 32 and 32; paper: "larger", without a number).
    """

    def __init__(self, skeleton: Skeleton, dims: FeatureDims, *, hidden_dims: Sequence[int]) -> None:
        super().__init__()
        widths = (dims.vector, *hidden_dims)
        self.net = nn.Sequential(fc_stack(widths), nn.Linear(widths[-1], 3 * len(skeleton.estimated)))
        init_kaiming(self)

    def forward(self, vector: Float[Tensor, "b z"]) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints."""
        return self.net(vector).unflatten(1, (-1, 3))
