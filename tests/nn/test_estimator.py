from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from release_sizes import U_NET

from egotap_pl.nn.estimator import JointEstimator, LimbEstimator, StereoUNet

TINY: dict[str, Any] = {"width": 4, "lateral_widths": (8, 8, 12, 16), "decoder_widths": (16, 8, 8)}
close = torch.testing.assert_close


def test_release_size():
    """36.1 M with ResNet-18's classifier (512 x 1000 + 1000), which is not used."""
    with torch.device("meta"):
        count = sum(p.numel() for p in StereoUNet(15, **U_NET).parameters())
    assert round(count / 1e6, 1) == 35.6
    assert round((count + 513_000) / 1e6, 1) == 36.1


def test_heatmaps_are_a_quarter_of_the_image(skeleton):
    images, n = torch.randn(2, 2, 3, 64, 32), skeleton.num_heatmap_joints
    assert JointEstimator(skeleton, **TINY)(images).shape == (2, 2, n, 16, 8)
    assert LimbEstimator(skeleton, **TINY)(images).shape == (2, 2, n, 2, 16, 8)


def test_channels_start_with_the_left_view_and_with_cosines(skeleton):
    n = skeleton.num_heatmap_joints
    channel = torch.arange(4.0 * n)
    limbs = LimbEstimator(skeleton, **TINY)
    joints = JointEstimator(skeleton, **TINY)
    nets: tuple[Any, ...] = (limbs, joints)
    for net in nets:
        torch.nn.init.zeros_(net.to_maps.weight)
        net.to_maps.bias.data = channel[: len(net.to_maps.bias)]
    images = torch.randn(1, 2, 3, 32, 32)
    maps = limbs(images)[0, :, :, :, 0, 0]
    assert torch.equal(maps[0, :, 0], channel[:n])
    assert torch.equal(maps[0, :, 1], channel[n : 2 * n])
    assert torch.equal(maps[1, :, 0], channel[2 * n : 3 * n])
    assert torch.equal(maps[1, :, 1], channel[3 * n :])
    assert torch.equal(joints(images)[0, :, :, 0, 0], channel[: 2 * n].view(2, n))


def test_decoder_written_out_with_functions():
    net = StereoUNet(3, **TINY).eval()
    images = torch.randn(2, 2, 3, 64, 64)
    left, right = net.backbone(images[:, 0]), net.backbone(images[:, 1])
    skips = []
    for view0, view1, lateral in zip(left, right, net.laterals, strict=True):
        skips.append(F.relu(F.conv2d(torch.cat((view0, view1), 1), lateral[0].weight, lateral[0].bias)))
    x = skips[3]
    for skip, step in zip(skips[2::-1], net.decoder, strict=True):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = F.relu(F.conv2d(torch.cat((x, skip), 1), step[0].weight, step[0].bias, padding=1))
    maps = F.conv2d(x, net.to_maps.weight, net.to_maps.bias)
    close(net(images), torch.stack((maps[:, :3], maps[:, 3:]), 1), atol=1e-4, rtol=1e-4)


def test_overfits_one_batch():
    net = StereoUNet(2, width=8, lateral_widths=(16, 16, 16, 16), decoder_widths=(32, 32, 32))
    images = torch.randn(2, 2, 3, 32, 32)
    target = F.interpolate(torch.rand(4, 2, 3, 3), size=(8, 8), mode="bilinear").view(2, 2, 2, 8, 8)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(100):
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
        StereoUNet(3, **TINY)(torch.randn(shape))
