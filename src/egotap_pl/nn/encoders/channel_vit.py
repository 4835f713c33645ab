"""A ViT whose patches see all heatmaps at once."""

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
    """Maps stacked as channels, then cut into patches: tokens do not belong to joints (Table 2, "Channel ViT").

    The paper gives no sizes; the transformer and the layers after it are Grid ViT's, on one set of tokens.

    Args:
        skeleton: whose joints the heatmaps show.
        heatmap_px: side of the heatmaps.
        joint_dim: width of the joint features that a lifter may make of the embedding.
        patches_per_side: as in Grid ViT.
        width: token width.
        depth: transformer layers.
        heads: attention heads.
        mlp_width: hidden width of the transformer's MLPs.
        hidden_dims: widths between the concatenated tokens and the embedding.
        embedding_dim: width of the embedding (as the CNN's).
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        *,
        patches_per_side: int = 4,
        width: int = 1024,
        depth: int = 3,
        heads: int = 8,
        mlp_width: int = 4096,
        hidden_dims: Sequence[int] = (2048, 512),
        embedding_dim: int = 20,
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
        """The embedding of all maps."""
        patches = cut_patches(heatmaps.flatten(1, 2), self.patch_px)
        tokens = self.project(patches.transpose(1, 2).flatten(2)) + self.positions
        return self.reduce(self.transformer(tokens).flatten(1))
