"""Our EgoPoseFormer computes what the public code computes, with its random weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from egoposeformer_release import release_network
from random_checkpoints import randomise

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import unrealego
from egotap_pl.interop.egoposeformer import egoposeformer_weights
from egotap_pl.interop.state import Published, fill
from egotap_pl.nn.image_encoder import ImageEncoder
from egotap_pl.nn.image_lifters import EgoPoseFormer, TrueOrigin


@pytest.mark.parametrize(("backbone", "width", "image_px"), [(8, 16, 64), (64, 128, 256)])
def test_poses_are_those_of_the_public_code(
    backbone: int, width: int, image_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    release = release_network(monkeypatch, backbone=backbone, width=width, hidden=8 * width, image_px=image_px)
    randomise(release)
    for layer in release.layers:  # as after a training: offsets and weights that depend on the query
        layer.cross_attn.sampling_offsets.weight.data.normal_(std=0.3)
        layer.cross_attn.attention_weights.weight.data.normal_(std=0.3)
    release.mlp_pred[-1].bias.data.normal_(std=20)  # joints far apart, in all parts of the views
    ours = EgoPoseFormer(unrealego(), image_px // 4, 2 * width, partial(ImageEncoder, width=backbone), TrueOrigin)
    fill(ours, egoposeformer_weights(Published(Path("release"), release.state_dict()), ours))
    rig = StereoRig.unrealego(12.0)
    ours.eval().set_rig(rig)
    images = torch.randn(3, 2, 3, image_px, image_px)
    origin_cm = rig.to_views(torch.tensor([[-6.0, -22.0, 65.0], [0.0, 10.0, 50.0], [20.0, 5.0, 40.0]])[:, None])
    with torch.no_grad():
        expected = release._forward(images, origin_cm, None)
        found = ours.estimate(images, origin_cm[:, :, 0])
        in_circle = ours.project(found.poses_cm[0] + origin_cm[:, 0])[1]
    assert in_circle.float().mean() > 0.5
    assert len(found.poses_cm) == len(expected) == 4
    for pose_cm, release_cm in zip(found.poses_cm, expected, strict=True):
        torch.testing.assert_close(pose_cm, release_cm, rtol=1e-5, atol=1e-5 * float(release_cm.abs().max()))
