"""A ViT whose patches contain all heatmaps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import Transformer, fc_stack, init_kaiming
from egotap_pl.nn.encoders.base import EmbeddingEncoder
from egotap_pl.nn.encoders.patches import cut_patches, patch_size


class ChannelViTEncoder(EmbeddingEncoder):
    """Cuts heatmaps, stacked as channels, into patches: a token does not belong to a joint (Table 2, "Channel ViT").

    The paper gives no sizes. The transformer and the layers after it are those of Grid ViT, on one set of tokens.

    Args:
        skeleton: the skeleton of the heatmaps.
        heatmap_px: side of the heatmaps.
        joint_dim: width of the joint features that a lifter may derive from the embedding.
        patches_per_side: patches along each side of a heatmap, as in Grid ViT.
        width: width of a token.
        depth: transformer layers.
        heads: attention heads.
        mlp_width: hidden width of the transformer's MLPs.
        hidden_dims: widths between the concatenated tokens and the embedding.
        embedding_dim: width of the embedding, as for the CNN.
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
        embedding_dim: int,
    ) -> None:
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.embedding_dim = embedding_dim
        self.patch_px = patch_size(heatmap_px, patches_per_side)
        num_tokens = patches_per_side**2
        self.project = nn.Linear(self.num_maps * self.patch_px**2, width)
        self.positions = nn.Parameter(nn.init.trunc_normal_(torch.empty(num_tokens, width), std=0.02))
        self.transformer = Transformer(width, depth, heads, mlp_width)
        self.reduce = fc_stack((num_tokens * width, *hidden_dims, embedding_dim))
        init_kaiming(self)

    def forward(self, heatmaps: Float[Tensor, "b v j h w"]) -> Float[Tensor, "b z"]:
        """The embedding of all heatmaps."""
        patches = cut_patches(heatmaps.flatten(1, 2), self.patch_px)
        tokens = self.project(patches.transpose(1, 2).flatten(2)) + self.positions
        return self.reduce(self.transformer(tokens).flatten(1))
