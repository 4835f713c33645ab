from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from slow_transformer import randomise, torch_transformer
from tiny_lifter import ENCODERS, HEATMAP_PX, JOINT_DIM, make_lifter, random_heatmaps

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.nn.encoders.rays import find_peaks

close = torch.testing.assert_close


def make(skeleton):
    return ENCODERS["rays"](skeleton=skeleton, heatmap_px=HEATMAP_PX, joint_dim=JOINT_DIM)


def test_peaks_against_scipy():
    maps = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(40, 24, 20)), (0, 2, 2)).astype(np.float32)
    peaks = find_peaks(torch.from_numpy(maps))
    for k, one in enumerate(maps):
        row, column = ndimage.maximum_position(one)
        assert peaks.height[k] == one.max()
        positive = one.clip(min=0)
        rows, columns = np.ogrid[: one.shape[0], : one.shape[1]]
        around = positive * (abs(rows - row) <= 3) * (abs(columns - column) <= 3)
        for content, (u, v) in ((around, peaks.at[k]), (positive, peaks.mean[k])):
            expected = ndimage.center_of_mass(content)
            assert (v * 24 - 0.5, u * 20 - 0.5) == pytest.approx(expected, abs=1e-3)
        assert peaks.share[k] == pytest.approx(around.sum() / positive.sum(), rel=1e-4)
        weights = positive / positive.sum()
        deviations = [np.sqrt((weights * (x - (weights * x).sum()) ** 2).sum()) for x in (columns / 20, rows / 24)]
        assert peaks.spread[k].tolist() == pytest.approx(deviations, abs=1e-4)


def test_a_true_heatmap_has_its_peak_at_the_middle_of_the_pixel_of_the_joint(skeleton):
    px = torch.rand(3, 2, skeleton.num_joints, 2) * (FRAME_PX - 400) + 200
    peaks = find_peaks(joint_heatmaps(px, skeleton, 64))
    pixel = FRAME_PX / 64
    close(peaks.at * FRAME_PX, ((px / pixel).floor() + 0.5)[:, :, 1:] * pixel, atol=0.1, rtol=0)
    close(peaks.mass, torch.ones_like(peaks.mass), atol=0.01, rtol=0)


def test_an_empty_heatmap_has_its_peak_in_the_middle_and_no_height():
    peaks = find_peaks(torch.zeros(1, 8, 8))
    assert peaks.at.tolist() == peaks.mean.tolist() == [[0.5, 0.5]]
    assert peaks.height.item() == peaks.mass.item() == peaks.share.item() == 0
    assert peaks.spread.max() < 1e-3


def test_points_are_near_the_true_joints(skeleton):
    """Heatmaps of 256 px, so that a pixel is small: the points that the network reads are the joints."""
    rig = StereoRig.unrealego()
    points_cm = torch.randn(2, skeleton.num_joints, 3) * torch.tensor([12.0, 8.0, 10.0]) + torch.tensor(
        [0.0, 0.0, 35.0]
    )
    px, inside = rig.project(points_cm)
    assert inside.all()
    encoder = make(skeleton)
    _, of_point = encoder.numbers(joint_heatmaps(px * (FRAME_PX / rig.cameras[0].size_px[0]), skeleton, 256))
    error_cm = (of_point[..., :3] * 50 - points_cm[:, 1:]).norm(dim=-1)
    assert error_cm.median() < 2.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_heatmaps_in_half_precision_give_nearly_the_same_points(dtype, skeleton):
    maps = joint_heatmaps(torch.rand(2, 2, skeleton.num_joints, 2) * (FRAME_PX - 400) + 200, skeleton, 32)
    encoder = make(skeleton)
    for numbers, expected in zip(encoder.numbers(maps.to(dtype)), encoder.numbers(maps), strict=True):
        assert numbers.dtype == torch.float32
        close(numbers, expected, atol=0.03, rtol=0.05)


def test_against_a_slow_implementation(skeleton):
    encoder = randomise(make(skeleton))
    maps, _ = random_heatmaps(skeleton, 2)
    of_view, of_point = encoder.numbers(maps)
    tokens, numbers = [], []
    for view in range(2):
        for joint in range(skeleton.num_heatmap_joints):
            pixels, peak = maps[:, view, joint].flatten(1), of_view[:, view, joint]
            tokens.append(encoder.project(pixels) + encoder.project_peaks(peak))
    for joint in range(skeleton.num_heatmap_joints):
        numbers.append(torch.cat((of_view[:, 0, joint], of_view[:, 1, joint], of_point[:, joint]), 1))
        tokens.append(encoder.project_points(numbers[-1]))
    out = torch_transformer(encoder)(torch.stack(tokens, 1) + encoder.positions)
    n = skeleton.num_heatmap_joints
    features = [
        encoder.reduce(torch.cat((out[:, j], out[:, n + j], out[:, 2 * n + j], numbers[j]), 1)) for j in range(n)
    ]
    close(encoder(maps), torch.stack(features, 1), atol=1e-4, rtol=1e-4)


def test_it_needs_the_cameras(skeleton):
    lifter = make_lifter(skeleton, encoder="rays").eval()
    maps = random_heatmaps(skeleton, 1)
    before = lifter(*maps)
    lifter.set_rig(StereoRig.unrealego(baseline_cm=20.0))
    assert not torch.allclose(lifter(*maps), before)
    lifter.set_rig(None)
    with pytest.raises(ValueError, match="needs the cameras"):
        lifter(*maps)
