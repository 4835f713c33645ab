"""The interface of joint-heatmap encoders, of which there are two kinds.

A lifter makes its encoder with ``factory(skeleton=..., heatmap_px=..., joint_dim=...)``; the encoder's own widths are
already bound. All encoders are called with joint heatmaps ``b v j h w``.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton


class Encoder(nn.Module):
    """Base class of all encoders.

    Args:
        skeleton: the skeleton of the heatmaps.
        heatmap_px: side of the heatmaps.
        joint_dim: width of a joint feature, half of it for each view.

    Raises:
        ValueError: if ``joint_dim`` is odd.
    """

    def __init__(self, skeleton: Skeleton, heatmap_px: int, joint_dim: int) -> None:
        super().__init__()
        if joint_dim % NUM_VIEWS:
            raise ValueError(f"joint_dim {joint_dim} is not even: each view has half of a joint feature")
        self.skeleton, self.heatmap_px, self.joint_dim = skeleton, heatmap_px, joint_dim
        self.num_maps = NUM_VIEWS * skeleton.num_heatmap_joints

    def set_rig(self, rig: StereoRig | None) -> None:
        """Sets the cameras, whose square frames the heatmaps fill; None: they are not known. Most do without them."""


class JointEncoder(Encoder):
    """An encoder that returns a feature per joint, ``b j d`` with d = ``joint_dim``."""


class EmbeddingEncoder(Encoder):
    """An encoder that returns one embedding of all heatmaps, ``b z`` with z = ``embedding_dim``.

    A lifter that needs joint features adds a `JointProjection`.
    """

    embedding_dim: int
    """Width of the embedding."""


class JointProjection(nn.Module):
    """Turns an embedding into joint features, each by its own linear layer."""

    def __init__(self, encoder: EmbeddingEncoder) -> None:
        super().__init__()
        self.joint_dim = encoder.joint_dim
        self.linear = nn.Linear(encoder.embedding_dim, encoder.skeleton.num_heatmap_joints * encoder.joint_dim)
        nn.init.kaiming_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, embedding: Float[Tensor, "b z"]) -> Float[Tensor, "b j d"]:
        """A feature per joint."""
        return self.linear(embedding).unflatten(1, (-1, self.joint_dim))
