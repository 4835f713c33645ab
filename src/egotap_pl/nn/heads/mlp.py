"""A pose from one vector."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import fc_stack, init_kaiming
from egotap_pl.nn.heads.base import FeatureDims, VectorHead


class MlpHead(VectorHead):
    """All joints at once from an embedding (UnrealEgo's decoder; Table 2, "CNN" and "Channel ViT").

    Args:
        skeleton: whose estimated joints it gives.
        dims: widths of the features on offer.
        hidden_dims: 32 and 32 in UnrealEgo's release; the paper says "larger" without a number.
    """

    def __init__(self, skeleton: Skeleton, dims: FeatureDims, *, hidden_dims: Sequence[int] = (32, 32)) -> None:
        super().__init__()
        widths = (dims.vector, *hidden_dims)
        self.net = nn.Sequential(fc_stack(widths), nn.Linear(widths[-1], 3 * len(skeleton.estimated)))
        init_kaiming(self)

    def forward(self, vector: Float[Tensor, "b z"]) -> Float[Tensor, "b e 3"]:
        """The estimated joints' positions."""
        return self.net(vector).unflatten(1, (-1, 3))
