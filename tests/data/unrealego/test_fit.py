"""Peaks of heatmaps, and the pelvis that is found from them."""

import numpy as np
import torch

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig
from egotap_pl.data.unrealego.fit import Peaks, find_peaks, fit_pelvis


def test_without_a_frame_that_both_views_see_the_right_camera_is_at_minus_x():
    rig = StereoRig.unrealego()
    random = np.random.default_rng(0)
    pose = torch.from_numpy(random.uniform((-25, -15, -45), (25, 15, 60), (3, 16, 3)))
    pelvis = torch.tensor([[-6.0, -20.0, 65.0]]).double()
    px, inside = rig.project(pose[:, 1:] + pelvis)
    centres = ((px / 16).floor() + 0.5) * (FRAME_PX / 64)
    assert inside.all()
    inside[:, 1] = False
    peaks = Peaks(centres, inside, FRAME_PX / 128)
    fit = fit_pelvis(peaks, pose, rig, min_peaks=15)
    assert fit.residual_px.isfinite().all()
    assert fit_pelvis(peaks, pose, rig, min_peaks=16).residual_px.isinf().all()
    left, right = fit.pelvis_cm.unbind(1)
    torch.testing.assert_close(left, pelvis.expand(3, 3), atol=2.0, rtol=0)
    torch.testing.assert_close(right - left, torch.tensor([[12.0, 0.0, 0.0]]).double().expand(3, 3))


def test_a_few_wrong_peaks_do_not_move_the_pelvis():
    rig = StereoRig.unrealego()
    random = np.random.default_rng(0)
    pose = torch.from_numpy(random.uniform((-25, -15, -45), (25, 15, 60), (3, 16, 3)))
    px, inside = rig.project(pose[:, 1:] + torch.tensor([[-6.0, -20.0, 65.0]]).double())
    centres = ((px / 16).floor() + 0.5) * (FRAME_PX / 64)
    alone = fit_pelvis(Peaks(centres, inside, FRAME_PX / 128), pose, rig)
    centres[:, :, :3] += 48.0
    wrong = fit_pelvis(Peaks(centres, inside, FRAME_PX / 128), pose, rig)
    torch.testing.assert_close(wrong.pelvis_cm, alone.pelvis_cm, atol=0.7, rtol=0)


def test_peaks_are_the_centres_of_the_highest_pixels():
    """A joint whose peak is in a border pixel may be beyond the border; a low peak is the foot of such a Gaussian."""
    pixels = [(1, 62), (5, 9), (0, 30), (63, 30), (30, 0), (30, 63), (20, 20)]
    heatmaps = torch.zeros(1, 2, len(pixels), 64, 64)
    for joint, (u, v) in enumerate(pixels):
        heatmaps[:, :, joint, v, u] = 0.9 if (u, v) == (20, 20) else 1.0
    peaks = find_peaks(heatmaps)
    assert peaks.centres_px[0, 1, :2].tolist() == [[24, 1000], [88, 152]]
    assert peaks.in_frame[0, 0].tolist() == [True, True, False, False, False, False, False]
    assert peaks.half_px == 8
