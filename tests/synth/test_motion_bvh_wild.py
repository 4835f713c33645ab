"""BVH files as other programs write them: names, axes, units, orders of channels, leading T-poses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bvh_files import NAMINGS, Joint, bvh_text, figure_joints, true_places
from scipy.spatial.transform import Rotation

from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.figure import BONES, REST_OFFSETS, forward_kinematics
from egotap_pl.synth.motion import BvhMotions, ProceduralMotions
from egotap_pl.synth.motion.bvh import read_bvh, source
from egotap_pl.synth.motion.bvh.places import places
from egotap_pl.synth.motion.bvh.text import read_text
from egotap_pl.synth.motion.retarget import OPTIONAL, REQUIRED, retarget

MIXAMO, SMPL = NAMINGS["mixamo"], NAMINGS["smpl"]
LIMBS = [(f"{a}_{s}", f"{b}_{s}") for a, b in (("upperarm", "lowerarm"), ("lowerarm", "hand")) for s in "lr"]
LIMBS += [(f"{a}_{s}", f"{b}_{s}") for a, b in (("thigh", "calf"), ("calf", "foot")) for s in "lr"]
Motion = tuple[np.ndarray, np.ndarray]


def motion(category: str, step: int = 5, heading: float = 70.0) -> Motion:
    """Rotations and path of one of the procedural motions, turned by an angle and moved away from the origin."""
    clip = ProceduralMotions(1).clip(f"procedural/{category}/0000", 1)
    rotations, root_cm = clip.rotations[::step].double().numpy(), clip.root_cm[::step].double().numpy()
    turn = Rotation.from_euler("y", heading, degrees=True)
    rotations[:, 0] = turn.as_matrix() @ rotations[:, 0]
    return rotations, turn.apply(root_cm) + np.array([130.0, 0.0, -70.0])


BOXING = motion("boxing")
TRUE = true_places(*BOXING)


def write(folder: Path, text: str) -> Path:
    path = folder / "motion.bvh"
    path.write_text(text)
    return path


def check(
    points: dict[str, torch.Tensor], true: dict[str, np.ndarray], unit: float = 1.0, chest: str = "chest"
) -> None:
    """The points are where the figure's bones truly were, to a hundredth of a millimetre."""
    assert set(REQUIRED) <= set(points)
    for joint, place in points.items():
        if joint != "face":
            expected = true[chest if joint == "chest" else joint]
            np.testing.assert_allclose(place.numpy() / unit, expected, atol=1e-3, err_msg=joint)


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("along_x", [False, True], ids=["rest pose", "axes along bones"])
def test_the_names_of_programs_and_data_sets_are_understood(tmp_path: Path, naming: str, along_x: bool) -> None:
    names = NAMINGS[naming]
    text = bvh_text(figure_joints(*BOXING, names.names(), along_x=along_x))
    points = read_bvh(write(tmp_path, text))[1]
    assert {"chest", "face", "ball_l", "ball_r"} <= set(points)
    check(points, TRUE, chest=names.chest)


def test_further_joints_do_not_matter(tmp_path: Path) -> None:
    """CMU's skeletons have joints between hip and thigh, Bandai Namco's a root on the ground."""
    still, none = Rotation.identity(len(BOXING[1])), np.zeros(3)
    joints = [Joint("joint_Root", -1, none, still, np.zeros((len(BOXING[1]), 3)))]
    for joint in figure_joints(*BOXING, NAMINGS["lafan1"].names()):
        joints.append(replace(joint, parent=joint.parent + 1))
    for side in ("Left", "Right"):
        thigh = next(i for i, joint in enumerate(joints) if joint.name == f"{side}UpLeg")
        joints.append(Joint(f"{side[0]}HipJoint", joints[thigh].parent, none, still))
        joints[thigh] = replace(joints[thigh], parent=len(joints) - 1)
    check(read_bvh(write(tmp_path, bvh_text(joints)))[1], TRUE)


def test_joints_at_the_same_place_give_no_direction(tmp_path: Path) -> None:
    """CMU's Spine1 is where its Neck is, and the base of its fingers where the hand is."""
    names = NAMINGS["cmu"].names() | {"spine": "LowerBack", "chest": "Spine", "finger_l": "LeftHandThumb"}
    joints, still = figure_joints(*BOXING, names), Rotation.identity(len(BOXING[1]))
    by_name = {joint.name: i for i, joint in enumerate(joints)}
    neck = joints[by_name["Neck"]]
    joints.append(Joint("Spine1", neck.parent, neck.offset, still))
    joints[by_name["Neck"]] = replace(neck, parent=len(joints) - 1, offset=np.zeros(3))
    joints.append(Joint("LeftFingerBase", by_name["LeftHand"], np.zeros(3), still))
    points = read_bvh(write(tmp_path, bvh_text(joints)))[1]
    check(points, TRUE)
    assert "finger_l" not in points
    assert BvhMotions(tmp_path).clip("bvh/motion", 0).rotations.isfinite().all()
    with pytest.raises(EgotapError, match=r"motion\.bvh: neck and head are at the same place; say .*neck: NAME"):
        read_bvh(tmp_path / "motion.bvh", joints={"head": "Spine1"})


def test_fingers_of_most_hands_are_found(tmp_path: Path) -> None:
    with_fingers = {
        naming
        for naming, names in NAMINGS.items()
        if "finger_l" in read_bvh(write(tmp_path, bvh_text(figure_joints(*BOXING, names.names()))))[1]
    }
    assert set(NAMINGS) - with_fingers == {"lafan1", "xsens, 100style", "xsens mvn", "bandai namco", "motive"}


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("unit", [1.0, 0.01, 1 / 2.54])
def test_the_figure_moves_as_the_body_did(tmp_path: Path, up: str, unit: float) -> None:
    path = write(tmp_path, bvh_text(figure_joints(*BOXING, SMPL.names(), up=up, unit=unit), digits=8))
    rotations, root_cm = retarget(read_bvh(path)[1])
    at = dict(zip(BONES, forward_kinematics(REST_OFFSETS, rotations, root_cm)[0].unbind(1), strict=True))
    for start, end in LIMBS:
        limb, true = (at[end] - at[start]).double().numpy(), TRUE[end] - TRUE[start]
        cosine = (limb * true).sum(-1) / np.linalg.norm(limb, axis=-1) / np.linalg.norm(true, axis=-1)
        assert cosine.min() > np.cos(np.radians(0.1)), (start, end)
    # What is made of the true places is what is made of the file.
    true_points = {name: torch.from_numpy(TRUE[name]).float() for name in REQUIRED}
    true_points |= {name: torch.from_numpy(TRUE[name]).float() for name in OPTIONAL if name not in ("chest", "face")}
    true_points |= {"chest": torch.from_numpy(TRUE["spine"]).float()}
    true_points |= {"face": read_bvh(path)[1]["face"] / unit}
    expected = forward_kinematics(REST_OFFSETS, *retarget(true_points))[0]
    torch.testing.assert_close(torch.stack([at[b] for b in BONES], 1), expected, atol=0.02, rtol=0)


def test_the_face_looks_ahead(tmp_path: Path) -> None:
    points = read_bvh(write(tmp_path, bvh_text(figure_joints(*BOXING, SMPL.names(), up="z"))))[1]
    ahead = Rotation.from_matrix(BOXING[0][:, 0]).apply([0.0, 0.0, 1.0])
    face = (points["face"] - points["head"]).double().numpy()
    assert ((face * ahead).sum(-1) / np.linalg.norm(face, axis=-1)).mean() > 0.8


@pytest.mark.parametrize("category", ["standing - forward", "laying", "crawling", "dancing"])
@pytest.mark.parametrize("up", ["y", "z"])
def test_the_up_axis_is_that_of_the_rest_pose(tmp_path: Path, category: str, up: str) -> None:
    body = motion(category)
    path = write(tmp_path, bvh_text(figure_joints(*body, SMPL.names(), up=up)))
    check(read_bvh(path)[1], true_places(*body), chest="spine")


@pytest.mark.parametrize("category", ["standing - forward", "boxing", "dancing", "jumping"])
@pytest.mark.parametrize("along_x", [False, True], ids=["rest pose along Y", "no rest pose"])
def test_a_motion_that_stands_along_z_is_z_up_whatever_the_rest_pose(
    tmp_path: Path, category: str, along_x: bool
) -> None:
    body = motion(category)
    joints = figure_joints(*body, SMPL.names(), up="z", rest_up="y", along_x=along_x)
    check(read_bvh(write(tmp_path, bvh_text(joints)))[1], true_places(*body), chest="spine")


def test_what_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    body = motion("laying", heading=180.0)  # the head is at +Z of the feet
    path = write(tmp_path, bvh_text(figure_joints(*body, SMPL.names(), along_x=True)))
    with pytest.raises(EgotapError, match=r"motion\.bvh: cannot tell which way is up.*say it: up: y or up: z"):
        read_bvh(path)
    check(read_bvh(path, up="y")[1], true_places(*body), chest="spine")
    with pytest.raises(EgotapError, match="cannot tell"):
        BvhMotions(tmp_path).clip("bvh/motion", 0)
    assert BvhMotions(tmp_path, up="y").clip("bvh/motion", 0).root_cm[:, 1].max() < 60


def test_an_axis_that_is_given_is_not_doubted(tmp_path: Path) -> None:
    path = write(tmp_path, bvh_text(figure_joints(*BOXING, SMPL.names())))
    head = read_bvh(path, up="z")[1]["head"].double().numpy()
    np.testing.assert_allclose(head, TRUE["head"] @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-3)


def test_names_may_be_given_as_a_table(tmp_path: Path) -> None:
    names = {bone: f"os_{i}" for i, bone in enumerate(BONES)}
    path = write(tmp_path, bvh_text(figure_joints(*BOXING, names)))
    with pytest.raises(EgotapError, match=r"no joint for neck, head, .* among os_0, os_1.*joints: \{neck: NAME"):
        read_bvh(path)
    table = {joint: names[joint] for joint in (*REQUIRED, "ball_l")}
    points = read_bvh(path, joints=table)[1]
    assert set(points) == {*table, "face"}
    check(points, TRUE)
    with pytest.raises(EgotapError, match=r"motion\.bvh: joints: there is no 'LeftArm' among os_0"):
        read_bvh(path, joints=table | {"upperarm_l": "LeftArm"})


def test_a_table_takes_precedence_over_known_names(tmp_path: Path) -> None:
    names = MIXAMO.names() | {"chest": "mixamorig:Middle"}
    path = write(tmp_path, bvh_text(figure_joints(*BOXING, names)))
    check(read_bvh(path)[1], TRUE, chest="spine")
    check(read_bvh(path, joints={"chest": "Middle"})[1], TRUE)
    check(read_bvh(path, joints={"chest": "mixamorig:Middle"})[1], TRUE)
    swapped = read_bvh(path, joints={"hand_l": "mixamorig:RightHand", "hand_r": "LeftHand"})[1]
    np.testing.assert_allclose(swapped["hand_l"].numpy(), TRUE["hand_r"], atol=1e-3)


def test_settings_of_reading_are_part_of_the_identity(tmp_path: Path) -> None:
    write(tmp_path, bvh_text(figure_joints(*BOXING, MIXAMO.names())))
    settings: list[dict] = [{}, {"up": "z"}, {"joints": {"head": "Neck"}}, {"skip_t_pose": False}]
    identities = [str(BvhMotions(tmp_path, **setting).identity()) for setting in settings]
    assert len(set(identities)) == 4


def with_t_pose(frames: int, body: Motion) -> Motion:
    """A motion after frames at the origin in which nothing is rotated."""
    still = np.tile(np.eye(3), (frames, len(BONES), 1, 1))
    return np.concatenate((still, body[0])), np.concatenate((np.tile([0.0, 93.0, 0.0], (frames, 1)), body[1]))


@pytest.mark.parametrize("frames", [1, 12])
@pytest.mark.parametrize("up", ["y", "z"])
def test_a_leading_t_pose_is_skipped_and_said(
    tmp_path: Path, frames: int, up: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_skipped", [])
    body = with_t_pose(frames, motion("boxing", step=1))
    path = write(tmp_path, bvh_text(figure_joints(*body, SMPL.names(), up=up, rest_up="y"), seconds=0.04))
    times, points = read_bvh(path)
    check(points, {bone: place[frames:] for bone, place in true_places(*body).items()}, chest="spine")
    np.testing.assert_allclose(times, 0.04 * np.arange(len(body[0]) - frames))
    assert f"begins with a T-pose, which is skipped (frames: {frames})" in capsys.readouterr().err
    assert len(read_bvh(path)[0]) == len(body[0]) - frames
    assert capsys.readouterr().err == "", "said once"
    assert len(read_bvh(path, skip_t_pose=False)[0]) == len(body[0])


def test_a_motion_that_begins_in_a_t_pose_is_whole(tmp_path: Path) -> None:
    rotations, root_cm = (x[:40] for x in with_t_pose(40, BOXING))
    arm = Rotation.from_euler("z", np.linspace(0, -80, 40)[:, None], degrees=True).as_matrix()
    rotations[:, BONES.index("upperarm_l")] = arm
    path = write(tmp_path, bvh_text(figure_joints(rotations, root_cm, MIXAMO.names())))
    assert len(read_bvh(path)[0]) == 40


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_rotations_are_those_of_scipy_in_any_order_with_places_on_any_joint(tmp_path: Path, order: str) -> None:
    rng = np.random.default_rng(3)
    joints = []
    for i, parent in enumerate((-1, 0, 1, 0, 3, 4)):
        place = rng.normal(size=(7, 3)) if i in (0, 2, 4) else None
        joints.append(Joint(f"j{i}", parent, rng.normal(size=3), Rotation.random(7, rng), place))
    at, world = places(read_text(write(tmp_path, bvh_text(joints, order=order, digits=9))), range(6))
    expected: list[tuple[np.ndarray, Rotation]] = []
    for joint in joints:
        offset = np.tile(joint.offset, (7, 1)) if joint.place is None else joint.place
        above, turn = expected[joint.parent] if joint.parent >= 0 else (np.zeros((7, 3)), Rotation.identity(7))
        expected.append((above + turn.apply(offset), turn * joint.turns))
    for i, (place, turn) in enumerate(expected):
        np.testing.assert_allclose(at[i].numpy(), place, atol=1e-6)
        np.testing.assert_allclose(world[i].numpy(), turn.as_matrix(), atol=1e-6)
