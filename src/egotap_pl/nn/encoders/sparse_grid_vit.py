"""Grid ViT without the patches that hold nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import Transformer, fc_stack, init_kaiming
from egotap_pl.nn.encoders.base import JointEncoder
from egotap_pl.nn.encoders.patches import cut_patches, patch_size


class SparseGridViTEncoder(JointEncoder):
    """Attention between the patches that hold signal, and a token of each heatmap.

    A heatmap is nearly empty: most of Grid ViT's tokens say only where they are. Here each heatmap has the tokens of
    its heaviest patches, as many in every heatmap, and one that knows the sums of its rows and columns, which place a
    peak to a fraction of a pixel. Of its other patches, nothing else is known. All shapes are fixed, whatever the
    heatmaps hold. The joint feature is made of a heatmap's own tokens, as in
    `egotap_pl.nn.encoders.grid_vit.GridViTEncoder`.

    Tokens are ordered by view and joint; of a heatmap, first its own token, then its patches, row by row.

    Args:
        skeleton: the skeleton of the heatmaps.
        heatmap_px: side of the heatmaps.
        joint_dim: width of a joint feature, half of it from each view's heatmap.
        patches_per_side: patches along each side of a heatmap.
        patches: how many of a heatmap's patches take part in attention.
        width: width of a token.
        depth: transformer layers.
        heads: attention heads.
        mlp_width: hidden width of the transformer's MLPs.
        hidden_dims: widths between a heatmap's concatenated tokens and its feature.

    Raises:
        ValueError: if a heatmap cannot be cut into these patches, or does not have so many.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        *,
        patches_per_side: int,
        patches: int,
        width: int,
        depth: int,
        heads: int,
        mlp_width: int,
        hidden_dims: Sequence[int],
    ) -> None:
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.patch_px, self.patches = patch_size(heatmap_px, patches_per_side), patches
        num_patches = patches_per_side**2
        if not 1 <= patches <= num_patches:
            raise ValueError(f"patches={patches}: a heatmap has {num_patches}; give 1 to {num_patches}")
        self.project = nn.Linear(self.patch_px**2, width)
        self.project_sums = nn.Linear(2 * heatmap_px, width)
        self.map_positions = nn.Parameter(torch.empty(self.num_maps, width))
        self.patch_positions = nn.Parameter(torch.empty(self.num_maps * num_patches, width))
        self.transformer = Transformer(width, depth, heads, mlp_width)
        self.reduce = fc_stack(((1 + patches) * width, *hidden_dims, joint_dim // NUM_VIEWS))
        for positions in (self.map_positions, self.patch_positions):
            nn.init.trunc_normal_(positions, std=0.02)
        init_kaiming(self)

    def embed(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b m k d"]:
        """Input tokens of each heatmap."""
        maps = heatmaps.flatten(1, 2)
        patches = cut_patches(maps, self.patch_px)
        chosen = heaviest(patches.clamp(min=0).sum(-1), self.patches)
        content = patches.gather(2, chosen[..., None].expand(-1, -1, -1, patches.shape[-1]))
        first = torch.arange(self.num_maps, device=chosen.device)[:, None] * patches.shape[2]
        tokens = self.project(content) + F.embedding(first + chosen, self.patch_positions)
        # So divided, a heatmap's token starts about as large as those of its patches.
        sums = torch.cat((maps.sum(-1), maps.sum(-2)), -1) / self.patch_px**0.5
        of_map = self.project_sums(sums) + self.map_positions
        return torch.cat((of_map[:, :, None], tokens), 2)

    def forward(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b j d"]:
        """A feature per joint, [left half, right half]."""
        b, v, j = heatmaps.shape[:3]
        tokens = self.transformer(self.embed(heatmaps).flatten(1, 2))
        features = self.reduce(tokens.reshape(b * v * j, -1))
        return features.view(b, v, j, -1).transpose(1, 2).flatten(2)


def heaviest(masses: Float[Tensor, "*n p"], number: int) -> Int64[Tensor, "*n k"]:
    """Indices of the largest masses in ascending order; of equal masses, the first ones.

    ``torch.topk`` leaves open which of several equal values it takes, and most patches of a true heatmap are equal,
    because they are empty. Here every device and runtime takes the same.

    Args:
        masses: of each patch.
        number: how many are chosen.

    Examples:
        >>> heaviest(torch.tensor([[0.0, 3.0, 0.0, 5.0, 0.0]]), 3)
        tensor([[0, 1, 3]])
    """
    places = torch.arange(masses.shape[-1], device=masses.device)
    one, other = masses[..., :, None], masses[..., None, :]
    is_before = (other > one) | ((other == one) & (places < places[:, None]))
    is_chosen = is_before.sum(-1) < number
    # Different for all patches, so that nothing is left open.
    keys = torch.where(is_chosen, places, places + len(places))
    return keys.topk(number, largest=False).indices
