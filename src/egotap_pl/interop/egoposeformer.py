"""The published network of EgoPoseFormer, which sees images."""

from __future__ import annotations

import torch
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop.state import Entry, Published, Spare, renamed, translate, unchanged
from egotap_pl.nn.image_encoder import ImageEncoder
from egotap_pl.nn.image_lifters import EgoPoseFormer, TrueOrigin

_BACKBONE = {
    "conv1": "layer_s2.0",
    "bn1": "layer_s2.1",
    "layer1": "layer_s4.1",
    "layer2": "layer_s8",
    "layer3": "layer_s16",
    "layer4": "layer_s32",
}
"""Our names of the backbone's parts, and the release's."""


RIG = StereoRig.unrealego()
"""The cameras that the release projects with."""


def egoposeformer_lifter(skeleton: Skeleton) -> EgoPoseFormer:
    """EgoPoseFormer as released, with random weights, for images of 256 px from UnrealEgo's cameras.

    Args:
        skeleton: the skeleton of the pose.
    """
    lifter = EgoPoseFormer(skeleton, 64, 256, ImageEncoder, TrueOrigin)
    lifter.set_rig(RIG)
    return lifter


def egoposeformer_weights(published: Published, lifter: EgoPoseFormer) -> dict[str, Tensor]:
    """EgoPoseFormer's published weights under the names of ``lifter``.

    Raises:
        EgotapError: if keys or shapes do not fit.
    """
    levels, depth = len(lifter.encoder.top_down.laterals), len(lifter.layers)
    names = {f"encoder.backbone.{ours}": f"encoder.backbone.{theirs}" for ours, theirs in _BACKBONE.items()}
    names |= {f"encoder.top_down.laterals.{k}": f"encoder.neck.lateral_convs.{k}" for k in range(levels)}
    for k in range(levels - 1):  # the release counts from the finest level
        names[f"encoder.top_down.merges.{k}.0"] = f"encoder.neck.fuse_convs.{levels - 2 - k}"
        names[f"encoder.top_down.merges.{k}.1"] = f"encoder.neck.fpn_convs.{levels - 2 - k}"
    names |= {"to_features": "feat_proj", "to_query": "query_gen_mlp"}
    names |= {"propose.0": "mlp_pred.0.0", "propose.2": "mlp_pred.1.0", "propose.4": "mlp_pred.2"}
    entries: list[Entry] = []
    for k in range(depth):
        ours, theirs = f"layers.{k}.", f"layers.{k}."
        parts = {
            "read.to_offsets": "cross_attn.sampling_offsets",
            "read.to_weights": "cross_attn.attention_weights",
            "read.out": "cross_attn.output_proj",
            "join_views": "fuse_mlp",
            "read_norm": "norm_cross",
            "attend.out": "spatial_attn.out_proj",
            "attend_norm": "norm_spatial",
            "mlp.0": "ffn.layers.0.0",
            "mlp.2": "ffn.layers.1",
            "mlp_norm": "norm_ffn",
        }
        names |= {f"{ours}{part}": f"{theirs}{name}" for part, name in parts.items()}
        names |= {f"to_offset.{k}.0": f"post_norm.{k}", f"to_offset.{k}.1": f"reg_mlp.{k}.0"}
        names[f"to_offset.{k}.3"] = f"reg_mlp.{k}.2"
        entries += _value(lifter.encoder.out_dim, k) + _query_key_value(lifter.encoder.out_dim, k)
    entries += renamed(lifter, "", names)
    spares = [
        Spare(f"layers.{k}.cross_attn.{name}", shape)
        for k in range(depth)
        for name, shape in (("spatial_shapes", (1, 2)), ("start_index", (1,)))
    ]
    return translate(published, entries, spares)


def _value(width: int, k: int) -> list[Entry]:
    """The linear layer of every pixel's value, which is a 1x1 convolution here."""
    ours, theirs = f"layers.{k}.read.to_value", f"layers.{k}.cross_attn.value_proj"
    return [
        Entry(f"{ours}.weight", {f"{theirs}.weight": (width, width)}, _as_convolution),
        Entry(f"{ours}.bias", {f"{theirs}.bias": (width,)}, unchanged),
    ]


def _query_key_value(width: int, k: int) -> list[Entry]:
    """The three linear layers of self-attention, which are one here."""
    ours, names = f"layers.{k}.attend.qkv", [f"layers.{k}.spatial_attn.{part}_proj" for part in "qkv"]
    return [
        Entry(f"{ours}.weight", {f"{name}.weight": (width, width) for name in names}, _concatenated),
        Entry(f"{ours}.bias", {f"{name}.bias": (width,) for name in names}, _concatenated),
    ]


def _as_convolution(weight: Tensor) -> Tensor:
    return weight[..., None, None]


def _concatenated(*tensors: Tensor) -> Tensor:
    return torch.cat(tensors)
