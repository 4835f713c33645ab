"""The two kinds of joint-heatmap encoder, and what a lifter may rely on.

A lifter makes its encoder by ``factory(skeleton=..., heatmap_px=..., joint_dim=...)``; an encoder's own widths come
already bound. All take joint heatmaps ``b v j h w``.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton

NUM_VIEWS = 2


class Encoder(nn.Module):
    """What all encoders know.

    Args:
        skeleton: whose joints the heatmaps show.
        heatmap_px: side of the square heatmaps.
        joint_dim: width of a joint feature, both views' halves together.
    """

    def __init__(self, skeleton: Skeleton, heatmap_px: int, joint_dim: int) -> None:
        super().__init__()
        if joint_dim % NUM_VIEWS:
            raise ValueError(f"joint_dim {joint_dim} is not even: it has a half for each view")
        self.skeleton, self.heatmap_px, self.joint_dim = skeleton, heatmap_px, joint_dim
        self.num_maps = NUM_VIEWS * skeleton.num_heatmap_joints


class JointEncoder(Encoder):
    """Gives a feature per joint, ``b j d`` with d = ``joint_dim``."""


class EmbeddingEncoder(Encoder):
    """Gives one embedding of all heatmaps, ``b z`` with z = ``embedding_dim``.

    Where joint features are needed, a lifter adds a `JointProjection`.
    """

    embedding_dim: int


class JointProjection(nn.Module):
    """Joint features from an embedding, each by a linear map of its own."""

    def __init__(self, encoder: EmbeddingEncoder) -> None:
        super().__init__()
        self.joint_dim = encoder.joint_dim
        self.linear = nn.Linear(encoder.embedding_dim, encoder.skeleton.num_heatmap_joints * encoder.joint_dim)
        nn.init.kaiming_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, embedding: Float[Tensor, "b z"]) -> Float[Tensor, "b j d"]:
        """A feature per joint."""
        return self.linear(embedding).unflatten(1, (-1, self.joint_dim))
