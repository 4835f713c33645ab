"""Loss terms of poses, computed by hand."""

from __future__ import annotations

import math
from inspect import unwrap  # what users run, without the check of shapes in tests

import pytest
import torch

from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.losses import bone_cosine, mpjpe_cm

TRUTH = torch.tensor([[[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [10.0, 5.0, 0.0]]])
LIMBS = ((1, 0), (2, 1))


def test_mpjpe_is_in_cm() -> None:
    pose = TRUTH.repeat(2, 1, 1)
    pose[0, 2] += torch.tensor([0.0, 3.0, 4.0])
    assert mpjpe_cm(pose, TRUTH.repeat(2, 1, 1)).item() == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (TRUTH, -2.0),
        (TRUTH * 3 + 50, -2.0),  # length and position do not matter
        (-TRUTH, 2.0),
        (TRUTH[..., [1, 0, 2]], 0.0),  # each limb rotated by 90 degrees
    ],
)
def test_cosine_is_summed_over_limbs(pose: torch.Tensor, expected: float) -> None:
    assert bone_cosine(pose, TRUTH, LIMBS).item() == pytest.approx(expected)


def test_cosine_is_averaged_over_the_batch() -> None:
    both = torch.cat((TRUTH, -TRUTH, TRUTH))
    assert bone_cosine(both, TRUTH.repeat(3, 1, 1), LIMBS).item() == pytest.approx(-2 / 3)


@pytest.mark.parametrize("skeleton", [unrealego(), egocap()], ids=lambda s: s.name)
def test_a_true_pose_scores_minus_the_number_of_limbs(skeleton) -> None:
    pose = 30 * torch.randn(4, len(skeleton.estimated), 3)
    limbs = skeleton.estimated_limbs
    assert bone_cosine(pose, pose, limbs).item() == pytest.approx(-len(limbs), rel=1e-5)


def test_gradients_are_right_and_finite_even_without_a_direction() -> None:
    truth = 30 * torch.randn(2, 3, 3, dtype=torch.float64)
    pose = (30 * torch.randn(2, 3, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: bone_cosine(p, truth, LIMBS), pose)
    assert torch.autograd.gradcheck(lambda p: mpjpe_cm(p, truth), pose)
    for start in (torch.zeros_like(truth), truth, truth * 1e-12):
        pose = start.clone().requires_grad_()
        (mpjpe_cm(pose, truth) + bone_cosine(pose, truth, LIMBS)).backward()
        assert pose.grad is not None
        assert torch.isfinite(pose.grad).all()
        assert pose.grad.abs().max() < 1e3


def test_true_limbs_without_length_do_not_count() -> None:
    point = torch.ones(1, 3, 3)
    assert bone_cosine(TRUTH, point, LIMBS).item() == 0.0
    assert math.isfinite(bone_cosine(point, point, LIMBS).item())


def test_a_skeleton_without_estimated_limbs_has_no_cosine() -> None:
    """Every joint hangs on the camera, which is not estimated: such poses are trained on positions alone."""
    skeleton = Skeleton("points", ("cam", "left_hand", "right_hand"), (0, 0, 0), estimates_root=False)
    pose = torch.randn(4, 2, 3, requires_grad=True)
    cosine = bone_cosine(pose, torch.randn(4, 2, 3), skeleton.estimated_limbs)
    assert cosine.item() == 0.0
    (mpjpe_cm(pose, torch.zeros(4, 2, 3)) + cosine).backward()
    assert pose.grad is not None
    assert torch.isfinite(pose.grad).all()


@pytest.mark.parametrize("shape", [(2, 1, 3), (2, 16, 1), (1, 16, 3), (2, 15, 3)])
def test_poses_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="were estimated, the true ones have"):
        unwrap(mpjpe_cm)(torch.zeros(shape), torch.zeros(2, 16, 3))
