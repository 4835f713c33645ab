"""Grid ViT, the paper's encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import Transformer, fc_stack, init_kaiming
from egotap_pl.nn.encoders.base import JointEncoder
from egotap_pl.nn.encoders.patches import cut_patches, patch_size


class GridViTEncoder(JointEncoder):
    """Attention between the patches of all heatmaps; a heatmap's own tokens give its feature (paper 3.2, eq. 1-5).

    Attention knows a heatmap's place in the grid from the learned positions only, so no grid image is built: each
    heatmap is cut into patches by itself. Tokens are ordered by view, joint, patch row and patch column.

    Args:
        skeleton: the skeleton of the heatmaps.
        heatmap_px: side of the heatmaps.
        joint_dim: width of a joint feature, half of it from each view's heatmap.
        patches_per_side: patches along each side of a heatmap (paper: 4, 16 px patches of 64 px heatmaps).
        width: width of a token.
        depth: transformer layers.
        heads: attention heads.
        mlp_width: hidden width of the transformer's MLPs.
        hidden_dims: widths between a heatmap's concatenated tokens and its feature (E_K of eq. 4).
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        *,
        patches_per_side: int,
        width: int,
        depth: int,
        heads: int,
        mlp_width: int,
        hidden_dims: Sequence[int],
    ) -> None:
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.patch_px = patch_size(heatmap_px, patches_per_side)
        self.tokens_per_map = patches_per_side**2
        self.project = nn.Linear(self.patch_px**2, width)
        self.positions = nn.Parameter(torch.empty(self.num_cells() * self.tokens_per_map, width))
        self.transformer = Transformer(width, depth, heads, mlp_width)
        self.reduce = fc_stack((self.tokens_per_map * width, *hidden_dims, joint_dim // NUM_VIEWS))
        nn.init.trunc_normal_(self.positions, std=0.02)
        init_kaiming(self)

    def num_cells(self) -> int:
        """Number of cells, blank ones included, that take part in attention."""
        return self.num_maps

    def embed(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b t w2"]:
        """Input tokens (eq. 1)."""
        return self.project(self.cut(heatmaps)) + self.positions

    def cut(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b t q"]:
        """The patches of all heatmaps."""
        return cut_patches(heatmaps.flatten(1, 2), self.patch_px).flatten(1, 2)

    def forward(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b j d"]:
        """A feature per joint, [left half, right half] (eq. 2-5)."""
        b, v, j = heatmaps.shape[:3]
        tokens = self.transformer(self.embed(heatmaps))[:, : self.num_maps * self.tokens_per_map]
        features = self.reduce(tokens.reshape(b * v * j, -1))
        return features.view(b, v, j, -1).transpose(1, 2).flatten(2)
