"""Ego3DPose: an autoencoder of all heatmaps, and a network that reads one limb at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.autoencoder import MapDecoder, MapEncoder
from egotap_pl.nn.blocks import fc_stack, init_kaiming
from egotap_pl.nn.heads.base import FeatureDims
from egotap_pl.nn.heads.mlp import MlpHead
from egotap_pl.nn.mean_pose import FromMeanPose


class Ego3DPoseOutput(NamedTuple):
    """The outputs that are trained."""

    pose_cm: Float[Tensor, "b e 3"]
    """Positions of the estimated joints, in cm."""

    joint: Float[Tensor, "b v j h w"]
    """Rebuilt joint heatmaps."""

    limb: Float[Tensor, "b v l 2 h w"]
    """Rebuilt heatmaps of the limbs that the network reads."""

    directions: Float[Tensor, "b l 3"]
    """Directions of the limbs that the network reads; they learn to be unit vectors from parent to child."""


class Ego3DPoseLifter(FromMeanPose):
    """Lifts heatmaps through one embedding of all of them and the 3D direction of each limb (Kang et al. 2023).

    The network does not read limbs that end in the root, which has no heatmap: it reads 14 limbs on UnrealEgo (release)
    and 16 on EgoCap. The pose uses detached directions, so the limb path learns from its own loss alone (release).

    Args:
        skeleton: the skeleton of the heatmaps and of the estimated pose.
        heatmap_px: side of the heatmaps.
        channels: channels of the convolutions, in both paths.
        hidden_dims: widths between the flattened convolution output and the embedding, in both paths.
        embedding_dim: width of the embedding of all heatmaps (release: 20; paper: "larger", without a number).
        limb_embedding_dim: width of the embedding of one limb (release: 10).
        direction_hidden_dims: widths between a limb's embedding and its direction (release: 32 and 32).
        pose_hidden_dims: hidden widths of the head (release: 32 and 32; paper: "larger", without a number).
        pose_unit_cm: length in cm of one unit of the head's output, which is relative to the mean pose.

    Raises:
        EgotapError: if all joints of the skeleton hang on its root.
    """

    mean_pose_cm: Tensor
    limb_rows: Tensor

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        *,
        channels: Sequence[int],
        hidden_dims: Sequence[int],
        embedding_dim: int,
        limb_embedding_dim: int,
        direction_hidden_dims: Sequence[int],
        pose_hidden_dims: Sequence[int],
        pose_unit_cm: float = 1.0,
    ) -> None:
        super().__init__(skeleton)
        self.skeleton, self.pose_unit_cm = skeleton, pose_unit_cm
        self.num_joints = skeleton.num_heatmap_joints
        self.limbs = tuple((child, parent) for child, parent in skeleton.limbs if parent != 0)
        if not self.limbs:
            raise EgotapError(
                f"skeleton {skeleton.name!r}: all joints hang on the root, and Ego3DPose reads the limbs between other "
                "joints; give another lifter"
            )
        num_maps = NUM_VIEWS * (self.num_joints + 2 * len(self.limbs))
        self.encoder = MapEncoder(num_maps, heatmap_px, embedding_dim, channels=channels, hidden_dims=hidden_dims)
        self.decoder = MapDecoder(embedding_dim, num_maps, heatmap_px, channels=channels, hidden_dims=hidden_dims)
        widths = (limb_embedding_dim, *direction_hidden_dims)
        self.limb_path = nn.Sequential(
            MapEncoder(2 * NUM_VIEWS, heatmap_px, limb_embedding_dim, channels=channels, hidden_dims=hidden_dims),
            fc_stack(widths),
            nn.Linear(widths[-1], 3),
        )
        init_kaiming(self.limb_path)
        dims = FeatureDims(0, 0, vector=embedding_dim + 3 * len(self.limbs))
        self.head = MlpHead(skeleton, dims, hidden_dims=pose_hidden_dims)
        self.register_buffer("limb_rows", torch.tensor([child - 1 for child, _ in self.limbs]), persistent=False)

    def forward(
        self, joint_heatmaps: Float[Tensor, "b v j h w"], limb_heatmaps: Float[Tensor, "b v j 2 h w"]
    ) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints, in cm."""
        limbs = self.select_limbs(limb_heatmaps)
        return self._pose_cm(self.encoder(_stack(joint_heatmaps, limbs)), self._directions(limbs))

    def estimate(
        self, joint_heatmaps: Float[Tensor, "b v j h w"], limb_heatmaps: Float[Tensor, "b v j 2 h w"]
    ) -> Ego3DPoseOutput:
        """The pose and the other trained outputs."""
        limbs = self.select_limbs(limb_heatmaps)
        directions, embedding = self._directions(limbs), self.encoder(_stack(joint_heatmaps, limbs))
        rebuilt = self.decoder(embedding).split((NUM_VIEWS * self.num_joints, 2 * NUM_VIEWS * len(self.limbs)), 1)
        return Ego3DPoseOutput(
            self._pose_cm(embedding, directions),
            rebuilt[0].unflatten(1, (NUM_VIEWS, -1)),
            rebuilt[1].unflatten(1, (NUM_VIEWS, 2, -1)).transpose(2, 3),
            directions,
        )

    def select_limbs(self, values: Shaped[Tensor, "b v j *c"]) -> Shaped[Tensor, "b v l *c"]:
        """Selects, from heatmaps or other values of all limbs, those of the limbs that the network reads."""
        return values.index_select(2, self.limb_rows)

    def _directions(self, limbs: Float[Tensor, "b v l 2 h w"]) -> Float[Tensor, "b l 3"]:
        b, v, num_limbs = limbs.shape[:3]
        single_limbs = limbs.transpose(1, 2).reshape(b * num_limbs, 2 * v, *limbs.shape[-2:])
        return self.limb_path(single_limbs).view(b, num_limbs, 3)

    def _pose_cm(self, embedding: Float[Tensor, "b z"], directions: Float[Tensor, "b l 3"]) -> Float[Tensor, "b e 3"]:
        vector = torch.cat((embedding, directions.detach().flatten(1)), -1)
        return self.mean_pose_cm + self.pose_unit_cm * self.head(vector)


def _stack(joints: Float[Tensor, "b v j h w"], limbs: Float[Tensor, "b v l 2 h w"]) -> Float[Tensor, "b c h w"]:
    """Stacks heatmaps as channels: joints, then limbs, each by view; a view's cosines precede its sines (release)."""
    return torch.cat((joints.flatten(1, 2), limbs.transpose(2, 3).flatten(1, 3)), 1)
