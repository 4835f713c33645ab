"""A BVH file moves as the poses that it was written from, by a forward kinematics of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rest_pose import t_pose_cm
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.engine.prediction.bvh_writer import hierarchy
from egotap_pl.engine.prediction.pose_files import PoseOrigin, pose_writer
from egotap_pl.figures.drawing import sign_of_left
from egotap_pl.synth.motion.bvh.places import places
from egotap_pl.synth.motion.bvh.text import read_text
from egotap_pl.synth.mount import glasses, headset, stick

SKELETONS = {
    "unrealego": unrealego(),
    "egocap": egocap(),
    "two roots": Skeleton("two", ("camera", "left hand", "right hand", "thumb"), (0, 0, 0, 2), estimates_root=False),
    "chain": unrealego().chain(),
}

BELOW = headset(tilt_deg=80).with_rig(StereoRig.unrealego(-12.0))
"""A headset that sees the body at the bottom of the image."""
LEFT = {"wrist": "hand", "ankle": "foot", "toe": "ball"}
"""The left joints of an arm and a leg in EgoCap's skeleton and in UnrealEgo's."""


class Motion(NamedTuple):
    """A BVH file, read."""

    names: list[str]
    parents: list[int]
    places: np.ndarray  # (frame, node, 3), of nodes and of the ends of leaves, in the file's axes
    frame_s: float


def play(path: Path) -> Motion:
    """Reads a BVH file as its format is defined, and places every joint in every frame."""
    words = re.findall(r"\S+", path.read_text())
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    at = 0
    while words[at] != "MOTION":
        if words[at] in ("ROOT", "JOINT", "End"):
            names.append(words[at + 1])
            parents.append(stack[-1] if stack else -1)
            channels.append([])
        elif words[at] == "{":
            stack.append(len(names) - 1)
        elif words[at] == "}":
            stack.pop()
        elif words[at] == "OFFSET":
            offsets.append([float(word) for word in words[at + 1 : at + 4]])
        elif words[at] == "CHANNELS":
            channels[-1] = words[at + 2 : at + 2 + int(words[at + 1])]
        at += 1
    assert not stack
    count, frame_s = int(words[at + 2]), float(words[at + 5])
    values = np.array(words[at + 6 :], float).reshape(count, -1)
    places: list[np.ndarray] = []
    turns: list[Rotation] = []
    column = 0
    for node, parent in enumerate(parents):
        local, shift = Rotation.identity(count), np.tile(offsets[node], (count, 1))
        for channel in channels[node]:
            if channel.endswith("position"):
                shift[:, "XYZ".index(channel[0])] += values[:, column]
            else:
                local = local * Rotation.from_euler(channel[0].lower(), values[:, column, None], degrees=True)
            column += 1
        turns.append(local if parent < 0 else turns[parent] * local)
        places.append(shift if parent < 0 else places[parent] + turns[parent].apply(shift))
    assert column == values.shape[1]
    return Motion(names, parents, np.stack(places, 1), frame_s)


def body(skeleton: Skeleton, frames: int, stretch: float) -> np.ndarray:
    """Poses whose limbs turn freely; their lengths vary by a share of ``stretch``."""
    random = np.random.default_rng(3)
    places = np.zeros((frames, skeleton.num_joints, 3))
    places[:, 0] = random.normal(0, 20, (frames, 3))
    for joint, parent in skeleton.limbs:
        start = random.normal(size=3)
        turns = Rotation.from_rotvec(np.cumsum(random.normal(0, 0.3, (frames, 3)), 0))
        length = 20 * (1 + stretch * random.uniform(-1, 1, (frames, 1)))
        places[:, joint] = places[:, parent] + length * turns.apply(start / np.linalg.norm(start))
    return places[:, list(skeleton.estimated)].astype(np.float32)


def write(path: Path, pose_cm: np.ndarray, skeleton: Skeleton, numbers: list[int] | None = None, fps: float = 30.0):
    origin = PoseOrigin(skeleton, "best.ckpt", "00", "table1/egotap", "egosynth", "1.2")
    numbers = numbers or list(range(len(pose_cm)))
    nothing = np.full(pose_cm.shape[:2], np.nan, np.float32)
    with pose_writer(path, origin, "x", fps) as writer:
        half = len(pose_cm) // 2
        for rows in (slice(0, half), slice(half, None)):
            part = numbers[rows]
            writer.append(pose_cm[rows], part, [""] * len(part), [np.nan] * len(part), nothing[rows])


def joints(motion: Motion, skeleton: Skeleton, pose_cm: np.ndarray) -> np.ndarray:
    """Positions of the estimated joints, in the axes of the camera that saw the poses: X right, Y down, Z forward."""
    left = sign_of_left(pose_cm, skeleton)
    names = ["_".join(name.split()) for name in skeleton.estimated_names]
    x, y, z = np.moveaxis(motion.places[:, [motion.names.index(name) for name in names]], -1, 0)
    return np.stack((left * x, left * z, -y), -1)


@pytest.mark.parametrize("name", [name for name in SKELETONS if name != "two roots"])
def test_limbs_of_constant_length_move_exactly(name, tmp_path):
    skeleton = SKELETONS[name]
    pose_cm = body(skeleton, 40, 0)
    write(tmp_path / "a.bvh", pose_cm, skeleton, fps=25.0)
    motion = play(tmp_path / "a.bvh")
    np.testing.assert_allclose(joints(motion, skeleton, pose_cm), pose_cm, atol=2e-3)
    assert motion.frame_s == pytest.approx(0.04)


@pytest.mark.parametrize("name", SKELETONS)
def test_the_error_of_varying_lengths_is_small_and_printed(name, tmp_path, capsys):
    skeleton = SKELETONS[name]
    pose_cm = body(skeleton, 40, 0.05)
    write(tmp_path / "a.bvh", pose_cm, skeleton)
    off_cm = np.linalg.norm(joints(play(tmp_path / "a.bvh"), skeleton, pose_cm) - pose_cm, axis=-1)
    mean, largest = re.findall(r"([\d.]+) cm (?:from|at most)", capsys.readouterr().err)
    assert float(mean) == pytest.approx(off_cm.mean(), abs=0.006)
    assert float(largest) == pytest.approx(off_cm.max(), abs=0.006)
    if name != "two roots":  # whose roots are at any distance from the origin
        assert off_cm.max() < 4  # each limb varies by up to 1 cm, and the errors of a path do not add up to 15


def test_a_body_that_stands_is_upright_and_turns_opposite_ways(tmp_path):
    """The cameras look down: what is forward in them is down in the file. Half a turn is no problem either."""
    skeleton = Skeleton("pair", ("top", "end"), (0, 0), estimates_root=True)
    pose_cm = np.zeros((5, 2, 3), np.float32)
    pose_cm[:3, 1], pose_cm[3, 1], pose_cm[4, 1] = (0, 0, 50), (0, 0, -50), (50, 0, 0)
    write(tmp_path / "a.bvh", pose_cm, skeleton)
    end = play(tmp_path / "a.bvh").places[:, 1]
    np.testing.assert_allclose(end, [[0, -50, 0]] * 3 + [[0, 50, 0], [-50, 0, 0]], atol=1e-3)
    write(tmp_path / "b.bvh", pose_cm[:4], skeleton)  # half a turn from the mean direction
    np.testing.assert_allclose(play(tmp_path / "b.bvh").places[:, 1], end[:4], atol=1e-3)


def test_a_turn_whose_three_angles_are_ambiguous(tmp_path):
    """A third of a turn about (1, 1, 1) takes Y to Z, so that the angle about X is a right one."""
    skeleton = Skeleton("pair", ("top", "end"), (0, 0), estimates_root=True)
    mean, turned = np.array([1.0, -1, 0]), np.array([0.0, 1, -1])
    wanted = 30 * np.stack((mean, mean, mean, turned, -mean - turned))  # whose mean direction is the first
    pose_cm = np.zeros((5, 2, 3), np.float32)
    pose_cm[:, 1] = -wanted[:, [0, 2, 1]]
    write(tmp_path / "a.bvh", pose_cm, skeleton)
    np.testing.assert_allclose(play(tmp_path / "a.bvh").places[:, 1], wanted, atol=1e-3)


@pytest.mark.parametrize(("mount", "name"), [(glasses(), "unrealego"), (stick(), "egocap"), (BELOW, "unrealego")])
def test_left_is_at_x_and_the_front_at_z_whichever_way_up_the_cameras_are(mount, name, tmp_path):
    """A figure with outstretched arms, as UnrealEgo's glasses see it (body at the top) and two rigs that do not."""
    skeleton = SKELETONS[name]
    write(tmp_path / "a.bvh", np.stack([t_pose_cm(mount, skeleton)] * 2), skeleton)
    motion = play(tmp_path / "a.bvh")
    at = dict(zip(motion.names, motion.places[0], strict=True))
    wrist, ankle, toe = (f"left_{each}" if name == "egocap" else f"{old}_l" for each, old in LEFT.items())
    neck = at["neck" if name == "egocap" else "neck_01"]
    assert at[wrist][0] > neck[0] + 60
    assert neck[1] > at[ankle][1] + 100
    assert at[toe][2] > at[ankle][2] + 10


def test_skipped_frames_repeat_the_pose_before_them(tmp_path):
    skeleton = unrealego()
    pose_cm = body(skeleton, 4, 0)
    write(tmp_path / "a.bvh", pose_cm, skeleton, numbers=[10, 11, 14, 15])
    np.testing.assert_allclose(
        joints(play(tmp_path / "a.bvh"), skeleton, pose_cm), pose_cm[[0, 1, 1, 1, 2, 3]], atol=2e-3
    )


def test_every_limb_has_a_joint_of_its_own():
    skeleton = unrealego()
    nodes = hierarchy(skeleton)
    turning = [(nodes[k].joint, nodes[k].target) for k in range(len(nodes)) if nodes[k].target is not None]
    assert sorted((child, parent) for parent, child in turning) == sorted(skeleton.estimated_limbs)
    assert [node.name for node in nodes][:3] == ["head", "neck_01", "neck_01_to_upperarm_l"]


def test_it_is_read_as_other_peoples_files_are(tmp_path):
    skeleton = unrealego()
    pose_cm = body(skeleton, 6, 0)
    write(tmp_path / "a.bvh", pose_cm, skeleton)
    bvh = read_text(tmp_path / "a.bvh")
    index = {joint.name: k for k, joint in enumerate(bvh.joints)}
    at, _ = places(bvh, index.values())
    left = sign_of_left(pose_cm, skeleton)
    for joint, name in enumerate(skeleton.estimated_names):
        x, y, z = at[index[name]][3].tolist()
        np.testing.assert_allclose((left * x, left * z, -y), pose_cm[3, joint], atol=5e-3)
