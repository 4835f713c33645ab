"""UnrealEgo: a lifter whose features are also trained to rebuild its heatmaps."""

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
    """The outputs that are trained."""

    pose_cm: Float[Tensor, "b e 3"]
    """Positions of the estimated joints, in cm."""

    joint: Float[Tensor, "b v j h w"]
    """Joint heatmaps, rebuilt from the features."""


class UnrealEgoLifter(Lifter):
    """A `Lifter` with a heatmap decoder (UnrealEgo, Akada et al. 2022; also the lifter of EgoGlass).

    UnrealEgo uses the CNN encoder, no propagation and the MLP head; without the decoder this is "CNN" of Table 2.
    ``forward`` does not use the decoder.

    Args:
        skeleton: the skeleton of the heatmaps and of the estimated pose.
        heatmap_px: side of the heatmaps.
        joint_dim: width of joint and relational features.
        encoder: factory of the encoder; see `Lifter` for the arguments of all factories.
        limb_encoder: factory of the encoder of relational features.
        propagation: factory of the propagation.
        head: factory of the head.
        decoder: factory of a `FeatureDecoder`, called with ``encoder``.
        propagation_parents: parent of each joint in the order of propagation; None: the skeleton's own tree.
        pose_unit_cm: length in cm of one unit of the head's output.
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
