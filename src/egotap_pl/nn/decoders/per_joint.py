"""Rebuilds each heatmap from its own feature."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.autoencoder import MapDecoder
from egotap_pl.nn.decoders.base import FeatureDecoder
from egotap_pl.nn.encoders.base import Encoder, JointEncoder


class PerJointDecoder(FeatureDecoder):
    """Rebuilds the heatmap of a joint in a view from that view's half of the joint feature.

    All joints and views share one network. It suits Grid ViT, whose features belong to one heatmap each (Table 3).

    Args:
        encoder: the encoder of the joint features.
        channels: channels of the matching encoder's convolutions; see `MapDecoder`.
        hidden_dims: hidden widths of the matching encoder; see `MapDecoder`.

    Raises:
        EgotapError: if the encoder has no joint features of its own.
    """

    def __init__(self, encoder: Encoder, *, channels: Sequence[int], hidden_dims: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(encoder, JointEncoder):
            raise EgotapError(
                f"{type(encoder).__name__} has no feature per joint, only one embedding: choose the decoder embedding"
            )
        self.decode = MapDecoder(
            encoder.joint_dim // NUM_VIEWS, 1, encoder.heatmap_px, channels=channels, hidden_dims=hidden_dims
        )

    def forward(self, features: Float[Tensor, "b j d"]) -> Float[Tensor, "b v j h w"]:
        """The rebuilt heatmaps."""
        b, j, _ = features.shape
        halves = features.view(b, j, NUM_VIEWS, -1).transpose(1, 2)
        maps = self.decode(halves.reshape(b * NUM_VIEWS * j, -1))
        return maps.view(b, NUM_VIEWS, j, *maps.shape[-2:])
