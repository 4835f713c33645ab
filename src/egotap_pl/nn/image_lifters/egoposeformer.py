"""EgoPoseFormer: a first pose from pooled features, refined where its joints appear in the views."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from egotap_pl.core.batch import NUM_VIEWS
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.image_encoder import ImageEncoder
from egotap_pl.nn.image_lifters.base import ImageLifter, RefinedPose
from egotap_pl.nn.image_lifters.deformable import DeformableAttention
from egotap_pl.nn.image_lifters.origin import Origin


class EgoPoseFormer(ImageLifter):
    """Estimates a pose from stereo images (Yang et al., ECCV 2024; sizes and details from its release).

    A first pose comes from the mean of each view's features. Every joint then becomes a query, which layer by layer
    reads both views where the first pose projects (`DeformableAttention`), attends to the other joints, and gives an
    offset to the first pose. No gradient reaches the first pose through its projection or through the offsets.

    To project a pose, its origin in the camera's frame is needed: ``origin`` says whether the true one is read or one
    is estimated.

    Args:
        skeleton: the skeleton of the estimated pose.
        heatmap_px: side of the image features, a quarter of the images'.
        joint_dim: width of a joint's features in both views together, half of it for each (release: 256). All widths
            follow: the first pose's hidden layers have 8 times the width of a view, those of a layer 4 times.
        encoder: factory of the `ImageEncoder`, called with ``out_dim``.
        origin: factory of an `Origin`, called with ``skeleton``, ``in_dim`` and ``unit_cm``.
        heads: attention heads (release: 4).
        points: places that a head reads in a view (release: 16).
        depth: number of layers (release: 3).
        reprojects: whether each layer projects the pose of the layer before it; False: the first pose, once (release).
        corners_in_view: whether a joint counts as seen anywhere in the square frame (release), or within the image
            circle only. A view answers zeros for a joint that it does not see.
        pose_unit_cm: length in cm of one unit of the network's output (release: 1).

    Raises:
        ValueError: if ``joint_dim`` is odd, or half of it is not a multiple of the number of heads.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        heatmap_px: int,
        joint_dim: int,
        encoder: Callable[..., ImageEncoder],
        origin: Callable[..., Origin],
        *,
        heads: int = 4,
        points: int = 16,
        depth: int = 3,
        reprojects: bool = False,
        corners_in_view: bool = True,
        pose_unit_cm: float = 1.0,
    ) -> None:
        super().__init__(skeleton)
        if joint_dim % NUM_VIEWS:
            raise ValueError(f"joint_dim={joint_dim}: must be even, half of it for each view")
        width, joints = joint_dim // NUM_VIEWS, len(skeleton.estimated)
        self.heatmap_px, self.pose_unit_cm = heatmap_px, pose_unit_cm
        self.reprojects, self.corners_in_view = reprojects, corners_in_view
        self.encoder = encoder(out_dim=width)
        self.to_features = nn.Conv2d(width, width, 1)
        hidden = 8 * width
        self.propose = nn.Sequential(
            nn.Linear(joint_dim, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 3 * joints)
        )
        self.to_query = nn.Sequential(
            nn.Linear(4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )
        self.layers = nn.ModuleList(RefiningLayer(width, heads, points) for _ in range(depth))
        self.to_offset = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3))
            for _ in range(depth)
        )
        self.origin = origin(skeleton=skeleton, in_dim=joint_dim, unit_cm=pose_unit_cm)
        self.input_names = ("images", *self.origin.input_names)

    def set_mean_origin(self, origin_cm: Float[Tensor, "3"]) -> None:
        """Sets the origin to which an estimated one is added, in the left camera's frame."""
        self.origin.set_mean(origin_cm)

    def estimate(
        self, images: Float[Tensor, "b v 3 h w"], origin_cm: Float[Tensor, "b v 3"] | None = None
    ) -> RefinedPose:
        """The first pose and that of each layer.

        Args:
            images: ImageNet-normalised images.
            origin_cm: the true origin in each camera's frame; None if it is not among ``input_names``.

        Raises:
            ValueError: if the cameras are not known, or the images are of another size.
        """
        if images.shape[-1] != 4 * self.heatmap_px:
            raise ValueError(f"images of {images.shape[-1]} px: must be {4 * self.heatmap_px} px, as in training")
        features = self.encoder(images)
        features = self.to_features(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        pooled = features.mean((-2, -1)).flatten(1)
        first = self.mean_pose_cm + self.pose_unit_cm * self.propose(pooled).unflatten(1, (-1, 3))
        origin = self.origin(pooled, origin_cm)
        poses, start = [first], first.detach()
        query = self.to_query(self._numbered(start))
        places, in_view = self._project(start, origin)
        for k, (layer, to_offset) in enumerate(zip(self.layers, self.to_offset, strict=True)):
            if self.reprojects and k:
                places, in_view = self._project(poses[-1], origin)
            query = layer(query, features, places, in_view)
            poses.append(start + self.pose_unit_cm * to_offset(query))
        return RefinedPose(tuple(poses), origin)

    def forward(
        self, images: Float[Tensor, "b v 3 h w"], origin_cm: Float[Tensor, "b v 3"] | None = None
    ) -> Float[Tensor, "b e 3"]:
        """Positions of the estimated joints, in cm; see `estimate`."""
        return self.estimate(images, origin_cm).poses_cm[-1]

    def _numbered(self, pose_cm: Float[Tensor, "b e 3"]) -> Float[Tensor, "b e 4"]:
        """Each joint's number, from 1, as a share of their count, and its position in units."""
        joints = pose_cm.shape[1]
        number = torch.arange(1, joints + 1, device=pose_cm.device, dtype=pose_cm.dtype) / joints
        return torch.cat((number[None, :, None].expand(pose_cm.shape[0], -1, 1), pose_cm / self.pose_unit_cm), -1)

    @torch.no_grad()
    def _project(
        self, pose_cm: Float[Tensor, "b e 3"], origin_cm: Float[Tensor, "b 3"]
    ) -> tuple[Float[Tensor, "b v e 2"], Bool[Tensor, "b v e"]]:
        places, in_circle, in_frame = self.project(pose_cm + origin_cm[:, None])
        return places, in_frame if self.corners_in_view else in_circle


class RefiningLayer(nn.Module):
    """Queries read both views, attend to each other, and pass an MLP; post-norm, without dropout.

    Args:
        width: width of queries and features.
        heads: attention heads.
        points: places that a head reads in a view.
    """

    def __init__(self, width: int, heads: int, points: int) -> None:
        super().__init__()
        self.read = DeformableAttention(width, heads, points)
        self.join_views = nn.Linear(NUM_VIEWS * width, width)
        self.read_norm = nn.LayerNorm(width)
        self.attend = SelfAttention(width, heads)
        self.attend_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_norm = nn.LayerNorm(width)

    def forward(
        self,
        query: Float[Tensor, "b j d"],
        features: Float[Tensor, "b v d h w"],
        places: Float[Tensor, "b v j 2"],
        in_view: Bool[Tensor, "b v j"],
    ) -> Float[Tensor, "b j d"]:
        """The queries after the layer.

        Args:
            query: one query for each joint.
            features: image features of each view.
            places: where each joint appears in each view, as shares of its side.
            in_view: whether a view sees the joint; one that does not answers zeros.
        """
        b, v = features.shape[:2]
        by_view = query[:, None].expand(-1, v, -1, -1).flatten(0, 1)
        seen = self.read(by_view, features.flatten(0, 1), places.flatten(0, 1)).unflatten(0, (b, v))
        seen = torch.where(in_view[..., None], seen, 0.0)
        query = self.read_norm(query + self.join_views(seen.transpose(1, 2).flatten(2)))
        query = self.attend_norm(query + self.attend(query))
        return self.mlp_norm(query + self.mlp(query))


class SelfAttention(nn.Module):
    """Attention of all queries to all queries.

    Args:
        width: width of a query.
        heads: attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        for part in self.qkv.weight.chunk(3):  # release: each of the three on its own
            nn.init.xavier_uniform_(part)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, query: Float[Tensor, "b j d"]) -> Float[Tensor, "b j d"]:
        """What each query attends to."""
        qkv = self.qkv(query).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(scaled_dot_product_attention(*qkv.unbind(0)).transpose(1, 2).flatten(2))
