"""Poses stand upright and face the reader, whichever way round the cameras are mounted."""

import numpy as np
import pytest
from rest_pose import t_pose_cm

from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.figures.drawing import sign_of_left, upright
from egotap_pl.synth.mount import glasses, stick


@pytest.mark.parametrize(("mount", "skeleton", "left"), [(glasses(), unrealego(), 1), (stick(), egocap(), -1)])
def test_a_body_faces_the_reader(mount, skeleton, left):
    pose = t_pose_cm(mount, skeleton)
    assert sign_of_left(pose, skeleton) == sign_of_left(np.stack((pose, pose)), skeleton) == left
    body = dict(zip(skeleton.estimated_names, upright(pose, left), strict=True))
    hand, foot, ball, neck = (
        ("hand_l", "foot_l", "ball_l", "neck_01") if left == 1 else ("left_wrist", "left_ankle", "left_toe", "neck")
    )
    assert body[hand][0] > body[neck][0] + 60  # the wearer's left is on the reader's right
    assert body[neck][1] > body[foot][1] + 100
    assert body[ball][2] > body[foot][2] + 10  # toes point to the reader


def test_the_sign_ignores_numbers_that_are_not_finite_and_skeletons_without_sides():
    pose = t_pose_cm(stick(), egocap())
    pose[3] = np.nan
    assert sign_of_left(pose, egocap()) == -1
    assert sign_of_left(pose[:2], Skeleton("spine", ("head", "pelvis"), (0, 0), estimates_root=True)) == 1


def test_poses_are_turned_and_not_mirrored():
    for left in (1, -1):
        assert np.linalg.det(upright(np.eye(3), left)) == pytest.approx(1)
