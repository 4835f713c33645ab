"""A published EgoPoseFormer that is small and has random weights, and its poses from the state dict alone."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from by_hand import State, batch_conv, dense
from published import batch_norm, conv, linear, norm
from scipy.ndimage import map_coordinates
from torch import Tensor

from egotap_pl.core.camera import PolynomialCamera

HEADS, POINTS, DEPTH = 4, 16, 3


def published_state(width: int, backbone: int, joints: int = 16) -> State:
    """Names and shapes of the public code.

    Args:
        width: width of a view's features and of the queries.
        backbone: channels of the ResNet's stem.
        joints: number of joints.
    """
    state: State = {}
    conv(state, "encoder.backbone.layer_s2.0", backbone, 3, 7, bias=False)
    batch_norm(state, "encoder.backbone.layer_s2.1", backbone)
    channels = [backbone * 2**k for k in range(4)]
    for k, (level, out_dim) in enumerate(
        zip(("layer_s4.1", "layer_s8", "layer_s16", "layer_s32"), channels, strict=True)
    ):
        for block in range(2):
            in_dim, name = channels[max(k - 1, 0)] if block == 0 else out_dim, f"encoder.backbone.{level}.{block}."
            conv(state, f"{name}conv1", out_dim, in_dim, 3, bias=False)
            conv(state, f"{name}conv2", out_dim, out_dim, 3, bias=False)
            batch_norm(state, f"{name}bn1", out_dim)
            batch_norm(state, f"{name}bn2", out_dim)
            if k and block == 0:
                conv(state, f"{name}downsample.0", out_dim, in_dim, 1, bias=False)
                batch_norm(state, f"{name}downsample.1", out_dim)
        conv(state, f"encoder.neck.lateral_convs.{k}.0", width, out_dim, 1)
        if k:
            conv(state, f"encoder.neck.fuse_convs.{k - 1}.0", width, 2 * width, 1)
            conv(state, f"encoder.neck.fpn_convs.{k - 1}.0", width, width, 3)
    conv(state, "feat_proj", width, width, 1)
    linear(state, "mlp_pred.0.0", 8 * width, 2 * width)
    linear(state, "mlp_pred.1.0", 8 * width, 8 * width)
    linear(state, "mlp_pred.2", 3 * joints, 8 * width)
    state["mlp_pred.2.bias"] = 15 * torch.randn(3 * joints)  # cm: joints in all parts of the views
    for k, in_dim in ((0, 4), (2, width), (4, width)):
        linear(state, f"query_gen_mlp.{k}", width, in_dim)
    for k in range(DEPTH):
        layer = f"layers.{k}."
        state[f"{layer}cross_attn.spatial_shapes"] = torch.zeros(1, 2, dtype=torch.int64)
        state[f"{layer}cross_attn.start_index"] = torch.zeros(1, dtype=torch.int64)
        linear(state, f"{layer}cross_attn.sampling_offsets", 2 * HEADS * POINTS, width)
        linear(state, f"{layer}cross_attn.attention_weights", HEADS * POINTS, width)
        for part in ("cross_attn.value_proj", "cross_attn.output_proj"):
            linear(state, f"{layer}{part}", width, width)
        for part in "qkv":
            linear(state, f"{layer}spatial_attn.{part}_proj", width, width)
        linear(state, f"{layer}spatial_attn.out_proj", width, width)
        linear(state, f"{layer}fuse_mlp", width, 2 * width)
        linear(state, f"{layer}ffn.layers.0.0", 4 * width, width)
        linear(state, f"{layer}ffn.layers.1", width, 4 * width)
        for part in ("norm_cross", "norm_spatial", "norm_ffn"):
            norm(state, f"{layer}{part}", width)
        norm(state, f"post_norm.{k}", width)
        linear(state, f"reg_mlp.{k}.0", width, width)
        linear(state, f"reg_mlp.{k}.2", 3, width)
    return state


def publish(path: Path, state: State) -> Path:
    """Writes a state dict as Lightning does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"epoch": 11, "state_dict": {f"model.{name}": tensor for name, tensor in state.items()}}, path)
    return path


def poses_cm(state: State, images: Tensor, origin_cm: Tensor) -> Tensor:
    """Poses (b, j, 3) for normalised images (b, v, 3, h, w) and the pelvis in each camera's frame (b, v, 3)."""
    maps = [features(state, images[:, view]) for view in range(2)]
    pooled = torch.cat([each.mean((2, 3)) for each in maps], -1)
    hidden = gelu(dense(state, "mlp_pred.1.0", gelu(dense(state, "mlp_pred.0.0", pooled))))
    first = dense(state, "mlp_pred.2", hidden).reshape(len(images), -1, 3)
    joints = first.shape[1]
    number = (torch.arange(joints) + 1).float()[None, :, None].repeat(len(images), 1, 1) / joints
    query = dense(state, "query_gen_mlp.0", torch.cat((number, first), -1)).relu()
    query = dense(state, "query_gen_mlp.4", dense(state, "query_gen_mlp.2", query).relu())
    for k in range(DEPTH):
        seen = []
        for view, each in enumerate(maps):
            places, in_view = project(first + origin_cm[:, view, None])
            seen.append(read(state, f"layers.{k}.cross_attn.", query, each, places) * in_view[..., None])
        query = normed(
            state, f"layers.{k}.norm_cross", query + dense(state, f"layers.{k}.fuse_mlp", torch.cat(seen, -1))
        )
        query = normed(state, f"layers.{k}.norm_spatial", query + attend(state, f"layers.{k}.spatial_attn.", query))
        hidden = gelu(dense(state, f"layers.{k}.ffn.layers.0.0", query))
        query = normed(state, f"layers.{k}.norm_ffn", query + dense(state, f"layers.{k}.ffn.layers.1", hidden))
    last = f"reg_mlp.{DEPTH - 1}"
    hidden = gelu(dense(state, f"{last}.0", normed(state, f"post_norm.{DEPTH - 1}", query)))
    return first + dense(state, f"{last}.2", hidden)


def features(state: State, image: Tensor) -> Tensor:
    net = "encoder.backbone."
    x = batch_conv(state, f"{net}layer_s2.0", f"{net}layer_s2.1", image, 2).relu()
    x, levels = F.max_pool2d(x, 3, 2, 1), []
    for k, level in enumerate(("layer_s4.1", "layer_s8", "layer_s16", "layer_s32")):
        for block in range(2):
            name, stride = f"{net}{level}.{block}.", 2 if k and block == 0 else 1
            inner = batch_conv(state, f"{name}conv1", f"{name}bn1", x, stride).relu()
            inner = batch_conv(state, f"{name}conv2", f"{name}bn2", inner)
            if stride == 2:
                x = batch_conv(state, f"{name}downsample.0", f"{name}downsample.1", x, 2)
            x = (x + inner).relu()
        levels.append(convolved(state, f"encoder.neck.lateral_convs.{k}.0", x).relu())
    x = levels[3]
    for k in (2, 1, 0):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = convolved(state, f"encoder.neck.fuse_convs.{k}.0", torch.cat((levels[k], x), 1)).relu()
        x = convolved(state, f"encoder.neck.fpn_convs.{k}.0", x).relu()
    return convolved(state, "feat_proj", x)


def convolved(state: State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)


def project(points_cm: Tensor) -> tuple[Tensor, Tensor]:
    """(u, v) as shares of UnrealEgo's frame, and whether they are in it."""
    camera = PolynomialCamera.unrealego()
    x, y, z = points_cm.unbind(-1)
    n = torch.sqrt(x**2 + y**2)
    rho = sum(coefficient * torch.atan(-z / n) ** k for k, coefficient in enumerate(camera.w2c))
    places = torch.stack((x / n * rho + camera.centre_px[0], y / n * rho + camera.centre_px[1]), -1) / 1024
    return places, ((places > 0) & (places < 1)).all(-1)


def read(state: State, layer: str, query: Tensor, maps: Tensor, places: Tensor) -> Tensor:
    b, joints, width = query.shape
    (h, w), own = maps.shape[2:], (b, joints, HEADS, POINTS)
    value = dense(state, f"{layer}value_proj", maps.permute(0, 2, 3, 1)).reshape(b, h, w, HEADS, width // HEADS)
    offsets = dense(state, f"{layer}sampling_offsets", query).reshape(*own, 2) / torch.tensor([w, h])
    shares = torch.softmax(dense(state, f"{layer}attention_weights", query).reshape(own), -1)
    around = places[:, :, None, None] + offsets
    return dense(state, f"{layer}output_proj", interpolated_attention(value, around, shares))


def interpolated_attention(value: Tensor, places: Tensor, shares: Tensor) -> Tensor:
    """Sums of values (n, h, w, head, c) at places (n, query, head, point, 2), with weights (n, query, head, point).

    Interpolated by SciPy, head by head and channel by channel.
    """
    n, height, width, heads, channels = value.shape
    queries, points = places.shape[1], places.shape[3]
    out = torch.zeros(n, queries, heads, channels)
    for k in range(n):
        for head in range(heads):
            u, v = places[k, :, head].detach().reshape(-1, 2).numpy().T
            at = (v * height - 0.5, u * width - 0.5)
            for channel in range(channels):
                pixels = value[k, :, :, head, channel].detach().numpy()
                found = map_coordinates(pixels, at, order=1, mode="grid-constant", cval=0.0)
                by_point = torch.from_numpy(found).reshape(queries, points)
                out[k, :, head, channel] = (by_point * shares[k, :, head].detach()).sum(-1)
    return out.flatten(2)


def attend(state: State, layer: str, x: Tensor) -> Tensor:
    query, key, value = (dense(state, f"{layer}{part}_proj", x) for part in "qkv")
    size, out = x.shape[-1] // HEADS, torch.zeros_like(x)
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(size)
        out[..., part] = torch.softmax(scores, -1) @ value[..., part]
    return dense(state, f"{layer}out_proj", out)


def normed(state: State, name: str, x: Tensor) -> Tensor:
    """Layer normalisation with PyTorch's eps, which the ViT of EgoTAP does not have."""
    x = x - x.mean(-1, keepdim=True)
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-5) * state[f"{name}.weight"] + state[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
