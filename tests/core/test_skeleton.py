"""Skeletons: the published ones, their trees, and what is derived from them."""

from __future__ import annotations

import json

import pytest

from egotap_pl.core.sides import side_of
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego

BOTH = pytest.mark.parametrize("skeleton", [unrealego(), egocap()], ids=lambda s: s.name)


def tree(*parents: int, estimates_root: bool = True) -> Skeleton:
    return Skeleton("tree", tuple(f"j{i}" for i in range(len(parents))), parents, estimates_root)


def test_unrealego_is_the_published_skeleton() -> None:
    skeleton = unrealego()
    assert " ".join(skeleton.joints) == (
        "head neck_01 upperarm_l upperarm_r lowerarm_l lowerarm_r hand_l hand_r "
        "thigh_l thigh_r calf_l calf_r foot_l foot_r ball_l ball_r"
    )
    parent_of = {skeleton.joints[c]: skeleton.joints[p] for c, p in skeleton.limbs}
    assert parent_of["thigh_l"] == "upperarm_l"
    assert parent_of["thigh_r"] == "upperarm_r"
    assert parent_of["neck_01"] == "head"
    assert parent_of["hand_r"] == "lowerarm_r"
    assert (skeleton.num_joints, skeleton.num_heatmap_joints, len(skeleton.estimated)) == (16, 15, 16)
    assert len(skeleton.estimated_limbs) == 15


def test_egocap_is_the_published_skeleton() -> None:
    skeleton = egocap()
    assert skeleton.parents == (0, 0, 1, 2, 3, 4, 1, 6, 7, 8, 2, 10, 11, 12, 6, 14, 15, 16)
    assert skeleton.joints[:4] == ("cam", "neck", "left_shoulder", "left_elbow")
    assert skeleton.joints[-4:] == ("right_hip", "right_knee", "right_ankle", "right_toe")
    assert (skeleton.num_joints, skeleton.num_heatmap_joints, len(skeleton.estimated)) == (18, 17, 17)
    assert "cam" not in skeleton.estimated_names
    assert len(skeleton.estimated_limbs) == 16  # one end of the limb from the neck to the camera is not estimated


@BOTH
def test_a_limb_stays_on_its_side(skeleton: Skeleton) -> None:
    def side(name: str) -> str:
        return "l" if name.startswith("left") or name.endswith("_l") else "r" if "right" in name or "_r" in name else ""

    for child, parent in skeleton.limbs:
        ends = side(skeleton.joints[child]), side(skeleton.joints[parent])
        assert ends[0] == ends[1] or not ends[1]


@BOTH
def test_levels_contain_every_joint_but_the_root_one_level_below_its_parent(skeleton: Skeleton) -> None:
    levels = skeleton.levels
    assert sorted(j for level in levels for j in level) == list(range(1, skeleton.num_joints))
    level_of = {0: -1, **{j: k for k, level in enumerate(levels) for j in level}}
    assert all(level_of[child] == level_of[parent] + 1 for child, parent in skeleton.limbs)
    assert skeleton.depths == tuple(level_of[j] + 1 for j in range(skeleton.num_joints))


def test_levels_paths_and_subtrees_of_a_small_tree() -> None:
    #      0
    #     / \
    #    2   3      joints need not be numbered from the root outwards
    #   / \
    #  1   4
    small = tree(0, 2, 0, 0, 2)
    assert small.levels == ((2, 3), (1, 4))
    assert small.depths == (0, 2, 1, 1, 2)
    assert small.path(1) == (1, 2, 0)
    assert small.path(0) == (0,)
    assert small.subtree(2) == (1, 2, 4)
    assert small.subtree(3) == (3,)
    assert small.subtree(0) == (0, 1, 2, 3, 4)


@BOTH
def test_a_subtree_is_a_joint_and_the_subtrees_of_its_children(skeleton: Skeleton) -> None:
    for joint in range(skeleton.num_joints):
        children = [c for c, p in skeleton.limbs if p == joint]
        expected = {joint}.union(*(skeleton.subtree(c) for c in children))
        assert set(skeleton.subtree(joint)) == expected


@BOTH
def test_mirror_swaps_sides_and_keeps_the_tree(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    assert all(mirror[mirror[j]] == j for j in range(skeleton.num_joints))
    midline = {skeleton.joints[j] for j in range(skeleton.num_joints) if mirror[j] == j}
    assert midline == ({"head", "neck_01"} if skeleton.name == "unrealego" else {"cam", "neck"})
    assert all(skeleton.parents[mirror[c]] == mirror[p] for c, p in skeleton.limbs)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("LeftHand", "RightHand"),
        ("hand_left", "hand_right"),
        ("mixamorig:LeftHand", "mixamorig:RightHand"),
        ("L_Hand", "R_Hand"),
        ("hand.L", "hand.R"),
        ("LHip", "RHip"),
        ("lShldr", "rShldr"),
        ("kneeL", "kneeR"),
        ("handLeft", "handRight"),
        ("LEFT_HIP", "RIGHT_HIP"),
    ],
)
def test_mirror_pairs_names_as_other_programs_write_them(left: str, right: str) -> None:
    skeleton = Skeleton("odd", ("Head", "Neck", "L3", left, right), (0,) * 5, estimates_root=True)
    assert skeleton.mirror == (0, 1, 2, 4, 3)
    assert [side_of(name) for name in skeleton.joints] == ["", "", "", "left", "right"]


def test_mirror_pairs_names_by_prefix_or_suffix() -> None:
    names = ("root", "left_hand", "right_hand", "ball_l", "ball_r", "tail_l", "leftover")
    skeleton = Skeleton("odd", names, (0,) * 7, estimates_root=True)
    assert skeleton.mirror == (0, 2, 1, 4, 3, 5, 6)  # a joint whose other side is missing is its own counterpart


@BOTH
def test_in_a_chain_each_joint_follows_the_one_before(skeleton: Skeleton) -> None:
    chain = skeleton.chain()
    assert chain.joints == skeleton.joints
    assert chain.parents == (0, *range(skeleton.num_joints - 1))
    assert chain.levels == tuple((j,) for j in range(1, skeleton.num_joints))
    assert chain.estimated == skeleton.estimated
    assert chain.name != skeleton.name


def test_estimated_limbs_are_rows_of_the_estimated_pose() -> None:
    with_root, without = tree(0, 0, 1), tree(0, 0, 1, estimates_root=False)
    assert with_root.estimated_limbs == ((1, 0), (2, 1))
    assert without.estimated_limbs == ((1, 0),)  # joints 2 and 1 are rows 1 and 0
    assert without.estimated_names == ("j1", "j2")


@BOTH
def test_skeletons_are_values(skeleton: Skeleton) -> None:
    same = Skeleton(skeleton.name, skeleton.joints, tuple(skeleton.parents), skeleton.estimates_root)
    assert same == skeleton
    assert hash(same) == hash(skeleton)
    assert skeleton.chain() != skeleton
    assert skeleton.with_parents(skeleton.parents, skeleton.name) == skeleton


@BOTH
def test_skeletons_come_back_from_json_and_from_fields_as_tuples(skeleton: Skeleton) -> None:
    plain = skeleton.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert Skeleton.from_dict(json.loads(json.dumps(plain))) == skeleton
    # as checkpoints hold them
    assert Skeleton.from_dict({**plain, "joints": skeleton.joints, "parents": skeleton.parents}) == skeleton


def test_dictionaries_that_are_not_a_skeleton_are_refused() -> None:
    plain = unrealego().to_dict()
    with pytest.raises(ValueError, match="estimates_root"):
        Skeleton.from_dict({name: value for name, value in plain.items() if name != "estimates_root"})
    with pytest.raises(ValueError, match="bones"):
        Skeleton.from_dict({**plain, "bones": []})
    with pytest.raises(ValueError, match="joint 0"):
        Skeleton.from_dict({**plain, "parents": [1] * 16})


@pytest.mark.parametrize(
    ("joints", "parents", "message"),
    [
        (("a", "b"), (0,), "2 joints but 1 parents"),
        (("a", "a"), (0, 0), "twice"),
        (("a", "b"), (1, 0), "joint 0"),
        ((), (), "joint 0"),
        (("a", "b", "c"), (0, 2, 1), "joint 'b' is not connected"),  # a loop
        (("a", "b"), (0, 1), "joint 'b' is not connected"),  # its own parent
        (("a", "b"), (0, 5), "joint 'b' is not connected"),  # not a joint
        (("a", "b"), (0, -1), "joint 'b' is not connected"),
    ],
)
def test_parents_that_do_not_form_a_tree_are_refused(
    joints: tuple[str, ...], parents: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton("bad", joints, parents, estimates_root=True)
