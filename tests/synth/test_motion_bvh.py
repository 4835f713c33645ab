"""BVH files: a figure in a T-pose, rotated arms, the joint names of other skeletons, damaged files."""

from pathlib import Path

import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.figure import BONES, REST_OFFSETS, forward_kinematics
from egotap_pl.synth.motion import BvhMotions, MotionSource
from egotap_pl.synth.motion.bvh import read_bvh
from egotap_pl.synth.motion.retarget import retarget

# Name, parent, offset (metres) of a T-pose that faces +Z
JOINTS = [
    ("Hips", None, (0, 0, 0)),
    ("Spine", "Hips", (0, 0.12, 0)),
    ("Spine1", "Spine", (0, 0.17, 0)),
    ("Neck", "Spine1", (0, 0.2, 0)),
    ("Head", "Neck", (0, 0.1, 0)),
    ("LeftShoulder", "Spine1", (0.03, 0.15, 0)),
    ("LeftArm", "LeftShoulder", (0.15, 0, 0)),
    ("LeftForeArm", "LeftArm", (0.28, 0, 0)),
    ("LeftHand", "LeftForeArm", (0.25, 0, 0)),
    ("RightShoulder", "Spine1", (-0.03, 0.15, 0)),
    ("RightArm", "RightShoulder", (-0.15, 0, 0)),
    ("RightForeArm", "RightArm", (-0.28, 0, 0)),
    ("RightHand", "RightForeArm", (-0.25, 0, 0)),
    ("LeftUpLeg", "Hips", (0.09, -0.04, 0)),
    ("LeftLeg", "LeftUpLeg", (0, -0.42, 0)),
    ("LeftFoot", "LeftLeg", (0, -0.41, 0)),
    ("LeftToeBase", "LeftFoot", (0, -0.06, 0.14)),
    ("RightUpLeg", "Hips", (-0.09, -0.04, 0)),
    ("RightLeg", "RightUpLeg", (0, -0.42, 0)),
    ("RightFoot", "RightLeg", (0, -0.41, 0)),
    ("RightToeBase", "RightFoot", (0, -0.06, 0.14)),
]
TIPS = {"Head": (0, 0.2, 0), "LeftHand": (0.15, 0, 0), "RightHand": (-0.15, 0, 0)}
LEFT, UP, AHEAD = torch.eye(3)
Angles = tuple[float, float, float]


def bvh(
    frames: list[dict[str, tuple[float, float, float]]], rename: dict[str, str] | None = None, scale: float = 1.0
) -> str:
    """Text of a file; each frame maps joints to their Z, X, Y angles (degrees)."""
    rename = rename or {}

    def line(point: tuple[float, float, float]) -> str:
        return " ".join(str(scale * x) for x in point)

    def joint(name: str, indent: str) -> str:
        offset = next(o for n, _, o in JOINTS if n == name)
        children = [n for n, parent, _ in JOINTS if parent == name]
        position = "Xposition Yposition Zposition " if name == "Hips" else ""
        tip = TIPS.get(name, (0, 0, 0.05))
        inner = "\n".join(joint(child, indent + "  ") for child in children) or (
            f"{indent}  End Site\n{indent}  {{\n{indent}    OFFSET {line(tip)}\n{indent}  }}"
        )
        return (
            f"{indent}{'ROOT' if name == 'Hips' else 'JOINT'} {rename.get(name, name)}\n{indent}{{\n"
            f"{indent}  OFFSET {line(offset)}\n"
            f"{indent}  CHANNELS {6 if position else 3} {position}Zrotation Xrotation Yrotation\n{inner}\n{indent}}}"
        )

    order: list[str] = []

    def visit(name: str) -> None:
        order.append(name)
        for child in (n for n, parent, _ in JOINTS if parent == name):
            visit(child)

    visit("Hips")
    rows = [
        " ".join([f"0 {0.93 * scale} 0", *(f"{z} {x} {y}" for z, x, y in (frame.get(n, (0, 0, 0)) for n in order))])
        for frame in frames
    ]
    return f"HIERARCHY\n{joint('Hips', '')}\nMOTION\nFrames: {len(rows)}\nFrame Time: 0.05\n" + "\n".join(rows) + "\n"


def positions(path: Path) -> dict[str, torch.Tensor]:
    """Positions of the figure's bones in the motion of a file."""
    bones = forward_kinematics(REST_OFFSETS, *retarget(read_bvh(path)[1]))[0]
    return {name: bones[:, i] for i, name in enumerate(BONES)}


def direction(at: dict[str, torch.Tensor], start: str, end: str, frame: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(at[end][frame] - at[start][frame], dim=0)


def write(folder: Path, text: str, name: str = "motion.bvh") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_whose_endings_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    for name in ("a.bvh", "a.BVH"):
        (tmp_path / "walk" / name).write_text(bvh([{}]))
    if len(list((tmp_path / "walk").iterdir())) < 2:
        pytest.skip("the disk takes both names for the same")
    with pytest.raises(EgotapError, match=r"a\.BVH and .*a\.bvh are motions of the same name: rename or remove"):
        BvhMotions(tmp_path)


def test_a_t_pose_is_the_rest_pose(tmp_path: Path) -> None:
    times, points = read_bvh(write(tmp_path, bvh([{}, {}, {}])))
    assert times.tolist() == pytest.approx([0.0, 0.05, 0.1])
    rotations, root_cm = retarget(points)
    angle = torch.acos(((rotations.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1))
    assert torch.rad2deg(angle).max() < 12, "only the proportions of neck and feet differ"
    torch.testing.assert_close(root_cm[0], torch.tensor([0.0, 93.0, 0.0]), atol=1.0, rtol=0)


def test_rotated_arms_point_where_they_should(tmp_path: Path) -> None:
    frames = [{}, {"LeftArm": (90.0, 0.0, 0.0)}, {"LeftForeArm": (0.0, 0.0, -90.0)}, {"RightArm": (90.0, 0.0, 0.0)}]
    at = positions(write(tmp_path, bvh(frames)))
    torch.testing.assert_close(direction(at, "upperarm_l", "hand_l", 0), LEFT, atol=1e-3, rtol=0)
    torch.testing.assert_close(direction(at, "upperarm_l", "hand_l", 1), UP, atol=1e-3, rtol=0)
    torch.testing.assert_close(direction(at, "upperarm_l", "lowerarm_l", 2), LEFT, atol=1e-3, rtol=0)
    torch.testing.assert_close(direction(at, "lowerarm_l", "hand_l", 2), AHEAD, atol=1e-3, rtol=0)
    torch.testing.assert_close(direction(at, "upperarm_r", "hand_r", 3), -UP, atol=1e-3, rtol=0)
    torch.testing.assert_close(direction(at, "upperarm_r", "hand_r", 1), -LEFT, atol=1e-3, rtol=0)


def test_angles_are_applied_in_the_order_of_the_file(tmp_path: Path) -> None:
    # Z, then X in the rotated axes: R_z(90) R_x(90) takes "down" to R_z(90)(0, 0, -1) = (0, 0, -1).
    at = positions(write(tmp_path, bvh([{"LeftUpLeg": (90.0, 90.0, 0.0)}] * 2)))
    torch.testing.assert_close(direction(at, "thigh_l", "calf_l"), -AHEAD, atol=1e-3, rtol=0)


def test_the_unit_does_not_matter(tmp_path: Path) -> None:
    frames = [{"LeftArm": (40.0, 10.0, 5.0), "RightUpLeg": (0.0, -50.0, 0.0)}] * 2
    metres, inches = (positions(write(tmp_path, bvh(frames, scale=s), f"{s}.bvh")) for s in (1.0, 39.37))
    for name in BONES:
        torch.testing.assert_close(metres[name], inches[name], atol=0.05, rtol=0)


@pytest.mark.parametrize(
    "rename",
    [
        {name: f"mixamorig:{name}" for name, _, _ in JOINTS},
        {"LeftArm": "LeftShoulder", "LeftShoulder": "LeftCollar", "LeftForeArm": "LeftElbow", "LeftHand": "LeftWrist"}
        | {"RightArm": "RightShoulder", "RightShoulder": "RightCollar", "RightForeArm": "RightElbow"}
        | {"RightHand": "RightWrist", "LeftUpLeg": "LeftHip", "LeftLeg": "LeftKnee", "LeftFoot": "LeftAnkle"}
        | {"RightUpLeg": "RightHip", "RightLeg": "RightKnee", "RightFoot": "RightAnkle"},
        {"LeftArm": "upperarm_l", "LeftForeArm": "lowerarm_l", "LeftHand": "hand_l", "RightArm": "upperarm_r"}
        | {"RightForeArm": "lowerarm_r", "RightHand": "hand_r", "LeftUpLeg": "thigh_l", "LeftLeg": "calf_l"}
        | {"LeftFoot": "foot_l", "RightUpLeg": "thigh_r", "RightLeg": "calf_r", "RightFoot": "foot_r"}
        | {"Neck": "neck_01", "Spine1": "spine_01", "LeftToeBase": "ball_l", "RightToeBase": "ball_r"},
    ],
    ids=["mixamo", "joint names", "unreal"],
)
def test_joint_names_of_other_skeletons_are_known(tmp_path: Path, rename: dict[str, str]) -> None:
    frames = [{"LeftArm": (60.0, 0.0, 0.0)}] * 2
    other, usual = (positions(write(tmp_path, bvh(frames, r), f"{len(r)}.bvh")) for r in (rename, {}))
    for name in ("hand_l", "hand_r", "ball_l", "ball_r", "head"):
        torch.testing.assert_close(other[name], usual[name], atol=3.0, rtol=0)


def test_a_folder_is_a_source(tmp_path: Path) -> None:
    write(tmp_path, bvh([{}] * 20), "a.bvh")
    write(tmp_path, bvh([{}] * 20), "boxing/b.BVH")
    write(tmp_path, bvh([{}] * 20), "locomotion/run_1.bvh")
    write(tmp_path, "no motion", "readme.txt")
    source = BvhMotions(tmp_path, {"loco": "dancing", "locomotion/run": "standing - forward"})
    assert isinstance(source, MotionSource)
    assert list(source.motions()) == ["bvh/a", "bvh/boxing/b", "bvh/locomotion/run_1"]
    assert [source.category(n) for n in source.motions()] == ["standing - whole body", "boxing", "standing - forward"]
    clip, again = (source.clip("bvh/boxing/b", 3) for _ in range(2))
    assert torch.equal(clip.rotations, again.rotations)
    assert (clip.name, clip.category, clip.fps) == ("bvh/boxing/b", "boxing", 30.0)
    assert 22 <= len(clip.root_cm) <= 36


def test_the_length_of_a_clip_is_known_from_the_header(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(bvh([{"Hips": (0, k, 0)} for k in range(25)]))
    motions = BvhMotions(tmp_path, skip_t_pose=False)
    (name,) = motions.motions()
    frames = {seed: len(motions.clip(name, seed).rotations) for seed in range(8)}
    path.write_text(path.read_text().partition("Time: 0.05\n")[0] + "Time: 0.05\n")
    motions = BvhMotions(tmp_path)
    assert {seed: motions.most_frames(name, seed) for seed in range(8)} == frames
    assert len({*frames.values()}) > 1


def test_categories_are_those_of_whole_paths_and_keys_without_a_file_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, bvh([{}] * 3), "walk/one.bvh")
    write(tmp_path, bvh([{}] * 3), "walk/two.v2.BVH")
    keys = {"walk/one.bvh": "jumping", "walk": "dancing", "Walk": "boxing", "walk\\two": "rolling"}
    for _ in range(2):
        source = BvhMotions(tmp_path, keys)
    assert [(name, source.category(name)) for name in source.motions()] == [
        ("bvh/walk/one", "jumping"),
        ("bvh/walk/two.v2", "dancing"),
    ]
    told = f"{tmp_path}: categories: no file's path in this folder begins with 'Walk', 'walk\\\\two'"
    assert capsys.readouterr().err.replace("\n", "").count(told) == 1


GOOD = bvh([{}, {}, {}])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file ends where HIERARCHY was expected"),
        ("{}", "line 1: not a BVH file: expected HIERARCHY, found '{'"),
        ("HIERARCHY\nROOT Hips\n", "line 2: the file ends where { was expected; is it cut off"),
        (GOOD.replace("Frames: 3", "Frames: 4"), "line 132: the file ends after 3 of 4 frames.*write .Frames: 3"),
        (GOOD.replace("Frames: 3", "Frames: 1"), "needs at least 2 frames, found Frames: 1"),
        (GOOD.replace("Frames: 3", "Frames: 999999999999"), "frames of 0.05 s take more than 3600 s"),
        (GOOD.replace("Frames: 3", "Frames: some"), "line 128: expected .Frames: NUMBER., found 'Frames: some'"),
        (GOOD[: GOOD.index("MOTION")], "ends where MOTION was expected"),
        (GOOD.replace("}", "", 1), "line 127: expected OFFSET, CHANNELS, JOINT, End Site or a brace, found 'MOTION'"),
        (GOOD.replace("MOTION", "ROOT Other\n{\n}\nMOTION"), "a second ROOT"),
        (GOOD.replace("Frame Time: 0.05", "Frame Time: soon"), "SECONDS. from 0.0001 to 10, found 'Frame Time: soon'"),
        (GOOD.rstrip() + " 7\n", "line 132: frame 2 has 67 numbers, but the skeleton has 66"),
        (
            GOOD.replace(" 0.93 ", " ", 1),
            "line 131: frame 0 has 65 numbers before this line and 131 with it, but the skeleton has 66",
        ),
        (GOOD.replace("0.93", "high"), "line 130: 'high' is not a number"),
        (GOOD.replace("0.93", "0,93"), "line 130: '0,93' is not a number; write numbers with a decimal point"),
        (GOOD.replace("0.93", "nan"), "frame 0, Yposition of 'Hips' is not finite"),
        (GOOD.replace("0.93", "1e200"), r"places that are more than 1e\+09 units away"),
        (GOOD.replace("OFFSET 0.0", "OFFSET inf", 1), "line 4: OFFSET: 'inf' is not finite"),
        (GOOD.replace("CHANNELS 3", "CHANNELS many", 1), "line 9: CHANNELS of 'Spine': expected a number from 0 to 6"),
        (GOOD.replace("Zrotation", "Xrotation", 1), "CHANNELS of 'Hips': expected 6 different ones of Xposition"),
        (GOOD.replace("Zrotation", "Wrotation", 1), "found 'Wrotation'"),
        (GOOD.replace("OFFSET", "OFFER", 2), "line 4: expected OFFSET, CHANNELS"),
        (GOOD.replace("  OFFSET 0.0 0.12 0.0\n", ""), "joint 'Spine' ends without OFFSET"),
        (GOOD.replace("ROOT Hips", "ROOT " + "Hips" * 100), "a name of 1 to 200 characters, found 400"),
        (bvh([{}, {}], {"LeftForeArm": "Thing"}), "lowerarm_l among Hips, Spine.*joints: {lowerarm_l: NAME"),
    ],
)
@pytest.mark.timeout(20)
def test_an_error_names_the_bad_file_at_once(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, text, "bad.bvh")
    source = BvhMotions(tmp_path)
    with pytest.raises(EgotapError, match=rf"(?s)bad\.bvh.*{message}"):
        source.clip("bvh/bad", 0)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, "HIERARCHY")
    with path.open("r+b") as file:
        file.truncate(2**40)  # sparse: a terabyte of zeros
    for read in (lambda: read_bvh(path), lambda: BvhMotions(tmp_path).identity()):
        with pytest.raises(EgotapError, match=r"motion\.bvh: larger than 32 MiB"):
            read()


def test_errors_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"no \.bvh files"):
        BvhMotions(tmp_path)
    write(tmp_path, GOOD)
    with pytest.raises(EgotapError, match="napping"):
        BvhMotions(tmp_path, {"m": "napping"})
    with pytest.raises(EgotapError, match="up: 'x' is unknown: must be one of: auto, y, z"):
        BvhMotions(tmp_path, up="x")
    with pytest.raises(EgotapError, match="joints: 'upper_arm_l' is unknown: must be one of: neck, head, upperarm_l"):
        BvhMotions(tmp_path, joints={"upper_arm_l": "LeftArm"})
