"""All maps from one embedding."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.autoencoder import MapDecoder
from egotap_pl.nn.decoders.base import FeatureDecoder
from egotap_pl.nn.encoders.base import NUM_VIEWS, EmbeddingEncoder, Encoder


class EmbeddingDecoder(FeatureDecoder):
    """All maps at once from an encoder's embedding (UnrealEgo's heatmap decoder; CNN and Channel ViT in table 3).

    Args:
        encoder: whose embedding it reads.
        channels: of the transposed convolutions, from the maps inwards.
        hidden_dims: widths between the smallest maps and the embedding.

    Raises:
        EgotapError: if the encoder gives no embedding.
    """

    def __init__(
        self, encoder: Encoder, *, channels: Sequence[int] = (64, 128, 256), hidden_dims: Sequence[int] = (2048, 512)
    ) -> None:
        super().__init__()
        if not isinstance(encoder, EmbeddingEncoder):
            raise EgotapError(
                f"{type(encoder).__name__} gives a feature per joint and no embedding: choose the decoder per_joint"
            )
        self.decode = MapDecoder(
            encoder.embedding_dim, encoder.num_maps, encoder.heatmap_px, channels=channels, hidden_dims=hidden_dims
        )

    def forward(self, embedding: Float[Tensor, "b z"]) -> Float[Tensor, "b v j h w"]:
        """The rebuilt maps."""
        return self.decode(embedding).unflatten(1, (NUM_VIEWS, -1))
