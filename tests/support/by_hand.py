"""The releases' computations from their state dicts alone: slow, and independent of this package."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def dense(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def normalised(state: State, name: str, x: Tensor) -> Tensor:
    """Batch normalisation in evaluation mode, over axis 1."""
    shape = (1, -1) + (1,) * (x.dim() - 2)
    mean, variance, scale, shift = (
        state[f"{name}.{part}"].view(shape) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x)


def fc_layers(state: State, prefix: str, x: Tensor, number: int = 3) -> Tensor:
    for k in range(1, number + 1):
        x = leaky(normalised(state, f"{prefix}{k}.bn", dense(state, f"{prefix}{k}.fc", x)))
    return x


def layer_norm(state: State, name: str, x: Tensor) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-12) * state[f"{name}.weight"] + state[f"{name}.bias"]


def attend(state: State, layer: str, x: Tensor, heads: int) -> Tensor:
    query, key, value = (dense(state, f"{layer}attention.attention.{part}", x) for part in ("query", "key", "value"))
    size = x.shape[-1] // heads
    out = torch.zeros_like(x)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(size)
        out[..., part] = torch.softmax(scores, -1) @ value[..., part]
    return dense(state, f"{layer}attention.output.dense", out)


def grid_vit(state: State, maps: Tensor, heads: int) -> Tensor:
    """Features of stereo heatmaps (b, n, h, w), n <= 36, on a 6 x 6 grid image that is cut into patches row by row."""
    b, n, h, _ = maps.shape
    patch = h // 4
    image = torch.zeros(b, 6 * h, 6 * h)
    for m in range(n):
        row, column = divmod(m, 6)
        image[:, row * h : (row + 1) * h, column * h : (column + 1) * h] = maps[:, m]
    vit = "pos_heatmap_encoder.vit."
    weight = state[f"{vit}embeddings.patch_embeddings.projection.weight"][:, 0]
    bias = state[f"{vit}embeddings.patch_embeddings.projection.bias"]
    tokens = []
    for row in range(24):
        for column in range(24):
            pixels = image[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            token = torch.einsum("bij,wij->bw", pixels, weight) + bias
            if (row // 4) * 6 + column // 4 >= n:
                token = state[f"{vit}embeddings.mask_token"][0].expand(b, -1)
            tokens.append(token)
    x = torch.stack(tokens, 1) + state[f"{vit}embeddings.position_embeddings"]
    depth = 1 + max(int(name.split(".")[4]) for name in state if name.startswith(f"{vit}encoder.layer."))
    for k in range(depth):
        layer = f"{vit}encoder.layer.{k}."
        x = x + attend(state, layer, layer_norm(state, f"{layer}layernorm_before", x), heads)
        hidden = dense(state, f"{layer}intermediate.dense", layer_norm(state, f"{layer}layernorm_after", x))
        gelu = 0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2)))
        x = x + dense(state, f"{layer}output.dense", gelu)
    x = layer_norm(state, f"{vit}layernorm", x)
    features = []
    for m in range(n):
        row, column = divmod(m, 6)
        own = [(4 * row + i) * 24 + 4 * column + j for i in range(4) for j in range(4)]
        features.append(fc_layers(state, "pos_heatmap_encoder.fc", x[:, own].reshape(b, -1)))
    return torch.stack(features, 1)


def lstm_step(state: State, x: Tensor, states: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """One step of both layers of nn.LSTM, whose gates are input, forget, cell and output."""
    after = []
    for k, (h, c) in enumerate(states):
        lstm = "skel_sequential_layer.lstm."
        gates = x @ state[f"{lstm}weight_ih_l{k}"].T + state[f"{lstm}bias_ih_l{k}"]
        gates = gates + h @ state[f"{lstm}weight_hh_l{k}"].T + state[f"{lstm}bias_hh_l{k}"]
        write, forget, cell, out = gates.chunk(4, -1)
        c = torch.sigmoid(forget) * c + torch.sigmoid(write) * torch.tanh(cell)
        h = torch.sigmoid(out) * torch.tanh(c)
        after.append((h, c))
        x = h
    return after


def pu_step(state: State, joint: Tensor, limb: Tensor, states: list[tuple[Tensor, Tensor]]) -> list:
    after = []
    x = joint
    for k, (h, c) in enumerate(states):
        unit = f"skel_sequential_layer.lstm_custom.layers.{k}."
        gate = torch.sigmoid(dense(state, f"{unit}x2f", x))
        width = h.shape[-1]
        gates = dense(state, f"{unit}x2h", x) + dense(state, f"{unit}h2h", gate[:, :width] * h)
        if k == 0:
            gates = gates + dense(state, f"{unit}b2h", gate[:, width:] * limb)
        forget, write, cell, out = gates.chunk(4, -1)
        c = c * torch.sigmoid(forget) + torch.sigmoid(write) * torch.tanh(cell)
        h = torch.sigmoid(out) * torch.tanh(c)
        after.append((h, c))
        x = h
    return after


def egotap_pose(state: State, joints: Tensor, limbs: Tensor, skeleton, propagation: str, heads: int) -> Tensor:
    """EgoTAP's rows from joint heatmaps (b, v, j, h, w) and limb heatmaps (b, v, j, 2, h, w)."""
    b, v, n = joints.shape[:3]
    encoded = grid_vit(state, joints.reshape(b, v * n, *joints.shape[3:]), heads)
    joint = [torch.cat((encoded[:, j], encoded[:, n + j]), -1) for j in range(n)]
    limb = [
        torch.cat([fc_layers(state, "rot_heatmap_encoder.fc", limbs[:, view, j].flatten(1)) for view in range(v)], -1)
        for j in range(n)
    ]
    propagated = propagate(state, joint, limb, skeleton.parents, propagation)
    rows = [
        dense(state, "pose_mlp.pose_fcs.0", torch.cat(features, -1)) for features in zip(joint, propagated, strict=True)
    ]
    if skeleton.estimates_root:
        both = dense(state, "global_mlp.pose_fcs.0", torch.cat(propagated, -1))
        rows = [row + both[:, :3] for row in rows] + [both[:, 3:]]
    return torch.stack(rows, 1)


def propagate(state: State, joint: list, limb: list, parents: tuple[int, ...], propagation: str) -> list:
    if propagation == "none":
        return joint
    if propagation == "rf":
        return [torch.cat(both, -1) for both in zip(joint, limb, strict=True)]
    dim = joint[0].shape[-1]
    width = 2 * dim if propagation in ("concat", "pu") else dim
    zero = [(torch.zeros(len(joint[0]), width), torch.zeros(len(joint[0]), width))] * 2
    states = {0: zero}
    for j in range(1, len(parents)):
        # Propagation units overwrite one state that all joints share: it is that of the joint before, not the parent's.
        previous = states[j - 1 if propagation == "pu" else parents[j]]
        x, r = joint[j - 1], limb[j - 1]
        if propagation == "lstm":
            states[j] = lstm_step(state, x, previous)
        elif propagation == "alter":
            states[j] = lstm_step(state, x, lstm_step(state, r, previous))
        elif propagation == "concat":
            states[j] = lstm_step(state, torch.cat((x, r), -1), previous)
        else:
            states[j] = pu_step(state, x, r, previous)
    return [states[j][-1][0] for j in range(1, len(parents))]


def convs(state: State, prefix: str, x: Tensor) -> Tensor:
    k = 1
    while f"{prefix}{k}.0.weight" in state:
        x = F.conv2d(x, state[f"{prefix}{k}.0.weight"], state[f"{prefix}{k}.0.bias"], stride=2, padding=1)
        x = leaky(normalised(state, f"{prefix}{k}.1", x))
        k += 1
    return x.flatten(1)


def pose_mlp(state: State, prefix: str, x: Tensor) -> Tensor:
    return dense(state, f"{prefix}pose_fc3", fc_layers(state, f"{prefix}pose_fc", x, 2))


def unrealego_pose(state: State, joints: Tensor) -> Tensor:
    embedding = fc_layers(state, "fc", convs(state, "conv", joints.flatten(1, 2)))
    return pose_mlp(state, "", embedding).unflatten(1, (-1, 3))


def ego3dpose_pose(state: State, joints: Tensor, limbs: Tensor) -> Tensor:
    """Ego3DPose's rows. Channels: joints of both views, then by view all cosines and all sines; no limb at the root."""
    used = limbs[:, :, 1:]
    channels = [joints[:, view] for view in range(2)]
    channels += [used[:, view, :, part] for view in range(2) for part in range(2)]
    embedding = fc_layers(state, "fc", convs(state, "conv", torch.cat(channels, 1)))
    directions = []
    for limb in range(used.shape[2]):
        maps = torch.cat([used[:, view, limb] for view in range(2)], 1)
        z = fc_layers(state, "rot_fc", convs(state, "rot_conv", maps))
        directions.append(pose_mlp(state, "rot_mlp.", z))
    return pose_mlp(state, "pose_mlp.", torch.cat((embedding, *directions), -1)).unflatten(1, (-1, 3))


def batch_conv(state: State, conv: str, norm: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{conv}.weight"]
    x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
    return normalised(state, norm, x)


def pyramid(state: State, image: Tensor) -> list[Tensor]:
    net = "backbone.backbone.backbone."
    x = F.max_pool2d(batch_conv(state, f"{net}conv1", f"{net}bn1", image, 2).relu(), 3, 2, 1)
    levels = []
    for k in range(1, 5):
        for block in range(2):
            name = f"{net}layer{k}.{block}."
            stride = 2 if k > 1 and block == 0 else 1
            inner = batch_conv(state, f"{name}conv1", f"{name}bn1", x, stride).relu()
            inner = batch_conv(state, f"{name}conv2", f"{name}bn2", inner)
            if stride == 2:
                x = batch_conv(state, f"{name}downsample.0", f"{name}downsample.1", x, 2)
            x = (x + inner).relu()
        levels.append(x)
    return levels


def estimated_maps(state: State, images: Tensor) -> Tensor:
    """Heatmaps (b, c, h/4, w/4) of both views, the left view first."""
    both = [torch.cat(pair, 1) for pair in zip(*(pyramid(state, images[:, v]) for v in range(2)), strict=True)]

    def conv(name: str, x: Tensor) -> Tensor:
        weight = state[f"after_backbone.{name}.weight"]
        return F.conv2d(x, weight, state[f"after_backbone.{name}.bias"], padding=weight.shape[-1] // 2)

    skips = [conv(f"layer{k}_1x1.0", level).relu() for k, level in enumerate(both, 1)]
    x = skips[3]
    for k in (3, 2, 1):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = conv(f"conv_up{k}.0", torch.cat((x, skips[k - 1]), 1)).relu()
    return conv("conv_heatmap", x)
