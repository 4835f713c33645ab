from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from plain_layers import DECODERS, normed, settled
from release_sizes import CNN, HIDDEN_DIMS
from tiny_lifter import ENCODERS, HEADS, HEATMAP_PX, JOINT_DIM, PROPAGATIONS, make_lifter, random_heatmaps

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, unrealego
from egotap_pl.nn.baselines import Ego3DPoseLifter, EgoGlassEstimator, UnrealEgoLifter
from egotap_pl.nn.decoders import EmbeddingDecoder
from egotap_pl.nn.encoders import CnnEncoder, LimbEncoder
from egotap_pl.nn.heads import MlpHead

close = torch.testing.assert_close


def unrealego_lifter(skeleton, encoder="cnn", propagation="none", head="mlp", decoder="embedding", **settings):
    return UnrealEgoLifter(
        skeleton,
        HEATMAP_PX,
        JOINT_DIM,
        ENCODERS[encoder],
        partial(LimbEncoder, hidden_dims=(24,)),
        PROPAGATIONS[propagation],
        HEADS[head],
        DECODERS[decoder],
        **settings,
    )


def ego3dpose(skeleton, **settings):
    return Ego3DPoseLifter(
        skeleton,
        HEATMAP_PX,
        channels=(4, 8),
        hidden_dims=(24,),
        embedding_dim=12,
        limb_embedding_dim=6,
        direction_hidden_dims=(5,),
        pose_hidden_dims=(16,),
        **settings,
    )


def test_ego3dpose_reads_limbs_between_joints_that_have_heatmaps() -> None:
    star = Skeleton("star", ("head", "left_hand", "right_hand"), (0, 0, 0), estimates_root=True)
    with pytest.raises(EgotapError, match=r"skeleton 'star': all joints hang on the root.*give another lifter"):
        ego3dpose(star)


def fc(x, blocks):
    for linear, norm, _ in blocks:
        x = F.leaky_relu(normed(F.linear(x, linear.weight, linear.bias), norm), 0.2)
    return x


def encode(maps, net):
    x = maps
    for conv, norm, _ in net.convs[:-1]:
        x = F.leaky_relu(normed(F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1), norm), 0.2)
    return fc(x.flatten(1), net.reduce)


def linear(x, layer):
    return F.linear(x, layer.weight, layer.bias)


def test_unrealego_is_the_cnn_row_with_a_decoder(skeleton):
    maps = random_heatmaps(skeleton, 3)
    with_decoder, without = unrealego_lifter(skeleton), make_lifter(skeleton, "cnn", "none", "mlp")
    state = {name: value for name, value in with_decoder.state_dict().items() if not name.startswith("decoder.")}
    without.load_state_dict(state, strict=True)
    close(with_decoder.eval()(*maps), without.eval()(*maps))


def test_unrealego_written_out_with_functions(skeleton):
    net = settled(unrealego_lifter(skeleton, pose_unit_cm=5.0))
    net.set_mean_pose(torch.randn(len(skeleton.estimated), 3))
    joint, limb = random_heatmaps(skeleton, 3)
    z = encode(torch.cat((joint[:, 0], joint[:, 1]), 1), net.encoder)
    hidden, last = net.head.net
    pose = linear(fc(z, hidden), last).view(3, -1, 3)
    output = net.estimate(joint, limb)
    close(output.pose_cm, net.mean_pose_cm + 5.0 * pose)
    close(output.pose_cm, net(joint, limb))
    rebuilt = net.decoder.decode(z)
    n = skeleton.num_heatmap_joints
    close(output.joint, torch.stack((rebuilt[:, :n], rebuilt[:, n:]), 1))


@pytest.mark.parametrize("propagation", ["none", "pu"])
def test_any_encoder_and_propagation_works_with_a_decoder(skeleton, propagation):
    maps = random_heatmaps(skeleton, 2)
    net = unrealego_lifter(skeleton, "grid_vit", propagation, "per_joint", "per_joint")
    assert net.estimate(*maps).joint.shape == maps[0].shape


def test_release_sizes():
    """Counts of the releases' layers for 15 joints: weights, biases, two numbers per normalised channel."""
    z, n = 20, 15

    def fcs(*widths):
        return sum(a * b + 3 * b for a, b in itertools.pairwise(widths))

    def convs(*channels):
        return sum(16 * a * b + 3 * b for a, b in itertools.pairwise(channels))

    def autoencoder(maps, pose_in, rows):
        encoder = convs(maps, 64, 128, 256) + fcs(16384, 2048, 512, z)
        decoder = fcs(z, 512, 2048, 16384) + convs(256, 128, 64, maps)
        return encoder + decoder + fcs(pose_in, 32, 32) + 32 * 3 * rows + 3 * rows

    with torch.device("meta"):
        unrealego_net = UnrealEgoLifter(
            unrealego(),
            64,
            2,
            encoder=partial(CnnEncoder, **CNN, embedding_dim=z),
            limb_encoder=partial(LimbEncoder, hidden_dims=HIDDEN_DIMS),
            propagation=PROPAGATIONS["none"],
            head=partial(MlpHead, hidden_dims=(32, 32)),
            decoder=partial(EmbeddingDecoder, **CNN),
        )
        ego3dpose_net = Ego3DPoseLifter(
            unrealego(),
            64,
            **CNN,
            embedding_dim=z,
            limb_embedding_dim=10,
            direction_hidden_dims=(32, 32),
            pose_hidden_dims=(32, 32),
        )
    assert sum(p.numel() for p in unrealego_net.parameters()) == autoencoder(2 * n, z, 16)
    limb_path = convs(4, 64, 128, 256) + fcs(16384, 2048, 512, 10, 32, 32) + 32 * 3 + 3
    assert sum(p.numel() for p in ego3dpose_net.parameters()) == (
        autoencoder(2 * n + 4 * 14, z + 14 * 3, 16) + limb_path
    )


def test_ego3dpose_limb_by_limb(skeleton):
    net = settled(ego3dpose(skeleton, pose_unit_cm=5.0))
    net.set_mean_pose(torch.randn(len(skeleton.estimated), 3))
    joint, limb = random_heatmaps(skeleton, 3)
    # Only the limb of joint 1 ends in the root.
    assert [child for child, _ in net.limbs] == list(range(2, skeleton.num_joints))
    channels = [joint[:, view, j] for view in range(2) for j in range(skeleton.num_heatmap_joints)]
    channels += [limb[:, view, j, k] for view in range(2) for k in range(2) for j in range(1, limb.shape[2])]
    z = encode(torch.stack(channels, 1), net.encoder)
    path, hidden, last = net.limb_path
    directions = []
    for j in range(1, limb.shape[2]):
        maps = torch.stack((limb[:, 0, j, 0], limb[:, 0, j, 1], limb[:, 1, j, 0], limb[:, 1, j, 1]), 1)
        directions.append(linear(fc(encode(maps, path), hidden), last))
    pose_hidden, pose_last = net.head.net
    pose = linear(fc(torch.cat((z, *directions), 1), pose_hidden), pose_last).view(3, -1, 3)
    output = net.estimate(joint, limb)
    close(output.directions, torch.stack(directions, 1))
    close(output.pose_cm, net.mean_pose_cm + 5.0 * pose)
    close(output.pose_cm, net(joint, limb))
    rebuilt = net.decoder(z)
    assert rebuilt.shape[1] == len(channels)
    outputs = [output.joint[:, view, j] for view in range(2) for j in range(joint.shape[2])]
    outputs += [output.limb[:, view, j, k] for view in range(2) for k in range(2) for j in range(len(net.limbs))]
    close(torch.stack(outputs, 1), rebuilt)


def test_ego3dpose_directions_learn_from_their_own_loss_only(skeleton):
    net = ego3dpose(skeleton)
    torch.nn.init.ones_(net.decoder.deconvs[-1][1].weight)  # starts at 0, which lets no gradient through
    output = net.estimate(*random_heatmaps(skeleton, 4))

    def trained_parts(loss):
        grads = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True, allow_unused=True)
        return {name.split(".")[0] for (name, _), g in zip(net.named_parameters(), grads, strict=True) if g is not None}

    assert trained_parts(output.pose_cm.square().sum()) == {"encoder", "head"}
    assert trained_parts(output.directions.square().sum()) == {"limb_path"}
    assert trained_parts(output.joint.square().sum() + output.limb.square().sum()) == {"encoder", "decoder"}


def test_egoglass_views_do_not_share(skeleton):
    net: Any = EgoGlassEstimator(skeleton, width=4).eval()
    images = torch.randn(2, 2, 3, 64, 32)
    for view in net.views:
        torch.nn.init.normal_(view.to_maps.weight)
    maps, masks = net(images)
    assert maps.shape == (2, 2, skeleton.num_heatmap_joints, 16, 8)
    assert masks.shape == (2, 2, 4, 64, 32)
    changed = images.clone()
    changed[:, 1] += 1
    other_maps, other_masks = net(changed)
    assert torch.equal(other_maps[:, 0], maps[:, 0])
    assert torch.equal(other_masks[:, 0], masks[:, 0])
    assert not torch.equal(other_maps[:, 1], maps[:, 1])
    shared = {id(p) for p in net.views[0].parameters()} & {id(p) for p in net.views[1].parameters()}
    assert not shared


def test_egoglass_view_written_out_with_functions():
    net: Any = EgoGlassEstimator(unrealego(), width=4).views[0].eval()
    torch.nn.init.normal_(net.to_maps.weight)
    images = torch.randn(2, 3, 64, 64)
    b = net.backbone
    stem = F.relu(b.bn1(b.conv1(images)))
    levels = [images, stem, b.layer1(F.max_pool2d(stem, 3, 2, 1))]
    for layer in (b.layer2, b.layer3, b.layer4):
        levels.append(layer(levels[-1]))
    skips = [
        F.relu(F.conv2d(level, conv[0].weight, conv[0].bias)) for level, conv in zip(levels, net.laterals, strict=True)
    ]
    x, maps = skips[5], None
    for k, skip in enumerate(skips[4::-1]):
        conv = net.decoder[k][0]
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = F.relu(F.conv2d(torch.cat((x, skip), 1), conv.weight, conv.bias, padding=1))
        if k == 2:
            maps = F.conv2d(x, net.to_maps.weight, net.to_maps.bias)
    output_maps, output_masks = net(images)
    close(output_maps, maps, atol=1e-4, rtol=1e-4)
    close(output_masks, F.conv2d(x, net.to_masks.weight, net.to_masks.bias), atol=1e-4, rtol=1e-4)


def test_egoglass_release_widths():
    """Widths in Ego3DPose's release: 64, 64, 64, 128, 256, 512 lateral; 512, 256, 256, 256, 256 after each step."""
    with torch.device("meta"):
        net = EgoGlassEstimator(unrealego()).views[0]
    assert [(c[0].in_channels, c[0].out_channels) for c in net.laterals] == [
        (3, 64),
        (64, 64),
        (64, 64),
        (128, 128),
        (256, 256),
        (512, 512),
    ]
    assert [(c[0].in_channels, c[0].out_channels) for c in net.decoder] == [
        (256 + 512, 512),
        (128 + 512, 256),
        (64 + 256, 256),
        (64 + 256, 256),
        (64 + 256, 256),
    ]
