"""Rebuilds all heatmaps from one embedding."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.autoencoder import MapDecoder
from egotap_pl.nn.decoders.base import FeatureDecoder
from egotap_pl.nn.encoders.base import EmbeddingEncoder, Encoder


class EmbeddingDecoder(FeatureDecoder):
    """Rebuilds all heatmaps at once from an encoder's embedding (UnrealEgo's decoder; CNN and Channel ViT in Table 3).

    Args:
        encoder: the encoder of the embedding.
        channels: channels of the matching encoder's convolutions; see `MapDecoder`.
        hidden_dims: hidden widths of the matching encoder; see `MapDecoder`.

    Raises:
        EgotapError: if the encoder has no embedding.
    """

    def __init__(self, encoder: Encoder, *, channels: Sequence[int], hidden_dims: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(encoder, EmbeddingEncoder):
            raise EgotapError(
                f"{type(encoder).__name__} has no embedding, only a feature per joint: choose the decoder per_joint"
            )
        self.decode = MapDecoder(
            encoder.embedding_dim, encoder.num_maps, encoder.heatmap_px, channels=channels, hidden_dims=hidden_dims
        )

    def forward(self, embedding: Float[Tensor, "b z"]) -> Float[Tensor, "b v j h w"]:
        """The rebuilt heatmaps."""
        return self.decode(embedding).unflatten(1, (NUM_VIEWS, -1))
