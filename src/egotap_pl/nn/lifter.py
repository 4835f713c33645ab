"""From heatmaps to a pose: encoder, propagation and head, composed by what each needs and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders.base import EmbeddingEncoder, Encoder, JointProjection
from egotap_pl.nn.heads.base import FeatureDims, Head, VectorHead
from egotap_pl.nn.propagation.base import Propagation


class LifterFeatures(NamedTuple):
    """What a lifter knows before its head. Fields that this lifter has no use for are None.

    Fields:
        embedding: an embedding encoder's output.
        joint: joint features F_J.
        limb: relational features F_R.
        propagated: propagated features F_P.
    """

    embedding: Float[Tensor, "b z"] | None
    joint: Float[Tensor, "b j d"] | None
    limb: Float[Tensor, "b j d"] | None
    propagated: Float[Tensor, "b j p"] | None


class Lifter(nn.Module):
    """Lifts stereo heatmaps to a 3D pose (paper 3).

    Any encoder goes with any propagation and any head. Only what is used is built: a limb encoder where the
    propagation reads limbs; joint features of an embedding where the propagation or the head reads them; a head that
    reads one vector gets the embedding, or where there is none or something propagates, all propagated features.

    The pose is ``mean_pose_cm + pose_unit_cm * head output``. With the defaults, zeros and 1 cm, that is the head's
    output, as in the release; a mean pose and a larger unit spare a short training the way to the body's size.

    Args:
        skeleton: whose heatmaps come in and whose estimated joints go out.
        heatmap_px: side of the heatmaps.
        joint_dim: width of joint and relational features (paper: 256), a half for each view.
        encoder: makes an `Encoder` of ``skeleton``, ``heatmap_px`` and ``joint_dim``.
        limb_encoder: makes the relational features' encoder of ``heatmap_px`` and ``joint_dim``.
        propagation: makes a `Propagation` of ``skeleton`` and ``joint_dim``.
        head: makes a `Head` of ``skeleton`` and ``dims``.
        propagation_parents: parent of each joint in the order of propagation; None is the skeleton's own tree.
        pose_unit_cm: length that 1 in the head's output stands for.

    Raises:
        ValueError: if ``propagation_parents`` are no tree of the skeleton's joints.
    """

    mean_pose_cm: Tensor

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        encoder: Callable[..., Encoder],
        limb_encoder: Callable[..., nn.Module],
        propagation: Callable[..., Propagation],
        head: Callable[..., Head],
        propagation_parents: Sequence[int] | None = None,
        pose_unit_cm: float = 1.0,
    ) -> None:
        super().__init__()
        order = skeleton if propagation_parents is None else skeleton.with_parents(propagation_parents)
        self.skeleton, self.pose_unit_cm = skeleton, pose_unit_cm
        self.encoder = encoder(skeleton=skeleton, heatmap_px=heatmap_px, joint_dim=joint_dim)
        self.propagation = propagation(skeleton=order, joint_dim=joint_dim)
        self.limb_encoder: nn.Module | None = None
        if self.propagation.uses_limbs:
            self.limb_encoder = limb_encoder(heatmap_px=heatmap_px, joint_dim=joint_dim)
        vector_dim = skeleton.num_heatmap_joints * self.propagation.out_dim
        embeds = isinstance(self.encoder, EmbeddingEncoder)
        if isinstance(self.encoder, EmbeddingEncoder) and self.propagation.passes_through:
            vector_dim = self.encoder.embedding_dim
        self.head = head(skeleton=skeleton, dims=FeatureDims(joint_dim, self.propagation.out_dim, vector_dim))
        self.head_reads_embedding = embeds and self.propagation.passes_through and isinstance(self.head, VectorHead)
        self.joint_projection: JointProjection | None = None
        if isinstance(self.encoder, EmbeddingEncoder) and not self.head_reads_embedding:
            self.joint_projection = JointProjection(self.encoder)
        self.register_buffer("mean_pose_cm", torch.zeros(len(skeleton.estimated), 3))

    def set_mean_pose(self, pose_cm: Float[Tensor, "e 3"]) -> None:
        """Sets the pose that the head's output is added to, typically the training set's mean."""
        self.mean_pose_cm.copy_(pose_cm)

    def features(
        self,
        joint_heatmaps: Float[Tensor, "b v j h w"],
        limb_heatmaps: Float[Tensor, "b v j 2 h w"] | None,
    ) -> LifterFeatures:
        """Everything up to the head. Limb heatmaps may be None where the propagation reads no limbs."""
        encoded = self.encoder(joint_heatmaps)
        if self.head_reads_embedding:
            return LifterFeatures(encoded, None, None, None)
        limb = None if self.limb_encoder is None else self.limb_encoder(limb_heatmaps)
        if self.joint_projection is None:
            return LifterFeatures(None, encoded, limb, self.propagation(encoded, limb))
        joint = self.joint_projection(encoded)
        return LifterFeatures(encoded, joint, limb, self.propagation(joint, limb))

    def forward(
        self,
        joint_heatmaps: Float[Tensor, "b v j h w"],
        limb_heatmaps: Float[Tensor, "b v j 2 h w"] | None,
    ) -> Float[Tensor, "b e 3"]:
        """The pose of the estimated joints, cm."""
        return self.pose_cm(self.features(joint_heatmaps, limb_heatmaps))

    def pose_cm(self, features: LifterFeatures) -> Float[Tensor, "b e 3"]:
        """What the head makes of the features, in cm."""
        if self.head_reads_embedding:
            output = self.head(features.embedding)
        elif isinstance(self.head, VectorHead):
            assert features.propagated is not None
            output = self.head(features.propagated.flatten(1))
        else:
            output = self.head(features.joint, features.propagated)
        return self.mean_pose_cm + self.pose_unit_cm * output
