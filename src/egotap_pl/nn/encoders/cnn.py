"""UnrealEgo's encoder."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.autoencoder import MapEncoder
from egotap_pl.nn.encoders.base import EmbeddingEncoder


class CnnEncoder(EmbeddingEncoder):
    """A small CNN over all stereo joint maps stacked as channels (Table 2, "CNN"; UnrealEgo's encoder).

    Args:
        skeleton: whose joints the heatmaps show.
        heatmap_px: side of the heatmaps.
        joint_dim: width of the joint features that a lifter may make of the embedding.
        channels: of the 4x4 convolutions, each of stride 2.
        hidden_dims: widths between the flattened maps and the embedding.
        embedding_dim: width of the embedding. 20 in UnrealEgo's release; the paper says "larger" without a number.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        *,
        channels: Sequence[int] = (64, 128, 256),
        hidden_dims: Sequence[int] = (2048, 512),
        embedding_dim: int = 20,
    ) -> None:
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.embedding_dim = embedding_dim
        layers = MapEncoder(self.num_maps, heatmap_px, embedding_dim, channels=channels, hidden_dims=hidden_dims)
        self.convs, self.reduce = layers.convs, layers.reduce

    def forward(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b z"]:
        """The embedding of all maps."""
        return self.reduce(self.convs(heatmaps.flatten(1, 2)))
