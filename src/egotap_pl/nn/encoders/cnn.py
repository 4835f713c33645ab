"""UnrealEgo's CNN encoder."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.autoencoder import MapEncoder
from egotap_pl.nn.encoders.base import EmbeddingEncoder


class CnnEncoder(EmbeddingEncoder):
    """A small CNN on the joint heatmaps of both views, stacked as channels (Table 2, "CNN"; UnrealEgo's encoder).

    Args:
        skeleton: the skeleton of the heatmaps.
        heatmap_px: side of the heatmaps.
        joint_dim: width of the joint features that a lifter may derive from the embedding.
        channels: channels of the 4x4 convolutions, each of stride 2.
        hidden_dims: widths between the flattened convolution output and the embedding.
        embedding_dim: width of the embedding (UnrealEgo's release: 20; paper: "larger", without a number).
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        *,
        channels: Sequence[int],
        hidden_dims: Sequence[int],
        embedding_dim: int,
    ) -> None:
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.embedding_dim = embedding_dim
        layers = MapEncoder(self.num_maps, heatmap_px, embedding_dim, channels=channels, hidden_dims=hidden_dims)
        self.convs, self.reduce = layers.convs, layers.reduce

    def forward(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b z"]:
        """The embedding of all heatmaps."""
        return self.reduce(self.convs(heatmaps.flatten(1, 2)))
