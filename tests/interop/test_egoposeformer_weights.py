"""EgoPoseFormer's published weights, from a file in the form of Lightning's checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from egoposeformer_by_hand import poses_cm, publish, published_state

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.interop import load_lifter


def test_a_network_of_the_releases_size_gives_its_poses(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = published_state(width=128, backbone=64)
    lifter = load_lifter("egoposeformer", publish(tmp_path / "epoch.ckpt", state), unrealego())
    assert not lifter.training
    images = torch.randn(1, 2, 3, 256, 256)
    origin_cm = StereoRig.unrealego().to_views(torch.tensor([[[-6.0, -22.0, 65.0]]]))[:, :, 0]
    with torch.inference_mode():
        found, expected = lifter(images, origin_cm), poses_cm(state, images, origin_cm)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = published_state(width=8, backbone=4)
    with pytest.raises(EgotapError, match=r"epoch\.ckpt does not fit this network: \d+ of another shape"):
        load_lifter("egoposeformer", publish(tmp_path / "small" / "epoch.ckpt", state), unrealego())
    with pytest.raises(EgotapError, match=r"needs one \.ckpt file, and has none"):
        load_lifter("egoposeformer", tmp_path, unrealego())
    publish(tmp_path / "small" / "other.ckpt", state)
    with pytest.raises(EgotapError, match=r"needs one \.ckpt file, and has epoch\.ckpt, other\.ckpt"):
        load_lifter("egoposeformer", tmp_path / "small", unrealego())
    with pytest.raises(EgotapError, match="no such file"):
        load_lifter("egoposeformer", tmp_path / "nowhere.ckpt", unrealego())
    torch.save(state, tmp_path / "plain.ckpt")
    with pytest.raises(EgotapError, match="has no state_dict"):
        load_lifter("egoposeformer", tmp_path / "plain.ckpt", unrealego())
