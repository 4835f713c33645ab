"""The published lifters of UnrealEgo and Ego3DPose, CNN autoencoders of heatmaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.interop.sizes import HIDDEN_DIMS
from egotap_pl.interop.state import Entry, Published, renamed, translate
from egotap_pl.nn.baselines import Ego3DPoseLifter, UnrealEgoLifter
from egotap_pl.nn.decoders import EmbeddingDecoder
from egotap_pl.nn.encoders import CnnEncoder, LimbEncoder
from egotap_pl.nn.heads import MlpHead
from egotap_pl.nn.propagation import NoPropagation


@dataclass(frozen=True)
class BaselineSizes:
    """Sizes of UnrealEgo's and Ego3DPose's lifters. The defaults are those of the releases."""

    heatmap_px: int = 64
    """Side of the heatmaps."""

    channels: Sequence[int] = (64, 128, 256)
    """Channels of the convolutions."""

    hidden_dims: Sequence[int] = HIDDEN_DIMS
    """Widths between the flattened convolution output and the embedding."""

    embedding_dim: int = 20
    """Width of the embedding of all heatmaps."""

    limb_embedding_dim: int = 10
    """Width of the embedding of one limb's heatmaps (Ego3DPose)."""

    pose_hidden_dims: Sequence[int] = (32, 32)
    """Widths between the embedding and the pose, and between a limb's embedding and its direction."""


RELEASE = BaselineSizes()


def unrealego_lifter(
    skeleton: Skeleton, heatmap_px: int = RELEASE.heatmap_px, sizes: BaselineSizes = RELEASE
) -> UnrealEgoLifter:
    """UnrealEgo's lifter as released, with random weights.

    Args:
        skeleton: the skeleton of the heatmaps and of the pose.
        heatmap_px: side of the heatmaps.
        sizes: the other sizes.
    """
    return UnrealEgoLifter(
        skeleton,
        heatmap_px,
        2,  # joint_dim, which is not used: there are no joint features
        partial(
            CnnEncoder,
            channels=sizes.channels,
            hidden_dims=sizes.hidden_dims,
            embedding_dim=sizes.embedding_dim,
        ),
        LimbEncoder,  # not built: NoPropagation does not read limbs
        NoPropagation,
        partial(MlpHead, hidden_dims=sizes.pose_hidden_dims),
        partial(EmbeddingDecoder, channels=sizes.channels, hidden_dims=sizes.hidden_dims),
    )


def ego3dpose_lifter(
    skeleton: Skeleton, heatmap_px: int = RELEASE.heatmap_px, sizes: BaselineSizes = RELEASE
) -> Ego3DPoseLifter:
    """Ego3DPose's lifter as released, with random weights.

    Args:
        skeleton: the skeleton of the heatmaps and of the pose.
        heatmap_px: side of the heatmaps.
        sizes: the other sizes.
    """
    return Ego3DPoseLifter(
        skeleton,
        heatmap_px,
        channels=sizes.channels,
        hidden_dims=sizes.hidden_dims,
        embedding_dim=sizes.embedding_dim,
        limb_embedding_dim=sizes.limb_embedding_dim,
        direction_hidden_dims=sizes.pose_hidden_dims,
        pose_hidden_dims=sizes.pose_hidden_dims,
    )


def unrealego_weights(published: Published, lifter: UnrealEgoLifter) -> dict[str, Tensor]:
    """UnrealEgo's published weights under the names of ``lifter``.

    The published network always estimates one joint more than there are heatmaps. If joint 0 is not estimated (EgoCap's
    camera), its row is dropped.

    Raises:
        EgotapError: if keys or shapes do not fit.
    """
    names = {
        **_layers(lifter, "encoder.convs", "conv", ("0", "1")),
        **_layers(lifter, "encoder.reduce", "fc"),
        **_layers(lifter, "decoder.decode.expand", "heatmap_fc"),
        **_layers(lifter, "decoder.decode.deconvs", "deconv", ("0", "1")),
        **_head(lifter, "head.net.0", "head.net.1", ""),
    }
    entries = renamed(lifter, "", names)
    skeleton, last = lifter.skeleton, names["head.net.1"]
    bias = published.tensors.get(f"{last}.bias")
    if not skeleton.estimates_root and bias is not None and bias.shape == (3 * skeleton.num_joints,):
        entries = [
            _without_root(entry, skeleton) if entry.ours.startswith("head.net.1.") else entry for entry in entries
        ]
    return translate(published, entries)


def ego3dpose_weights(published: Published, lifter: Ego3DPoseLifter) -> dict[str, Tensor]:
    """Ego3DPose's published weights under the names of ``lifter``.

    Raises:
        EgotapError: if keys or shapes do not fit.
    """
    names = {
        **_layers(lifter, "encoder.convs", "conv", ("0", "1")),
        **_layers(lifter, "encoder.reduce", "fc"),
        **_layers(lifter, "decoder.expand", "heatmap_fc"),
        **_layers(lifter, "decoder.deconvs", "deconv", ("0", "1")),
        **_layers(lifter, "limb_path.0.convs", "rot_conv", ("0", "1")),
        **_layers(lifter, "limb_path.0.reduce", "rot_fc"),
        **_head(lifter, "limb_path.1", "limb_path.2", "rot_mlp."),
        **_head(lifter, "head.net.0", "head.net.1", "pose_mlp."),
    }
    return translate(published, renamed(lifter, "", names))


def _layers(network: nn.Module, ours: str, theirs: str, parts: tuple[str, str] = ("fc", "bn")) -> dict[str, str]:
    """Our names and theirs of numbered layers. ``parts``: their names of its weights and its batch normalisation."""
    stack = network.get_submodule(ours)
    numbers = [int(name) for name, layer in stack.named_children() if len(list(layer.children()))]
    return {f"{ours}.{k}.{part}": f"{theirs}{k + 1}.{parts[part]}" for k in numbers for part in (0, 1)}


def _head(network: nn.Module, hidden: str, last: str, theirs: str) -> Mapping[str, str]:
    layers = _layers(network, hidden, f"{theirs}pose_fc")
    return {**layers, last: f"{theirs}pose_fc{len(layers) // 2 + 1}"}


def _without_root(entry: Entry, skeleton: Skeleton) -> Entry:
    ((name, shape),) = entry.theirs.items()
    return Entry(entry.ours, {name: (3 * skeleton.num_joints, *shape[1:])}, _without_first_joint)


def _without_first_joint(tensor: Tensor) -> Tensor:
    return tensor[3:]
