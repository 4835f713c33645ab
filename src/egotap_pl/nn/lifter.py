"""The lifter, from heatmaps to a pose: an encoder, a propagation and a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders.base import EmbeddingEncoder, Encoder, JointProjection
from egotap_pl.nn.heads.base import FeatureDims, Head, VectorHead
from egotap_pl.nn.mean_pose import FromMeanPose
from egotap_pl.nn.propagation.base import Propagation


class LifterFeatures(NamedTuple):
    """Everything that a lifter computes before its head. Features that a lifter does not use are None."""

    embedding: Float[Tensor, "b z"] | None
    """Output of an embedding encoder."""

    joint: Float[Tensor, "b j d"] | None
    """Joint features F_J."""

    limb: Float[Tensor, "b j d"] | None
    """Relational features F_R."""

    propagated: Float[Tensor, "b j p"] | None
    """Propagated features F_P."""


class Lifter(FromMeanPose):
    """Lifts stereo heatmaps to a 3D pose (paper 3).

    Any encoder works with any propagation and any head. Only the parts that are used are built: a limb encoder if the
    propagation reads limbs, and joint features of an embedding if the propagation or the head reads them. A head that
    reads one vector gets the embedding if there is one and nothing propagates, otherwise all propagated features.

    The pose is ``mean_pose_cm + pose_unit_cm * head output``. With the defaults, zeros and 1 cm, that is the head's
    output, as in the release. A mean pose and a larger unit let a short training start near the size of a body.

    Args:
        skeleton: the skeleton of the heatmaps and of the estimated pose.
        heatmap_px: side of the heatmaps.
        joint_dim: width of joint and relational features, half of it for each view (paper: 256).
        encoder: factory of an `Encoder`, called with ``skeleton``, ``heatmap_px`` and ``joint_dim``.
        limb_encoder: factory of the encoder of relational features, called with ``heatmap_px`` and ``joint_dim``.
        propagation: factory of a `Propagation`, called with ``skeleton`` and ``joint_dim``.
        head: factory of a `Head`, called with ``skeleton`` and ``dims``.
        propagation_parents: parent of each joint in the order of propagation; None: the skeleton's own tree.
        pose_unit_cm: length in cm of one unit of the head's output.

    Raises:
        ValueError: if ``propagation_parents`` is not a tree of the skeleton's joints.

    Examples:
        >>> import torch
        >>> from functools import partial
        >>> from egotap_pl.core.skeleton import unrealego
        >>> from egotap_pl.nn.encoders import CnnEncoder, LimbEncoder
        >>> from egotap_pl.nn.heads import PerJointHead
        >>> from egotap_pl.nn.propagation import PuPropagation
        >>> lifter = Lifter(
        ...     unrealego(),
        ...     heatmap_px=16,
        ...     joint_dim=8,
        ...     encoder=partial(CnnEncoder, channels=(4, 8), hidden_dims=(16,), embedding_dim=8),
        ...     limb_encoder=partial(LimbEncoder, hidden_dims=(16,)),
        ...     propagation=PuPropagation,
        ...     head=PerJointHead,
        ... )
        >>> joint_heatmaps, limb_heatmaps = torch.rand(4, 2, 15, 16, 16), torch.rand(4, 2, 15, 2, 16, 16)
        >>> lifter(joint_heatmaps, limb_heatmaps).shape
        torch.Size([4, 16, 3])
    """

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
        super().__init__(skeleton)
        order = skeleton if propagation_parents is None else skeleton.with_parents(propagation_parents)
        self.skeleton, self.pose_unit_cm = skeleton, pose_unit_cm
        self.encoder = encoder(skeleton=skeleton, heatmap_px=heatmap_px, joint_dim=joint_dim)
        self.propagation = propagation(skeleton=order, joint_dim=joint_dim)
        for part, base in ((self.encoder, Encoder), (self.propagation, Propagation)):
            if not isinstance(part, base):
                raise TypeError(f"{type(part).__name__} must inherit from {base.__module__}.{base.__name__}")
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

    @property
    def rig(self) -> StereoRig | None:
        """The cameras of the heatmaps, if the encoder reads them."""
        return getattr(self.encoder, "rig", None)

    def set_rig(self, rig: StereoRig | None) -> None:
        """Sets the cameras of the heatmaps, which some encoders read; None: they are not known."""
        self.encoder.set_rig(rig)

    @property
    def reads_past(self) -> bool:
        """Whether it reads windows of frames: `encode` each frame, then `lift` windows of what that gives."""
        return self.propagation.reads_past

    def encode(
        self,
        joint_heatmaps: Float[Tensor, "b v j h w"],
        limb_heatmaps: Float[Tensor, "b v j 2 h w"],
    ) -> tuple[Tensor, ...]:
        """What is computed of a frame by itself if the propagation reads the past: joint and relational features."""
        encoded = self._encoded(joint_heatmaps)
        joint = encoded if self.joint_projection is None else self.joint_projection(encoded)
        return (joint,) if self.limb_encoder is None else (joint, self.limb_encoder(limb_heatmaps))

    def lift(self, codes: tuple[Float[Tensor, "b t *code"], ...]) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints in the last frame of each window, in cm.

        Args:
            codes: what `encode` gave of the frames of each window, the oldest first.
        """
        joint = codes[0]
        limb = codes[1] if len(codes) > 1 else None
        propagated = self.propagation.over_time(joint, limb)
        return self.pose_cm(LifterFeatures(None, joint[:, -1], None if limb is None else limb[:, -1], propagated))

    def features(
        self,
        joint_heatmaps: Float[Tensor, "b v j h w"],
        limb_heatmaps: Float[Tensor, "b v j 2 h w"] | None,
    ) -> LifterFeatures:
        """Everything before the head. Limb heatmaps may be None if the propagation does not read limbs."""
        encoded = self._encoded(joint_heatmaps)
        if self.head_reads_embedding:
            return LifterFeatures(encoded, None, None, None)
        limb = None if self.limb_encoder is None else self.limb_encoder(limb_heatmaps)
        if self.joint_projection is None:
            return LifterFeatures(None, encoded, limb, self._propagated(encoded, limb))
        joint = self.joint_projection(encoded)
        return LifterFeatures(encoded, joint, limb, self._propagated(joint, limb))

    def _encoded(self, joint_heatmaps: Float[Tensor, "b v j h w"]) -> Tensor:
        """What the encoder gives: an embedding, or a feature per joint."""
        expected: tuple[int, ...] = (self.skeleton.num_heatmap_joints, self.encoder.joint_dim)
        if isinstance(self.encoder, EmbeddingEncoder):
            expected = (self.encoder.embedding_dim,)
        return checked(self.encoder, self.encoder(joint_heatmaps), joint_heatmaps, expected)

    def _propagated(self, joint: Tensor, limb: Tensor | None) -> Tensor:
        """Propagated features."""
        propagated = self.propagation(joint, limb)
        expected = (self.skeleton.num_heatmap_joints, self.propagation.out_dim)
        return checked(self.propagation, propagated, joint, expected)

    def forward(
        self,
        joint_heatmaps: Float[Tensor, "b v j h w"],
        limb_heatmaps: Float[Tensor, "b v j 2 h w"] | None,
    ) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints, in cm."""
        return self.pose_cm(self.features(joint_heatmaps, limb_heatmaps))

    def pose_cm(self, features: LifterFeatures) -> Float[Tensor, "b e 3"]:
        """The head's estimate from the features, in cm."""
        inputs: tuple[Tensor | None, ...] = (features.joint, features.propagated)
        if self.head_reads_embedding:
            inputs = (features.embedding,)
        elif isinstance(self.head, VectorHead):
            assert features.propagated is not None
            inputs = (features.propagated.flatten(1),)
        of = next(each for each in inputs if each is not None)
        output = checked(self.head, self.head(*inputs), of, tuple(self.mean_pose_cm.shape))
        return self.mean_pose_cm + self.pose_unit_cm * output


def checked(part: nn.Module, output: Any, of: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What a part returned, if it has the shape that it should have.

    Args:
        part: the part.
        output: what it returned.
        of: what it was given, frames first.
        shape: the shape that is expected of each frame.

    Raises:
        ValueError: if it is something else, which would be broadcast, or for which a later part would be blamed.
    """
    if not isinstance(output, Tensor) or tuple(output.shape[1:]) != shape:
        actual = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        wanted = ", ".join(map(str, (len(of), *shape)))
        raise ValueError(f"{type(part).__name__} returned {actual} in place of a tensor of ({wanted})")
    return output
