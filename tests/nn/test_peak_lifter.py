"""The lifter of few numbers: what they are, and how they are standardised."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders.rays import find_peaks, peak_numbers
from egotap_pl.nn.peak_lifter import PeakLifter, Standardise

PX = 16


def make(skeleton: Skeleton) -> PeakLifter:
    lifter = PeakLifter(skeleton, heatmap_px=PX, hidden_dims=(8,))
    lifter.set_rig(StereoRig.unrealego())
    return lifter


def heatmaps(skeleton: Skeleton, frames: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    limbs = skeleton.num_heatmap_joints
    return torch.rand(frames, 2, limbs, PX, PX), torch.rand(frames, 2, limbs, 2, PX, PX)


def test_the_numbers_are_peaks_points_sums_and_limbs_at_their_joints(skeleton: Skeleton) -> None:
    lifter, (joint, limb) = make(skeleton), heatmaps(skeleton)
    peaks = find_peaks(joint)
    of_view, of_point = peak_numbers(peaks, StereoRig.unrealego())
    expected = [of_view.flatten(1), of_point.flatten(1), limb.sum((-1, -2)).flatten(1) / PX]
    at_joint = np.empty(limb.shape[:4], np.float32)
    for frame, view, j, k in np.ndindex(*limb.shape[:4]):
        u, v = (peaks.at[frame, view, j] * PX - 0.5).tolist()
        at_joint[frame, view, j, k] = ndimage.map_coordinates(
            limb[frame, view, j, k].numpy(), [[v], [u]], order=1, mode="nearest"
        )[0]
    numbers = lifter.numbers(joint, limb)
    torch.testing.assert_close(numbers, torch.cat((*expected, torch.from_numpy(at_joint).flatten(1)), 1))
    assert numbers.shape[1] == lifter.directly.in_features


def test_a_new_lifter_estimates_the_mean_pose(skeleton: Skeleton) -> None:
    lifter, mean_cm = make(skeleton), torch.randn(len(skeleton.estimated), 3)
    lifter.set_mean_pose(mean_cm)
    torch.testing.assert_close(lifter(*heatmaps(skeleton)), mean_cm.expand(3, -1, -1))


def test_a_pose_depends_on_no_other_frame_once_trained(skeleton: Skeleton) -> None:
    lifter, maps = make(skeleton), heatmaps(skeleton)
    torch.nn.init.normal_(lifter.directly.weight)
    lifter(*maps)
    lifter.eval()
    alone = torch.cat([lifter(*(part[k : k + 1] for part in maps)) for k in range(3)])
    torch.testing.assert_close(alone, lifter(*maps), rtol=1e-4, atol=1e-4)


def test_without_cameras_there_are_no_rays(skeleton: Skeleton) -> None:
    lifter = make(skeleton)
    lifter.set_rig(None)
    with pytest.raises(ValueError, match="PeakLifter needs the cameras"):
        lifter(*heatmaps(skeleton))


def test_numbers_are_standardised_by_all_that_were_seen() -> None:
    random = np.random.default_rng(0)
    seen = [random.normal(3.0, 5.0, (n, 4)).astype(np.float32) for n in (1, 7, 32)]
    standardise = Standardise(4)
    for batch in seen:
        given = standardise(torch.from_numpy(batch))
    everything = np.concatenate(seen)
    expected = (seen[-1] - everything.mean(0)) / everything.std(0)
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-3)
    standardise.eval()
    far = standardise(torch.tensor([[1e4, -1e4, 3.0, 3.0]]))
    np.testing.assert_allclose(far[0, :2], [6.0, -6.0])
    np.testing.assert_allclose(standardise(torch.from_numpy(seen[-1])), given)  # of use, nothing is learnt
    constant = Standardise(1)
    assert constant(torch.full((4, 1), 2.0)).abs().max() == 0


def test_a_loss_may_use_it_twice() -> None:
    """As with windows of earlier frames."""
    standardise, numbers = Standardise(2), torch.randn(5, 2, requires_grad=True)
    (standardise(numbers) * standardise(2 * numbers)).sum().backward()
    assert numbers.grad is not None
    assert numbers.grad.isfinite().all()
