from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from release_sizes import U_NET

from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.benchmarks import costs
from egotap_pl.nn.estimator import JointEstimator, LimbEstimator
from egotap_pl.nn.lean_estimator import LeanEstimator, joint_maps, limb_maps

close = torch.testing.assert_close


def make(skeleton, decoders=1) -> Any:
    return LeanEstimator(skeleton, width=4, channels=8, decoders=decoders)


@pytest.mark.parametrize(("decoders", "least", "most"), [(1, 0.10, 0.11), (2, 0.12, 0.13)])
def test_about_a_tenth_of_the_arithmetic_of_two_u_nets(decoders, least, most):
    with torch.device("meta"):
        images = torch.empty(1, 2, 3, 256, 256)
        lean = costs.flops(LeanEstimator(unrealego(), channels=128, decoders=decoders), [images])
        full = sum(costs.flops(make(unrealego(), **U_NET), [images]) for make in (JointEstimator, LimbEstimator))
    assert least < lean / full < most


def test_there_are_one_or_two_decoders():
    with pytest.raises(ValueError, match="decoders=3: must be 1 or 2"):
        make(unrealego(), 3)


@pytest.mark.parametrize("decoders", [1, 2])
def test_heatmaps_are_a_quarter_of_the_image(skeleton, decoders):
    maps, n = make(skeleton, decoders)(torch.randn(2, 2, 3, 64, 32)), skeleton.num_heatmap_joints
    assert joint_maps(maps).shape == (2, 2, n, 16, 8)
    assert limb_maps(maps).shape == (2, 2, n, 2, 16, 8)


def test_channels_are_joints_cosines_and_sines_of_the_left_view_then_of_the_right(skeleton):
    net, n = make(skeleton), skeleton.num_heatmap_joints
    channel = torch.arange(6.0 * n)
    net.to_maps.bias.data = channel  # its weights start at zero
    maps = net(torch.randn(1, 2, 3, 32, 32))[..., 0, 0]
    joints, cosines, sines = channel.view(2, 3, n).unbind(1)
    maps = maps[..., None, None]
    assert torch.equal(joint_maps(maps)[0, :, :, 0, 0], joints)
    assert torch.equal(limb_maps(maps)[0, :, :, :, 0, 0], torch.stack((cosines, sines), -1))


def test_two_decoders_give_the_maps_of_one_where_their_weights_are_the_same(skeleton):
    one, two, n = make(skeleton).eval(), make(skeleton, 2).eval(), skeleton.num_heatmap_joints
    torch.nn.init.normal_(one.to_maps.weight)
    torch.nn.init.normal_(one.to_maps.bias)
    state = one.state_dict()
    state |= {f"limb_{name}": values for name, values in state.items() if name.startswith("top_down.")}
    for name in ("weight", "bias"):
        joints, limbs = state[f"to_maps.{name}"].unflatten(0, (2, -1)).split((n, 2 * n), 1)
        state |= {f"to_maps.{name}": joints.flatten(0, 1), f"to_limb_maps.{name}": limbs.flatten(0, 1)}
    two.load_state_dict(state)
    images = torch.randn(1, 2, 3, 32, 64)
    close(two(images), one(images))


def test_each_of_two_decoders_has_its_own_kind_of_heatmaps(skeleton):
    net = make(skeleton, 2)
    for parameters in (net.to_maps.parameters(), net.to_limb_maps.parameters()):
        for parameter in parameters:
            torch.nn.init.normal_(parameter)
    maps = net(torch.randn(1, 2, 3, 32, 32))
    joints, limbs = joint_maps(maps).sum(), limb_maps(maps).sum()
    own = [net.top_down.laterals[0][0].weight, net.limb_top_down.laterals[0][0].weight]
    for loss, used in ((joints, [True, False]), (limbs, [False, True])):
        grads = torch.autograd.grad(loss, own, retain_graph=True, allow_unused=True)
        assert [grad is not None and bool(grad.any()) for grad in grads] == used


def test_written_out_with_functions(skeleton):
    net = make(skeleton).eval()
    torch.nn.init.normal_(net.to_maps.weight)
    images = torch.randn(2, 2, 3, 64, 64)
    left, right = net.backbone(images[:, 0]), net.backbone(images[:, 1])
    skips = []
    for view0, view1, lateral in zip(left, right, net.top_down.laterals, strict=True):
        skips.append(F.relu(F.conv2d(torch.cat((view0, view1), 1), lateral[0].weight, lateral[0].bias)))
    x = skips[3]
    for skip, (one, three) in zip(skips[2::-1], net.top_down.merges, strict=True):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = F.relu(F.conv2d(torch.cat((skip, x), 1), one[0].weight, one[0].bias))
        x = F.relu(F.conv2d(x, three[0].weight, three[0].bias, padding=1))
    maps = F.conv2d(x, net.to_maps.weight, net.to_maps.bias)
    n = 3 * skeleton.num_heatmap_joints
    close(net(images), torch.stack((maps[:, :n], maps[:, n:]), 1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("decoders", [1, 2])
def test_overfits_one_batch(decoders):
    net = LeanEstimator(unrealego(), width=8, channels=32, decoders=decoders)
    images = torch.randn(2, 2, 3, 32, 32)
    target = F.interpolate(torch.rand(4, 45, 3, 3), size=(8, 8), mode="bilinear").view(2, 2, 45, 8, 8)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(150):
        loss = F.mse_loss(net(images), target)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            assert [name for name, p in net.named_parameters() if p.grad is None] == []
        optimizer.step()
    assert loss < 0.2 * target.var()


@pytest.mark.parametrize("shape", [(1, 1, 3, 64, 64), (1, 2, 3, 48, 64)])
def test_images_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="2 views and sides that are multiples of 32 px"):
        make(unrealego())(torch.randn(shape))
