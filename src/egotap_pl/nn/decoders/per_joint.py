"""Each map from its own feature."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.errors import EgotapError
from egotap_pl.nn.autoencoder import MapDecoder
from egotap_pl.nn.decoders.base import FeatureDecoder
from egotap_pl.nn.encoders.base import NUM_VIEWS, Encoder, JointEncoder


class PerJointDecoder(FeatureDecoder):
    """The map of one joint and view from the half of the joint's feature that belongs to the view.

    One network for all joints and views; it is what Grid ViT's features, each of one map, call for (table 3).

    Args:
        encoder: whose joint features it reads.
        channels: of the transposed convolutions, from the map inwards.
        hidden_dims: widths between the smallest maps and the feature.

    Raises:
        EgotapError: if the encoder gives no joint features of its own.
    """

    def __init__(
        self, encoder: Encoder, *, channels: Sequence[int] = (32, 64, 128), hidden_dims: Sequence[int] = (2048, 512)
    ) -> None:
        super().__init__()
        if not isinstance(encoder, JointEncoder):
            raise EgotapError(
                f"{type(encoder).__name__} gives one embedding and no feature per joint: choose the decoder embedding"
            )
        self.decode = MapDecoder(
            encoder.joint_dim // NUM_VIEWS, 1, encoder.heatmap_px, channels=channels, hidden_dims=hidden_dims
        )

    def forward(self, features: Float[Tensor, "b j d"]) -> Float[Tensor, "b v j h w"]:
        """The rebuilt maps."""
        b, j, _ = features.shape
        halves = features.view(b, j, NUM_VIEWS, -1).transpose(1, 2)
        maps = self.decode(halves.reshape(b * NUM_VIEWS * j, -1))
        return maps.view(b, NUM_VIEWS, j, *maps.shape[-2:])
