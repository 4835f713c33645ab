"""The encoder of relational features."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.blocks import fc_stack, init_kaiming


class LimbEncoder(nn.Module):
    """Encodes the cosine and sine heatmaps of a limb in one view as half of its relational feature (paper eq. 6).

    All limbs and views share the layers.

    Args:
        heatmap_px: side of the heatmaps.
        joint_dim: width of a relational feature, [left half, right half].
        hidden_dims: widths between the flattened heatmaps and the feature.
    """

    def __init__(self, heatmap_px: int, joint_dim: int, *, hidden_dims: Sequence[int]) -> None:
        super().__init__()
        self.reduce = fc_stack((2 * heatmap_px**2, *hidden_dims, joint_dim // 2))
        init_kaiming(self)

    def forward(self, heatmaps: Float[Tensor, "b v j 2 h w"]) -> Float[Tensor, "b j d"]:
        """A relational feature per limb; limb j joins the joint of heatmap j to its parent."""
        b, v, j = heatmaps.shape[:3]
        features = self.reduce(heatmaps.reshape(b * v * j, -1))
        return features.view(b, v, j, -1).transpose(1, 2).flatten(2)
