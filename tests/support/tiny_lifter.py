"""Lifters small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders import (
    ChannelViTEncoder,
    CnnEncoder,
    Encoder,
    GridViTEncoder,
    LimbEncoder,
    RayEncoder,
    ReleaseGridViTEncoder,
    SparseGridViTEncoder,
)
from egotap_pl.nn.heads import Head, MlpHead, PerJointHead
from egotap_pl.nn.lifter import Lifter
from egotap_pl.nn.propagation import (
    AlterPropagation,
    ConcatPropagation,
    LstmPropagation,
    NoPropagation,
    Propagation,
    PuPropagation,
    RfPropagation,
)

TINY_VIT: dict[str, Any] = {
    "patches_per_side": 4,
    "width": 16,
    "depth": 2,
    "heads": 2,
    "mlp_width": 32,
    "hidden_dims": (24,),
}


def ray_encoder(**settings: Any) -> RayEncoder:
    """One that knows UnrealEgo's cameras."""
    encoder = RayEncoder(**settings)
    encoder.set_rig(StereoRig.unrealego())
    return encoder


ENCODERS: dict[str, Callable[..., Encoder]] = {
    "cnn": partial(CnnEncoder, channels=(4, 8), hidden_dims=(24,), embedding_dim=12),
    "channel_vit": partial(ChannelViTEncoder, **TINY_VIT, embedding_dim=12),
    "grid_vit": partial(GridViTEncoder, **TINY_VIT),
    "release_grid_vit": partial(ReleaseGridViTEncoder, **TINY_VIT),
    "rays": partial(ray_encoder, **{key: value for key, value in TINY_VIT.items() if key != "patches_per_side"}),
    "sparse_grid_vit": partial(SparseGridViTEncoder, **TINY_VIT, patches=3),
}
PROPAGATIONS: dict[str, Callable[..., Propagation]] = {
    "none": NoPropagation,
    "rf": RfPropagation,
    "lstm": LstmPropagation,
    "alter": AlterPropagation,
    "concat": ConcatPropagation,
    "pu": PuPropagation,
}
HEADS: dict[str, Callable[..., Head]] = {"per_joint": PerJointHead, "mlp": partial(MlpHead, hidden_dims=(16, 16))}
HEATMAP_PX = 16
JOINT_DIM = 8


def make_lifter(skeleton: Skeleton, encoder="grid_vit", propagation="pu", head="per_joint", **settings) -> Lifter:
    return Lifter(
        skeleton,
        HEATMAP_PX,
        JOINT_DIM,
        ENCODERS[encoder],
        partial(LimbEncoder, hidden_dims=(24,)),
        PROPAGATIONS[propagation],
        HEADS[head],
        **settings,
    )


def random_heatmaps(skeleton: Skeleton, batch: int, px: int = HEATMAP_PX) -> tuple[torch.Tensor, torch.Tensor]:
    joints = skeleton.num_heatmap_joints
    return torch.rand(batch, 2, joints, px, px), torch.rand(batch, 2, joints, 2, px, px)
