"""UnrealEgo: a lifter whose features must also let its heatmaps be rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.decoders.base import FeatureDecoder
from egotap_pl.nn.encoders.base import Encoder
from egotap_pl.nn.heads.base import Head
from egotap_pl.nn.lifter import Lifter
from egotap_pl.nn.propagation.base import Propagation


class UnrealEgoOutput(NamedTuple):
    """What is trained: the pose, and the joint heatmaps as rebuilt from the features."""

    pose_cm: Float[Tensor, "b e 3"]
    joint: Float[Tensor, "b v j h w"]


class UnrealEgoLifter(Lifter):
    """A `Lifter` with a decoder beside its head (UnrealEgo, Akada et al. 2022; also the lifter of EgoGlass).

    UnrealEgo's own choices are the CNN encoder, no propagation and the MLP head; with them, and without its decoder,
    it is table 2's "CNN". Estimating poses leaves the decoder alone.

    Args:
        skeleton: see `Lifter`, as all others but ``decoder``.
        heatmap_px: side of the heatmaps.
        joint_dim: width of joint features, where there are any.
        encoder: makes the encoder.
        limb_encoder: makes the relational features' encoder.
        propagation: makes the propagation.
        head: makes the head.
        decoder: makes a `FeatureDecoder` of ``encoder``.
        propagation_parents: order of propagation.
        pose_unit_cm: length that 1 in the head's output stands for.
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
        decoder: Callable[..., FeatureDecoder],
        propagation_parents: Sequence[int] | None = None,
        pose_unit_cm: float = 1.0,
    ) -> None:
        super().__init__(
            skeleton,
            heatmap_px,
            joint_dim,
            encoder,
            limb_encoder,
            propagation,
            head,
            propagation_parents=propagation_parents,
            pose_unit_cm=pose_unit_cm,
        )
        self.decoder = decoder(encoder=self.encoder)

    def estimate(
        self,
        joint_heatmaps: Float[Tensor, "b v j h w"],
        limb_heatmaps: Float[Tensor, "b v j 2 h w"] | None,
    ) -> UnrealEgoOutput:
        """The pose of the estimated joints and the rebuilt joint heatmaps."""
        features = self.features(joint_heatmaps, limb_heatmaps)
        encoded = features.joint if features.embedding is None else features.embedding
        return UnrealEgoOutput(self.pose_cm(features), self.decoder(encoded))
