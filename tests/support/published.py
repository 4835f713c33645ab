"""Folders as the authors publish them, but small and with random weights. Names and shapes are written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton

State = dict[str, Tensor]
LIFTER = "best_net_AutoEncoder.pth"
JOINTS, LIMBS = "best_net_HeatMap.pth", "best_net_RotHeatMap.pth"


@dataclass(frozen=True)
class Tiny:
    """Sizes of a lifter small enough for a test: those of scale=smoke, but with two layers."""

    px: int = 16
    joint_dim: int = 16
    width: int = 16
    mlp: int = 32
    heads: int = 2
    depth: int = 2
    hidden: tuple[int, int] = (32, 16)
    channels: tuple[int, ...] = (4, 8)


TINY = Tiny()


def linear(state: State, name: str, out_dim: int, in_dim: int) -> None:
    state[f"{name}.weight"] = torch.randn(out_dim, in_dim) / in_dim**0.5
    state[f"{name}.bias"] = torch.randn(out_dim) * 0.3


def conv(state: State, name: str, out_dim: int, in_dim: int, kernel: int, bias: bool = True) -> None:
    state[f"{name}.weight"] = torch.randn(out_dim, in_dim, kernel, kernel) / (in_dim * kernel**2) ** 0.5
    if bias:
        state[f"{name}.bias"] = torch.randn(out_dim) * 0.3


def norm(state: State, name: str, width: int) -> None:
    state[f"{name}.weight"], state[f"{name}.bias"] = torch.rand(width) + 0.5, torch.randn(width) * 0.3


def batch_norm(state: State, name: str, width: int) -> None:
    norm(state, name, width)
    state[f"{name}.running_mean"], state[f"{name}.running_var"] = torch.randn(width) * 0.3, torch.rand(width) + 0.5
    state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def fc(state: State, name: str, out_dim: int, in_dim: int) -> None:
    linear(state, f"{name}.fc", out_dim, in_dim)
    batch_norm(state, f"{name}.bn", out_dim)


def egotap_lifter(skeleton: Skeleton, propagation: str, size: Tiny = TINY) -> State:
    state: State = {}
    vit, width, half = "pos_heatmap_encoder.vit.", size.width, size.joint_dim // 2
    state[f"{vit}embeddings.cls_token"] = torch.randn(1, 1, width)
    state[f"{vit}embeddings.mask_token"] = torch.randn(1, 1, width)
    state[f"{vit}embeddings.position_embeddings"] = torch.randn(1, 36 * 16, width)
    patch = size.px // 4
    state[f"{vit}embeddings.patch_embeddings.projection.weight"] = torch.randn(width, 1, patch, patch)
    state[f"{vit}embeddings.patch_embeddings.projection.bias"] = torch.randn(width)
    for k in range(size.depth):
        layer = f"{vit}encoder.layer.{k}."
        for part in ("attention.attention.query", "attention.attention.key", "attention.attention.value"):
            linear(state, f"{layer}{part}", width, width)
        linear(state, f"{layer}attention.output.dense", width, width)
        linear(state, f"{layer}intermediate.dense", size.mlp, width)
        linear(state, f"{layer}output.dense", width, size.mlp)
        norm(state, f"{layer}layernorm_before", width)
        norm(state, f"{layer}layernorm_after", width)
    norm(state, f"{vit}layernorm", width)
    linear(state, f"{vit}pooler.dense", width, width)
    for encoder, in_dim in (("pos", 16 * width), ("rot", 2 * size.px**2)):
        for k, (a, b) in enumerate(((in_dim, size.hidden[0]), size.hidden, (size.hidden[1], half)), 1):
            fc(state, f"{encoder}_heatmap_encoder.fc{k}", b, a)
    dim = size.joint_dim
    states = {"none": dim, "rf": 2 * dim, "lstm": dim, "alter": dim, "concat": 2 * dim, "pu": 2 * dim}[propagation]
    if propagation == "pu":
        for k in range(2):
            unit = f"skel_sequential_layer.lstm_custom.layers.{k}."
            inputs, limb = (dim, dim) if k == 0 else (states, 0)
            linear(state, f"{unit}x2f", states + limb, inputs)
            linear(state, f"{unit}x2h", 4 * states, inputs)
            linear(state, f"{unit}h2h", 4 * states, states)
            if limb:
                linear(state, f"{unit}b2h", 4 * states, limb)
    elif propagation in ("lstm", "alter", "concat"):
        lstm = torch.nn.LSTM(states, states, num_layers=2)
        state |= {f"skel_sequential_layer.lstm.{name}": tensor for name, tensor in lstm.state_dict().items()}
    linear(state, "pose_mlp.pose_fcs.0", 3, dim + states)
    if skeleton.estimates_root:
        linear(state, "global_mlp.pose_fcs.0", 6, skeleton.num_heatmap_joints * states)
    return state


def _autoencoder(state: State, maps: int, z: int, size: Tiny) -> None:
    side = size.px // 2 ** len(size.channels)
    flat = size.channels[-1] * side**2
    widths = (flat, *size.hidden, z)
    for k, (a, b) in enumerate(pairwise((maps, *size.channels)), 1):
        conv(state, f"conv{k}.0", b, a, 4)
        batch_norm(state, f"conv{k}.1", b)
    for k in (1, 2, 3):
        fc(state, f"fc{k}", widths[k], widths[k - 1])
        fc(state, f"heatmap_fc{k}", widths[3 - k], widths[4 - k])
    back = (*reversed(size.channels), maps)
    for k, (a, b) in enumerate(pairwise(back), 1):
        conv(state, f"deconv{k}.0", a, b, 4)
        state[f"deconv{k}.0.bias"] = torch.randn(b) * 0.3
        batch_norm(state, f"deconv{k}.1", b)


def _pose_mlp(state: State, prefix: str, in_dim: int, out_dim: int) -> None:
    fc(state, f"{prefix}pose_fc1", 32, in_dim)
    fc(state, f"{prefix}pose_fc2", 32, 32)
    linear(state, f"{prefix}pose_fc3", out_dim, 32)


def unrealego_lifter(skeleton: Skeleton, size: Tiny = TINY) -> State:
    state: State = {}
    _autoencoder(state, 2 * skeleton.num_heatmap_joints, 20, size)
    _pose_mlp(state, "", 20, 3 * (skeleton.num_heatmap_joints + 1))
    return state


def ego3dpose_lifter(skeleton: Skeleton, size: Tiny = TINY) -> State:
    state: State = {}
    joints = skeleton.num_heatmap_joints
    limbs = joints - 1
    _autoencoder(state, 2 * joints + 4 * limbs, 20, size)
    side = size.px // 2 ** len(size.channels)
    widths = (size.channels[-1] * side**2, *size.hidden, 10)
    for k, (a, b) in enumerate(pairwise((4, *size.channels)), 1):
        conv(state, f"rot_conv{k}.0", b, a, 4)
        batch_norm(state, f"rot_conv{k}.1", b)
    for k in (1, 2, 3):
        fc(state, f"rot_fc{k}", widths[k], widths[k - 1])
    _pose_mlp(state, "rot_mlp.", 10, 3)
    _pose_mlp(state, "pose_mlp.", 20 + 3 * limbs, 3 * len(skeleton.estimated))
    return state


def estimator(maps: int, width: int = 4, laterals=(8, 16, 32, 64), decoder=(16, 8, 8)) -> State:
    """An estimator of ``maps`` heatmaps in both views together. It has the backbone twice, but its classifier once."""
    state: State = {}
    resnet: State = {}
    conv(resnet, "conv1", width, 3, 7, bias=False)
    batch_norm(resnet, "bn1", width)
    channels = [width * 2**k for k in range(4)]
    for k, out_dim in enumerate(channels):
        for block in range(2):
            in_dim = channels[max(k - 1, 0)] if block == 0 else out_dim
            name = f"layer{k + 1}.{block}."
            conv(resnet, f"{name}conv1", out_dim, in_dim, 3, bias=False)
            conv(resnet, f"{name}conv2", out_dim, out_dim, 3, bias=False)
            batch_norm(resnet, f"{name}bn1", out_dim)
            batch_norm(resnet, f"{name}bn2", out_dim)
            if k and block == 0:
                conv(resnet, f"{name}downsample.0", out_dim, in_dim, 1, bias=False)
                batch_norm(resnet, f"{name}downsample.1", out_dim)
    linear(resnet, "fc", 1000, channels[-1])
    copies = {"conv1": "layer0.0", "bn1": "layer0.1", "layer1": "layer1.1", "fc": None}
    for name, tensor in resnet.items():
        state[f"backbone.backbone.backbone.{name}"] = tensor
        stem, _, rest = name.partition(".")
        copy = copies.get(stem, stem)
        if copy is not None:
            state[f"backbone.backbone.{copy}.{rest}"] = tensor.clone()
    for k in range(4):
        conv(state, f"after_backbone.layer{k + 1}_1x1.0", laterals[k], 2 * channels[k], 1)
    below, skips = (laterals[3], *decoder[:2]), (laterals[2], laterals[1], laterals[0])
    for k in range(3):
        conv(state, f"after_backbone.conv_up{3 - k}.0", decoder[k], below[k] + skips[k], 3)
    conv(state, "after_backbone.conv_heatmap", maps, decoder[2], 1)
    return state


def publish(folder: Path, **files: State) -> Path:
    """Writes the state dicts ``lifter``, ``joint`` and ``limb`` under their published file names."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, state in files.items():
        torch.save(state, folder / {"lifter": LIFTER, "joint": JOINTS, "limb": LIMBS}[part])
    return folder
