"""The parts that motions are built from: curves, inverse kinematics, mirroring, retargeting."""

import numpy as np
import pytest
import torch
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from egotap_pl.synth.figure import BONES, PARENTS, REST_OFFSETS, Clip, forward_kinematics
from egotap_pl.synth.motion import ProceduralMotions, mirrored
from egotap_pl.synth.motion.ground import grounded, lowest_cm
from egotap_pl.synth.motion.ik import bend_to_reach, carried, middle_joint, swivelled
from egotap_pl.synth.motion.retarget import REQUIRED, captured_clip, retarget, swing
from egotap_pl.synth.motion.tracks import smooth, wander

UNTURNED = torch.eye(3).expand(1, len(BONES), 3, 3)


def place(clip: Clip) -> torch.Tensor:
    return forward_kinematics(REST_OFFSETS, clip.rotations, clip.root_cm)[0]


def test_smooth_is_scipys_pchip_between_inner_keys() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.2, 1.0, 8))
    values = rng.normal(size=(8, 2, 3))
    at = np.linspace(times[1], times[-2], 50)
    torch.testing.assert_close(smooth(times, values, at), PchipInterpolator(times, values)(at))


def test_smooth_is_constant_outside_the_keys_and_at_rest_at_the_ends() -> None:
    times, values = np.array([1.0, 2.0]), np.array([[0.0], [1.0]])
    curve = smooth(times, values, np.array([0.0, 1.0, 1.001, 1.5, 2.0, 9.0]))[:, 0]
    assert curve[[0, 1]].tolist() == [0, 0]
    assert curve[[4, 5]].tolist() == [1, 1]
    assert curve[2] < 1e-5
    assert curve[3] == pytest.approx(0.5)
    assert smooth(np.array([3.0]), np.array([[7.0]]), np.array([0.0, 5.0])).tolist() == [[7.0], [7.0]]


def test_wander_is_smooth_with_unit_deviation() -> None:
    noise = wander(np.random.default_rng(1), 3000, (6,), 30.0)
    assert noise.std() == pytest.approx(1.0, abs=0.15)
    assert np.abs(np.diff(noise, axis=0)).max() < 0.5


def test_two_bones_reach_all_targets_in_reach_and_no_others() -> None:
    rng = torch.Generator().manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(200, 3, generator=rng), dim=-1)
    pole = swivelled(torch.randn(200, 3, generator=rng), direction, torch.rand(200, generator=rng) * 6)
    wanted = torch.linspace(1.0, 120.0, 200)
    bend, distance = bend_to_reach(wanted, 42.0, 41.0, 0.05, 2.6)
    middle = middle_joint(direction, pole, distance, 42.0, 41.0)
    end = distance[:, None] * direction
    torch.testing.assert_close(middle.norm(dim=-1), torch.full((200,), 42.0))
    torch.testing.assert_close((end - middle).norm(dim=-1), torch.full((200,), 41.0), rtol=1e-4, atol=1e-3)
    assert ((middle * pole).sum(-1) > 0).all()
    angle = torch.acos(torch.nn.functional.cosine_similarity(middle, end - middle))
    torch.testing.assert_close(angle, bend, atol=1e-3, rtol=1e-3)
    inside = (wanted > distance.min() + 1e-3) & (wanted < distance.max() - 1e-3)
    assert 80 < inside.sum() < 180
    torch.testing.assert_close(distance[inside], wanted[inside])


def test_carried_is_the_smallest_rotation() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b, v = (torch.nn.functional.normalize(torch.randn(50, 3, generator=rng), dim=-1) for _ in range(3))
    axis = torch.linalg.cross(a, b)
    angle = torch.atan2(axis.norm(dim=-1), (a * b).sum(-1))
    turn = Rotation.from_rotvec((axis / axis.norm(dim=-1, keepdim=True) * angle[:, None]).numpy())
    np.testing.assert_allclose(carried(v, a, b).numpy(), turn.apply(v.numpy()), atol=1e-5)


def test_swing_between_opposite_directions_is_a_rotation() -> None:
    for axis in torch.eye(3):
        turn = swing(axis[None], -axis[None])
        torch.testing.assert_close(turn @ turn.mT, torch.eye(3)[None], atol=1e-5, rtol=0)
        torch.testing.assert_close(torch.linalg.det(turn), torch.ones(1))
        assert (turn[0] @ axis) @ axis < -0.95


def test_the_rest_pose_stands_on_the_ground() -> None:
    root = grounded(UNTURNED, torch.zeros(1, 3), torch.zeros(1))
    positions = forward_kinematics(REST_OFFSETS, UNTURNED, root)[0][0]
    assert positions[BONES.index("ball_l"), 1].item() == pytest.approx(3.0, abs=1e-4)
    assert positions[:, 1].min() > 2.9
    assert lowest_cm(UNTURNED, root).item() == pytest.approx(0.0, abs=1e-4)
    assert lowest_cm(UNTURNED, root + torch.tensor([0.0, 7.0, 0.0])).item() == pytest.approx(7.0, abs=1e-4)


def test_mirrored_swaps_the_sides_and_negates_x() -> None:
    clip = ProceduralMotions(1).clip("procedural/boxing/0000", 0)
    other = [BONES.index(n[:-1] + {"l": "r", "r": "l"}[n[-1]]) if n[-2] == "_" else i for i, n in enumerate(BONES)]
    expected = place(clip)[:, other] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(place(mirrored(clip)), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(mirrored(mirrored(clip)).rotations, clip.rotations)
    torch.testing.assert_close(torch.linalg.det(mirrored(clip).rotations), torch.ones(clip.rotations.shape[:2]))


def _points(rotations: torch.Tensor, root_cm: torch.Tensor) -> dict[str, torch.Tensor]:
    positions, orientations = forward_kinematics(REST_OFFSETS, rotations, root_cm)
    names = (*REQUIRED, "chest", "finger_l", "finger_r", "ball_l", "ball_r")
    points = {name: positions[:, BONES.index(name)] for name in names}
    head = BONES.index("head")
    return points | {"face": positions[:, head] + orientations[:, head] @ torch.tensor([0.0, 0.0, 10.0])}


@pytest.mark.parametrize("name", ["boxing", "standing - forward", "rolling", "crawling", "golf"])
def test_retargeting_the_figure_itself_changes_nothing(name: str) -> None:
    clip = ProceduralMotions(1).clip(f"procedural/{name}/0000", 3)
    rotations = clip.rotations.clone()
    # Positions alone show neither how the bones of the trunk share its bend nor where the clavicles are.
    for bone in ("spine", "chest", "clavicle_l", "clavicle_r"):
        rotations[:, BONES.index(bone)] = torch.eye(3)
    expected = forward_kinematics(REST_OFFSETS, rotations, clip.root_cm)[0]
    actual = forward_kinematics(REST_OFFSETS, *retarget(_points(rotations, clip.root_cm)))[0]
    assert (actual - expected).norm(dim=-1).max() < 2.5
    assert (actual - expected).norm(dim=-1).mean() < 1.0


def test_retargeting_does_not_depend_on_unit_or_heading() -> None:
    clip = ProceduralMotions(1).clip("procedural/dancing/0000", 0)
    points = _points(clip.rotations, clip.root_cm)
    rotations, root_cm = retarget(points)
    turn = torch.from_numpy(Rotation.from_euler("y", 70, degrees=True).as_matrix()).float()
    again, path_cm = retarget({name: 0.0254 * point @ turn.T for name, point in points.items()})
    torch.testing.assert_close(again[:, 1:], rotations[:, 1:], atol=2e-3, rtol=0)
    torch.testing.assert_close(again[:, 0], turn @ rotations[:, 0], atol=2e-3, rtol=0)
    torch.testing.assert_close(path_cm, root_cm @ turn.T, atol=0.05, rtol=0)


def test_captured_motion_is_resampled_and_set_on_the_ground() -> None:
    clip = ProceduralMotions(1).clip("procedural/jumping/0000", 0)
    points = {name: point + 500.0 for name, point in _points(clip.rotations, clip.root_cm).items()}
    times = np.arange(len(clip.root_cm)) / 60.0
    result = captured_clip(points, times, "jumping", "x", 4)
    assert result.fps == 30.0
    assert 0.4 * len(times) < len(result.root_cm) < 0.62 * len(times)
    assert result.root_cm[0, [0, 2]].tolist() == [0.0, 0.0]
    height = lowest_cm(result.rotations, result.root_cm)
    assert height.min().item() == pytest.approx(0.0, abs=0.1)
    assert height.max() > 5
    assert all(PARENTS[i] < i for i in range(1, len(BONES)))
