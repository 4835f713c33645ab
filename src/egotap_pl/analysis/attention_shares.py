"""What Grid ViT's tokens attend to (paper 3.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.blocks import TransformerBlock


class TokenGrid(NamedTuple):
    """The order of a Grid ViT's tokens: view, joint, patch row, patch column. Other tokens may follow."""

    views: int
    """Number of views."""
    joints: int
    """Number of joints with a heatmap."""
    side: int
    """Patches along each side of a heatmap."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of an array with one entry per token: view, joint, patch row, patch column."""
        return self.views, self.joints, self.side, self.side

    @property
    def num_tokens(self) -> int:
        """Number of tokens that belong to heatmaps."""
        return math.prod(self.shape)


class AttentionShares(NamedTuple):
    """Where the attention of a joint's tokens goes, mean over joints, as shares of 1. The rest goes to other joints."""

    itself: float
    """To the joint's own heatmap in the same view."""
    other_view: float
    """To the joint's heatmap in the other view."""
    parent: float
    """To the parent's heatmaps in all views."""
    children: float
    """To the children's heatmaps in all views."""


@contextmanager
def recorded_attention(transformer: nn.Module) -> Iterator[list[Float[Tensor, "b n t t"]]]:
    """Records the attention weights of every block during the last forward pass inside, first block first.

    The weights are computed again from the block's queries and keys, in float32; the network itself runs as always.
    Shapes: b frames, n heads, t tokens. Rows are what a token pays, and sum to 1.

    Args:
        transformer: a module with `TransformerBlock`s inside, such as a Grid ViT encoder.
    """
    blocks = [block for block in transformer.modules() if isinstance(block, TransformerBlock)]
    weights: list[Any] = [None] * len(blocks)

    def hook(number: int, heads: int) -> Any:
        def record(_: nn.Module, __: Any, qkv: Tensor) -> None:
            query, key, _value = qkv.detach().float().unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
            weights[number] = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)

        return record

    handles = [block.qkv.register_forward_hook(hook(k, block.heads)) for k, block in enumerate(blocks)]
    try:
        yield weights
    finally:
        for handle in handles:
            handle.remove()


def joint_attention(weights: Float[Tensor, "b n t t"], tokens: TokenGrid, joint: int) -> Float[np.ndarray, "b v j r c"]:
    """The attention that a joint's tokens in all views pay to every patch, mean over heads and these tokens.

    Args:
        weights: attention weights of one block (`recorded_attention`).
        tokens: the order of the tokens.
        joint: heatmap channel of the joint.

    Returns:
        A share of 1 for each frame, view, joint, patch row (r) and patch column (c).
    """
    paid = weights.mean(1)[:, : tokens.num_tokens, : tokens.num_tokens].unflatten(1, tokens.shape)
    mean = paid[:, :, joint].mean((1, 2, 3))
    return mean.unflatten(1, tokens.shape).numpy()


def attention_between(weights: Float[Tensor, "b n t t"], tokens: TokenGrid) -> Float[np.ndarray, "v j v j"]:
    """The attention that a heatmap's tokens pay to all patches of another: mean over frames, heads and these tokens.

    Args:
        weights: attention weights of one block (`recorded_attention`).
        tokens: the order of the tokens.

    Returns:
        A share of 1 for each paying view and joint (first) and each attended view and joint (last).
    """
    paid = weights.mean((0, 1))[: tokens.num_tokens, : tokens.num_tokens]
    by_token = paid.unflatten(1, tokens.shape).sum((-1, -2))
    return by_token.unflatten(0, tokens.shape).mean((2, 3)).numpy()


def attention_shares(between: Float[np.ndarray, "v j v j"], skeleton: Skeleton) -> AttentionShares:
    """Where the attention of a joint's tokens goes, mean over joints.

    Args:
        between: attention between heatmaps (`attention_between`).
        skeleton: the skeleton whose joints 1, 2, ... the heatmaps show.
    """
    same = np.einsum("vjvj->vj", between)
    own = np.einsum("vjwj->vj", between)
    to_joint = between.sum(2).mean(0)  # paying joint, attended joint
    related = np.zeros((2, len(to_joint)))
    for child, parent in skeleton.limbs:
        if parent:
            related[0, child - 1] += to_joint[child - 1, parent - 1]
            related[1, parent - 1] += to_joint[parent - 1, child - 1]
    parents, children = (float(mean) for mean in related.mean(1))
    return AttentionShares(float(same.mean()), float((own - same).mean()), parents, children)
