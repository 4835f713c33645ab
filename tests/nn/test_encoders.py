from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from release_sizes import CNN
from release_sizes import VIT as RELEASE_VIT
from slow_transformer import randomise, torch_transformer
from tiny_lifter import ENCODERS, HEATMAP_PX, JOINT_DIM, random_heatmaps

from egotap_pl.core.skeleton import unrealego
from egotap_pl.nn.encoders import (
    ChannelViTEncoder,
    CnnEncoder,
    EmbeddingEncoder,
    GridViTEncoder,
    LimbEncoder,
    ReleaseGridViTEncoder,
)

VIT: dict[str, Any] = {"patches_per_side": 4, "width": 16, "heads": 2, "mlp_width": 32, "hidden_dims": (24,)}
close = torch.testing.assert_close


@pytest.mark.parametrize("make", [GridViTEncoder, ReleaseGridViTEncoder])
@pytest.mark.parametrize("patches_per_side", [2, 4])
def test_grid_vit_against_a_slow_implementation(make, patches_per_side, skeleton):
    encoder = randomise(make(skeleton, HEATMAP_PX, JOINT_DIM, depth=2, **VIT | {"patches_per_side": patches_per_side}))
    maps, _ = random_heatmaps(skeleton, 2)
    px, side = HEATMAP_PX // patches_per_side, range(patches_per_side)
    tokens = []
    for view in range(2):
        for joint in range(skeleton.num_heatmap_joints):
            for row in side:
                for column in side:
                    patch = maps[:, view, joint, row * px : (row + 1) * px, column * px : (column + 1) * px]
                    tokens.append(encoder.project(patch.flatten(1)))
    while len(tokens) < len(encoder.positions):  # only the release's grid has blank cells
        tokens.append(encoder.mask_token.expand(2, -1))
    tokens = torch_transformer(encoder)(torch.stack(tokens, 1) + encoder.positions)
    per_map = tokens.split(patches_per_side**2, 1)
    halves = [encoder.reduce(t.flatten(1)) for t in per_map]
    n = skeleton.num_heatmap_joints
    expected = torch.stack([torch.cat((halves[j], halves[n + j]), 1) for j in range(n)], 1)
    close(encoder(maps), expected, atol=1e-4, rtol=1e-4)


def test_grid_vit_has_32_tokens_per_joint_and_the_release_has_576(skeleton):
    with torch.device("meta"):
        assert len(GridViTEncoder(skeleton, 64, 256, **RELEASE_VIT).positions) == 32 * skeleton.num_heatmap_joints
        assert len(ReleaseGridViTEncoder(skeleton, 64, 256, **RELEASE_VIT).positions) == 576


def test_without_attention_a_feature_depends_on_its_own_heatmaps_only(skeleton):
    encoder = randomise(GridViTEncoder(skeleton, HEATMAP_PX, JOINT_DIM, depth=0, **VIT))
    maps, _ = random_heatmaps(skeleton, 1)
    changed = maps.clone()
    changed[:, 1, 4] += 1
    differs = (encoder(changed) != encoder(maps))[0]
    half = JOINT_DIM // 2
    assert differs.any(1).nonzero().flatten().tolist() == [4]
    assert not differs[4, :half].any()
    assert differs[4, half:].any()


def test_attention_reaches_every_joint(skeleton):
    encoder = randomise(GridViTEncoder(skeleton, HEATMAP_PX, JOINT_DIM, depth=1, **VIT))
    maps, _ = random_heatmaps(skeleton, 1)
    changed = maps.clone()
    changed[:, 0, 0] += 1
    assert (encoder(changed) != encoder(maps)).any(2).all()


def test_channel_vit_against_a_convolution_and_the_transformer_of_torch(skeleton):
    encoder = randomise(ChannelViTEncoder(skeleton, HEATMAP_PX, JOINT_DIM, depth=2, embedding_dim=7, **VIT))
    maps, _ = random_heatmaps(skeleton, 2)
    stacked = torch.cat((maps[:, 0], maps[:, 1]), 1)
    kernel = encoder.project.weight.view(16, stacked.shape[1], 4, 4)
    tokens = F.conv2d(stacked, kernel, encoder.project.bias, stride=4).flatten(2).transpose(1, 2)
    tokens = torch_transformer(encoder)(tokens + encoder.positions)
    close(encoder(maps), encoder.reduce(tokens.flatten(1)), atol=1e-4, rtol=1e-4)


def test_cnn_sizes(skeleton):
    """Conv 4x4: 64, 128, 256 channels; 16384 -> 2048 -> 512 -> z; weights, biases and batch normalisation."""
    with torch.device("meta"):
        encoder = CnnEncoder(skeleton, 64, 256, **CNN, embedding_dim=20)
    widths = [2 * skeleton.num_heatmap_joints, 64, 128, 256]
    convs = sum(a * b * 16 + 3 * b for a, b in pairwise(widths))
    widths = [16384, 2048, 512, 20]
    linears = sum(a * b + 3 * b for a, b in pairwise(widths))
    assert sum(p.numel() for p in encoder.parameters()) == convs + linears


def test_cnn_written_out_with_functions():
    encoder = randomise(ENCODERS["cnn"](skeleton=unrealego(), heatmap_px=HEATMAP_PX, joint_dim=JOINT_DIM))
    maps, _ = random_heatmaps(unrealego(), 2)
    x = maps.reshape(2, -1, HEATMAP_PX, HEATMAP_PX)
    for conv, norm, _ in encoder.convs[:-1]:
        assert (conv.kernel_size, conv.stride) == ((4, 4), (2, 2))
        x = F.leaky_relu(norm(conv(x)), 0.2)
    assert x.shape[-1] == HEATMAP_PX // 4
    close(encoder(maps), encoder.reduce(x.flatten(1)))


@pytest.mark.parametrize("name", ENCODERS)
def test_widths_are_as_declared(name, skeleton):
    encoder = ENCODERS[name](skeleton=skeleton, heatmap_px=HEATMAP_PX, joint_dim=JOINT_DIM)
    features = encoder(random_heatmaps(skeleton, 2)[0])
    if isinstance(encoder, EmbeddingEncoder):
        assert features.shape == (2, encoder.embedding_dim)
    else:
        assert features.shape == (2, skeleton.num_heatmap_joints, encoder.joint_dim)


def test_limb_encoder_is_shared_by_limbs_and_views(skeleton):
    encoder = LimbEncoder(HEATMAP_PX, JOINT_DIM, hidden_dims=(24,)).eval()
    _, limbs = random_heatmaps(skeleton, 2)
    features, half = encoder(limbs), JOINT_DIM // 2
    close(encoder(limbs.flip(2)), features.flip(1))
    close(encoder(limbs.flip(1)), torch.cat((features[..., half:], features[..., :half]), -1))
    close(features[:, 3, :half], encoder.reduce(limbs[:, 0, 3].flatten(1)))


def test_layers_start_with_kaiming_weights():
    encoder = LimbEncoder(16, 64, hidden_dims=(256,))
    linear = encoder.reduce[0][0]
    assert abs(linear.weight.std().item() - (2 / linear.in_features) ** 0.5) < 1e-3
    assert linear.bias.abs().max() == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: GridViTEncoder(s, 18, 8, depth=1, **VIT), "18 px cannot be cut"),
        (lambda s: CnnEncoder(s, 18, 8, **CNN, embedding_dim=20), "18 px cannot be halved 3 times"),
        (lambda s: GridViTEncoder(s, 16, 7, depth=1, **VIT), "joint_dim 7"),
        (lambda s: GridViTEncoder(s, 16, 8, depth=1, **VIT | {"heads": 3}), "3 heads"),
    ],
)
def test_impossible_sizes_are_refused(make, message, skeleton):
    with pytest.raises(ValueError, match=message):
        make(skeleton)
