"""UnrealEgo's autoencoder of heatmaps in its two halves; all baselines and the decoders of table 3 are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.nn.blocks import down_block, fc_stack, init_kaiming, up_block


class MapEncoder(nn.Module):
    """Maps stacked as channels, halved by convolutions, then fully connected down to one vector.

    Args:
        num_maps: maps that come in.
        heatmap_px: their side.
        out_dim: width of the vector.
        channels: of the convolutions.
        hidden_dims: widths between the flattened maps and the vector.

    Raises:
        ValueError: if the maps cannot be halved as often as there are convolutions.
    """

    def __init__(
        self,
        num_maps: int,
        heatmap_px: int,
        out_dim: int,
        *,
        channels: Sequence[int] = (64, 128, 256),
        hidden_dims: Sequence[int] = (2048, 512),
    ) -> None:
        super().__init__()
        side = _halved(heatmap_px, len(channels))
        self.convs = nn.Sequential(*(down_block(a, b) for a, b in pairwise((num_maps, *channels))), nn.Flatten())
        self.reduce = fc_stack((channels[-1] * side**2, *hidden_dims, out_dim))
        init_kaiming(self)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b z"]:
        """The vector of all maps."""
        return self.reduce(self.convs(maps))


class MapDecoder(nn.Module):
    """From one vector back to maps: `MapEncoder` the other way round, normalised and activated to the end (release).

    Args:
        in_dim: width of the vector.
        num_maps: maps that come out.
        heatmap_px: their side.
        channels: of `MapEncoder`'s convolutions; used from the last to the first.
        hidden_dims: `MapEncoder`'s; likewise.

    Raises:
        ValueError: if the maps cannot be halved as often as there are convolutions.
    """

    def __init__(
        self,
        in_dim: int,
        num_maps: int,
        heatmap_px: int,
        *,
        channels: Sequence[int] = (64, 128, 256),
        hidden_dims: Sequence[int] = (2048, 512),
    ) -> None:
        super().__init__()
        side = _halved(heatmap_px, len(channels))
        self.expand = fc_stack((in_dim, *reversed(hidden_dims), channels[-1] * side**2))
        self.unflatten = nn.Unflatten(1, (channels[-1], side, side))
        blocks = [up_block(a, b) for a, b in pairwise((*reversed(channels), num_maps))]
        self.deconvs = nn.Sequential(*blocks)
        init_kaiming(self)
        # Begin at all-zero maps, as estimators do: normalised maps are tens of times larger than heatmaps, and a short
        # training would be spent on shrinking them.
        nn.init.zeros_(blocks[-1].get_parameter("1.weight"))

    def forward(self, vector: Float[Tensor, "b z"]) -> Float[Tensor, "b c h w"]:
        """All maps."""
        return self.deconvs(self.unflatten(self.expand(vector)))


def _halved(heatmap_px: int, times: int) -> int:
    side, rest = divmod(heatmap_px, 2**times)
    if rest or not side:
        raise ValueError(f"a heatmap of {heatmap_px} px cannot be halved {times} times")
    return side
