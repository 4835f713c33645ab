"""The two halves of UnrealEgo's heatmap autoencoder. All baselines and the decoders of Table 3 are built from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.blocks import down_block, fc_stack, init_kaiming, up_block


class MapEncoder(nn.Module):
    """Encodes heatmaps, stacked as channels, into one vector by strided convolutions and fully connected layers.

    Args:
        num_maps: number of heatmaps.
        heatmap_px: side of the heatmaps.
        out_dim: width of the vector.
        channels: channels of the convolutions, each of which halves the heatmaps.
        hidden_dims: widths between the flattened convolution output and the vector.

    Raises:
        ValueError: if the heatmaps cannot be halved that often.
    """

    def __init__(
        self,
        num_maps: int,
        heatmap_px: int,
        out_dim: int,
        *,
        channels: Sequence[int],
        hidden_dims: Sequence[int],
    ) -> None:
        super().__init__()
        side = _halved(heatmap_px, len(channels))
        self.convs = nn.Sequential(*(down_block(a, b) for a, b in pairwise((num_maps, *channels))), nn.Flatten())
        self.reduce = fc_stack((channels[-1] * side**2, *hidden_dims, out_dim))
        init_kaiming(self)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b z"]:
        """The vector of all heatmaps."""
        return self.reduce(self.convs(maps))


class MapDecoder(nn.Module):
    """Decodes one vector into heatmaps: `MapEncoder` in reverse.

    The last layer, too, has a normalisation and an activation (release).

    Args:
        in_dim: width of the vector.
        num_maps: number of heatmaps.
        heatmap_px: side of the heatmaps.
        channels: channels of the matching `MapEncoder`, which are used in reverse.
        hidden_dims: hidden widths of the matching `MapEncoder`, which are used in reverse.

    Raises:
        ValueError: if the heatmaps cannot be halved that often.
    """

    def __init__(
        self,
        in_dim: int,
        num_maps: int,
        heatmap_px: int,
        *,
        channels: Sequence[int],
        hidden_dims: Sequence[int],
    ) -> None:
        super().__init__()
        side = _halved(heatmap_px, len(channels))
        self.expand = fc_stack((in_dim, *reversed(hidden_dims), channels[-1] * side**2))
        self.unflatten = nn.Unflatten(1, (channels[-1], side, side))
        blocks = [up_block(a, b) for a, b in pairwise((*reversed(channels), num_maps))]
        self.deconvs = nn.Sequential(*blocks)
        init_kaiming(self)
        # Start at all-zero heatmaps, as estimators do: normalised outputs are tens of times larger than heatmaps, and a
        # short training would be spent on shrinking them.
        nn.init.zeros_(blocks[-1].get_parameter("1.weight"))

    def forward(self, vector: Float[Tensor, "b z"]) -> Float[Tensor, "b c h w"]:
        """The decoded heatmaps."""
        return self.deconvs(self.unflatten(self.expand(vector)))


def _halved(heatmap_px: int, times: int) -> int:
    side, rest = divmod(heatmap_px, 2**times)
    if rest or not side:
        raise ValueError(f"a heatmap of {heatmap_px} px cannot be halved {times} times")
    return side
