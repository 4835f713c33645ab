"""Procedural motions: valid, plausible, recognisable, varied and reproducible."""

import functools

import numpy as np
import pytest
import torch

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.skeleton import unrealego
from egotap_pl.synth.figure import BONES, PARENTS, REST_OFFSETS, Clip, bone_of, forward_kinematics
from egotap_pl.synth.motion import MotionSource, ProceduralMotions
from egotap_pl.synth.motion.ground import lowest_cm

SOURCE = ProceduralMotions(per_category=3)
FLYING = {"jumping", "exercising", "standing - forward", "soccer", "basketball", "american football"}


def place(clip: Clip) -> torch.Tensor:
    return forward_kinematics(REST_OFFSETS, clip.rotations, clip.root_cm)[0]


def height(clip: Clip, bone: str) -> torch.Tensor:
    return place(clip)[:, BONES.index(bone), 1]


@functools.cache
def clips(category: str, seed: int = 0) -> list[Clip]:
    return [SOURCE.clip(f"procedural/{category}/{i:04d}", seed) for i in range(3)]


def turned(rotations: torch.Tensor) -> torch.Tensor:
    """Angle of each rotation, degrees."""
    cosine = (rotations.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))


def test_names_and_categories() -> None:
    assert isinstance(SOURCE, MotionSource)
    assert len(CATEGORIES) == 30
    assert (CATEGORIES[0], CATEGORIES[15], CATEGORIES[29]) == ("jumping", "standing - whole body", "golf")
    assert len(set(SOURCE.motions())) == 90
    assert [SOURCE.category(name) for name in SOURCE.motions()] == [c for c in CATEGORIES for _ in range(3)]
    assert "procedural/boxing/0002" in SOURCE.motions()
    with pytest.raises(KeyError):
        SOURCE.category("procedural/boxing/0003")
    with pytest.raises(KeyError):
        SOURCE.clip("procedural/napping/0000", 0)
    with pytest.raises(ValueError, match="per_category"):
        ProceduralMotions(0)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_is_a_valid_motion(category: str) -> None:
    for clip in clips(category):
        assert clip.category == category
        assert 1.3 * clip.fps < len(clip.root_cm) == len(clip.rotations) < 12 * clip.fps
        rotations, positions = clip.rotations, place(clip)
        assert torch.isfinite(positions).all()
        torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand_as(rotations), atol=1e-4, rtol=0)
        torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(rotations.shape[:2]), atol=1e-4, rtol=0)
        length = (positions[:, 1:] - positions[:, list(PARENTS[1:])]).norm(dim=-1)
        torch.testing.assert_close(length, REST_OFFSETS[1:].norm(dim=-1).expand_as(length), atol=0.02, rtol=0)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_body_rests_on_the_ground_and_never_sinks_into_it(category: str) -> None:
    for clip in clips(category, seed=1):
        lowest = lowest_cm(clip.rotations, clip.root_cm)
        assert lowest.min() > -0.05
        if category not in FLYING:
            assert lowest.max() < 0.05
        assert place(clip)[..., 1].min() > 1.0


@pytest.mark.parametrize("category", CATEGORIES)
def test_joints_bend_as_a_humans_do(category: str) -> None:
    for clip in clips(category, seed=2):
        for side, out in (("l", 1.0), ("r", -1.0)):
            # In the upper arm's axes, a straight forearm points outward and a bent one forward, never backward.
            forearm = clip.rotations[:, BONES.index(f"lowerarm_{side}")] @ torch.tensor([out, 0.0, 0.0])
            bend = torch.rad2deg(torch.atan2(forearm[:, 2], out * forearm[:, 0]))
            assert forearm[:, 1].abs().max() < 1e-3
            assert bend.min() > 0
            assert bend.max() < 151
            shin = clip.rotations[:, BONES.index(f"calf_{side}")] @ torch.tensor([0.0, -1.0, 0.0])
            bend = torch.rad2deg(torch.atan2(-shin[:, 2], -shin[:, 1]))
            assert shin[:, 0].abs().max() < 1e-3
            assert bend.min() > -2
            assert bend.max() < 156
            assert turned(clip.rotations[:, BONES.index(f"foot_{side}")]).max() < 80
            assert turned(clip.rotations[:, BONES.index(f"clavicle_{side}")]).max() < 40
        for bone, most in (("spine", 50), ("chest", 50), ("neck", 45), ("head", 60)):
            assert turned(clip.rotations[:, BONES.index(bone)]).max() < most


def test_the_same_name_and_seed_give_the_same_motion_and_others_do_not() -> None:
    name = "procedural/dancing/0001"
    first, again = SOURCE.clip(name, 5), ProceduralMotions(7).clip(name, 5)
    assert torch.equal(first.rotations, again.rotations)
    assert torch.equal(first.root_cm, again.root_cm)
    seeds = [SOURCE.clip(name, seed) for seed in range(6)]
    assert len({(len(c.root_cm), c.rotations.sum().item()) for c in seeds}) == 6
    assert len({len(c.root_cm) for c in seeds}) > 3, "the seed changes the speed"


def test_hands_vary_widely() -> None:
    joints = [bone_of("unrealego", joint) for joint in unrealego().joints]
    rng = np.random.default_rng(0)
    poses = []
    for clip in (clip for category in CATEGORIES for clip in clips(category)):
        positions, world = forward_kinematics(REST_OFFSETS, clip.rotations, clip.root_cm)
        frames = torch.from_numpy(rng.choice(len(positions), 8))
        # As a camera on the head sees it: in the head's axes, relative to the pelvis.
        relative = (positions - positions[:, :1]) @ world[:, BONES.index("head")]
        poses.append(relative[frames][:, joints])
    pose = torch.cat(poses)
    error_mm = 10 * (pose - pose.mean(0)).norm(dim=-1)
    assert 150 < error_mm.mean() < 400
    hand = error_mm[:, [unrealego().joints.index(f"hand_{side}") for side in "lr"]]
    assert hand.mean() > 200


def test_two_names_of_a_category_differ() -> None:
    for category in CATEGORIES:
        first, second, _ = (place(clip) - clip.root_cm[:, None] for clip in clips(category))
        frames = min(len(first), len(second))
        assert (first[:frames] - second[:frames]).norm(dim=-1).mean() > 3.0


def test_planted_feet_do_not_slide() -> None:
    feet = [BONES.index("foot_l"), BONES.index("foot_r")]
    for category in ("standing - upper body", "standing - forward", "standing - turning", "crouching - backward"):
        for clip in clips(category):
            moved = place(clip)[1:, feet] - place(clip)[:-1, feet]
            speed = moved.norm(dim=-1).amin(1) * clip.fps
            assert speed.median() < 8.0, category


def test_no_bone_moves_faster_than_an_athletes() -> None:
    of_all = (clip for category in CATEGORIES for clip in clips(category))
    speeds = [(place(clip).diff(dim=0).norm(dim=-1) * 30).quantile(0.999) for clip in of_all]
    assert max(speeds) < 1500


def test_motions_look_like_their_category() -> None:
    for clip in clips("jumping"):
        assert lowest_cm(clip.rotations, clip.root_cm).max() > 5
    for clip in clips("laying"):
        assert height(clip, "head").max() < 60
    for clip in clips("sitting on the ground"):
        assert height(clip, "pelvis").max() < 45
        assert height(clip, "head").min() > height(clip, "pelvis").max()
    for clip in clips("falling down"):
        assert height(clip, "head")[0] > 130 > 60 > height(clip, "head")[-1]
    for clip in clips("crawling"):
        assert height(clip, "head").max() < 110
    for category in ("standing - upper body", "singing", "boxing", "golf"):
        for clip in clips(category):
            assert height(clip, "head").median() > 120
    for category in ("crouching - normal", "crouching - forward"):
        for clip in clips(category):
            assert height(clip, "pelvis").max() < 82
    for clip in clips("crouching - to standing"):
        assert height(clip, "head").max() - height(clip, "head")[0] > 25
    for clip in clips("standing - to crouching"):
        assert height(clip, "head")[0] - height(clip, "head").min() > 25


@pytest.mark.parametrize(("word", "axis", "sign"), [("forward", 2, 1), ("backward", 2, -1), ("sideways", 0, 0)])
@pytest.mark.parametrize("posture", ["standing", "crouching"])
def test_walks_go_in_the_direction_of_their_category(posture: str, word: str, axis: int, sign: int) -> None:
    for clip in clips(f"{posture} - {word}"):
        # The sum of all steps, each in the axes of the body.
        path = (clip.rotations[:-1, 0].mT @ clip.root_cm.diff(dim=0)[..., None])[..., 0].sum(0)
        assert abs(path[axis]) > 40
        if sign:
            assert path[axis] * sign > 0


@pytest.mark.parametrize("posture", ["standing", "crouching"])
def test_turning_motions_turn(posture: str) -> None:
    for clip in clips(f"{posture} - turning"):
        ahead = clip.rotations[:, 0, :, 2]
        heading = np.unwrap(torch.atan2(ahead[:, 0], ahead[:, 2]).numpy())
        assert abs(np.rad2deg(heading[-1] - heading[0])) > 60
