"""DeepMimic's text format: frames with known angles, bad files, and the public clips if they are installed."""

import importlib.util
import json
import math
from pathlib import Path

import pytest
import torch

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.figure import BONES, REST_OFFSETS, forward_kinematics
from egotap_pl.synth.motion import DeepMimicMotions, MotionSource
from egotap_pl.synth.motion.deepmimic import CATEGORY_OF, read_deepmimic
from egotap_pl.synth.motion.ground import lowest_cm
from egotap_pl.synth.motion.retarget import retarget

UNTURNED = [1.0, 0.0, 0.0, 0.0]
HALF = math.sqrt(0.5)
# Column at which each rotation begins, counted by hand from the description of the format.
RIGHT_KNEE, RIGHT_SHOULDER, RIGHT_ELBOW, LEFT_KNEE, LEFT_SHOULDER, LEFT_ELBOW = 20, 25, 29, 34, 39, 43


def row(**changes: float | list[float]) -> list[float]:
    arm_or_leg = [*UNTURNED, 0.0]
    leg = [*arm_or_leg, *UNTURNED]
    numbers = [0.1, 0.0, 0.9, 0.0, *UNTURNED, *UNTURNED, *UNTURNED, *leg, *arm_or_leg, *leg, *arm_or_leg]
    for key, values in changes.items():
        at = globals()[key.upper()]
        values = values if isinstance(values, list) else [values]
        numbers[at : at + len(values)] = values
    return numbers


def write(folder: Path, rows: object, name: str = "humanoid3d_punch.txt", loop: str = "none") -> Path:
    path = folder / name
    path.write_text(json.dumps({"Loop": loop, "Frames": rows}))
    return path


def positions(path: Path) -> dict[str, torch.Tensor]:
    _, points, _ = read_deepmimic(path)
    bones = forward_kinematics(REST_OFFSETS, *retarget(points))[0][0]
    return {name: bones[i] for i, name in enumerate(BONES)}


def direction(at: dict[str, torch.Tensor], start: str, end: str) -> torch.Tensor:
    return torch.nn.functional.normalize(at[end] - at[start], dim=0)


LEFT, UP, AHEAD = torch.eye(3)


def test_arms_hang_and_the_figure_faces_ahead(tmp_path: Path) -> None:
    assert len(row()) == 44
    at = positions(write(tmp_path, [row()] * 2))
    for side, out in (("l", 1), ("r", -1)):
        torch.testing.assert_close(direction(at, f"upperarm_{side}", f"hand_{side}"), -UP, atol=1e-4, rtol=0)
        torch.testing.assert_close(direction(at, f"thigh_{side}", f"calf_{side}"), -UP, atol=1e-4, rtol=0)
        assert (at[f"upperarm_{side}"] @ LEFT) * out > 10
        assert direction(at, f"foot_{side}", f"ball_{side}") @ AHEAD > 0.8


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_right_angle_in_the_elbow_puts_the_forearm_ahead(tmp_path: Path, side: str) -> None:
    at = positions(write(tmp_path, [row(**{f"{side}_elbow": math.pi / 2})] * 2))
    s, other = side[0], "rl"[side[0] == "r"]
    torch.testing.assert_close(direction(at, f"upperarm_{s}", f"lowerarm_{s}"), -UP, atol=1e-4, rtol=0)
    torch.testing.assert_close(direction(at, f"lowerarm_{s}", f"hand_{s}"), AHEAD, atol=1e-4, rtol=0)
    torch.testing.assert_close(direction(at, f"lowerarm_{other}", f"hand_{other}"), -UP, atol=1e-4, rtol=0)


def test_a_negative_right_angle_in_the_knee_puts_the_shin_back(tmp_path: Path) -> None:
    at = positions(write(tmp_path, [row(left_knee=-math.pi / 2)] * 2))
    torch.testing.assert_close(direction(at, "calf_l", "foot_l"), -AHEAD, atol=1e-4, rtol=0)
    torch.testing.assert_close(direction(at, "calf_r", "foot_r"), -UP, atol=0.03, rtol=0)


def test_an_arm_rotated_about_the_forward_axis_points_sideways(tmp_path: Path) -> None:
    # The format's forward axis is X: a quarter turn about it takes "down" to the left.
    up_left, up_right = [HALF, HALF, 0.0, 0.0], [HALF, -HALF, 0.0, 0.0]
    at = positions(write(tmp_path, [row(left_shoulder=up_left, right_shoulder=up_right)] * 2))
    torch.testing.assert_close(direction(at, "upperarm_l", "hand_l"), LEFT, atol=1e-4, rtol=0)
    torch.testing.assert_close(direction(at, "upperarm_r", "hand_r"), -LEFT, atol=1e-4, rtol=0)


def test_times_and_path(tmp_path: Path) -> None:
    rows = [row(), row(), row()]
    for i, numbers in enumerate(rows):
        numbers[0], numbers[1] = 0.25, 0.5 * i
    times, points, wraps = read_deepmimic(write(tmp_path, rows, loop="wrap"))
    assert times.tolist() == [0.0, 0.25, 0.5]
    assert wraps
    torch.testing.assert_close(points["neck"][2] - points["neck"][0], 100 * AHEAD, atol=1e-3, rtol=0)


def test_a_short_cyclic_walk_is_repeated(tmp_path: Path) -> None:
    rows = [row() for _ in range(11)]
    for i, numbers in enumerate(rows):
        numbers[1] = 0.1 * i
    write(tmp_path, rows, "humanoid3d_walk.txt", "wrap")
    clip = DeepMimicMotions(tmp_path).clip("deepmimic/humanoid3d_walk", 0)
    assert len(clip.root_cm) > 2.4 * clip.fps
    steps = clip.root_cm[:, 2].diff()
    assert (steps > 0).all(), "one round ends where the next one begins"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a motion"),
        ("[]", "not a motion"),
        ('{"Loop": "none"}', "not a motion"),
        ('{"Loop": "none", "Frames": [["a"], ["b"]]}', "not a motion"),
        ('{"Loop": "none", "Frames": [[1, 2], [1]]}', "not a motion"),
        (json.dumps({"Loop": "none", "Frames": [row()]}), "at least 2 rows of 44"),
        (json.dumps({"Loop": "none", "Frames": [row()[:43]] * 2}), "at least 2 rows of 44"),
        (json.dumps({"Loop": "none", "Frames": [row(), row(left_knee=math.nan)]}), "frame 1 .* not finite"),
        (json.dumps({"Loop": "none", "Frames": [row(), row(left_shoulder=[0.0] * 4)]}), "frame 1 .* quaternion"),
        (json.dumps({"Loop": "none", "Frames": [row(), [-1.0, *row()[1:]]]}), "frame 1 .* negative duration"),
    ],
)
def test_an_error_names_the_bad_file(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "humanoid3d_bad.txt").write_text(content)
    source = DeepMimicMotions(tmp_path)
    with pytest.raises(EgotapError, match=rf"humanoid3d_bad\.txt.*{message}"):
        source.clip("deepmimic/humanoid3d_bad", 0)


def test_categories_of_no_file_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, [row()] * 2)
    for _ in range(2):
        source = DeepMimicMotions(tmp_path, {"humanoid3d_punch": "wrestling"})
    assert source.category("deepmimic/humanoid3d_punch") == "boxing"
    told = "categories: this folder has no humanoid3d_NAME.txt for NAME 'humanoid3d_punch'"
    assert capsys.readouterr().err.replace("\n", "").count(told) == 1
    DeepMimicMotions(tmp_path, {"punch": "wrestling"})
    assert not capsys.readouterr().err


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, [])
    with path.open("r+b") as file:
        file.truncate(2**40)  # sparse: a terabyte of zeros
    for read in (lambda: read_deepmimic(path), lambda: DeepMimicMotions(tmp_path).identity()):
        with pytest.raises(EgotapError, match=r"punch\.txt: larger than 16 MiB"):
            read()


def test_errors_say_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EgotapError, match="no motions in this folder"):
        DeepMimicMotions(tmp_path)
    write(tmp_path, [row()] * 2)
    with pytest.raises(EgotapError, match="napping"):
        DeepMimicMotions(tmp_path, {"punch": "napping"})
    assert DeepMimicMotions(tmp_path, {"punch": "wrestling"}).category("deepmimic/humanoid3d_punch") == "wrestling"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EgotapError, match=r"egotap-pl\[mocap\]"):
        DeepMimicMotions()


@pytest.mark.skipif(importlib.util.find_spec("pybullet_data") is None, reason="the extra 'mocap' is not installed")
def test_the_public_clips_are_valid_motions() -> None:
    source = DeepMimicMotions()
    assert isinstance(source, MotionSource)
    assert {name.removeprefix("deepmimic/humanoid3d_") for name in source.motions()} == set(CATEGORY_OF)
    for name in source.motions():
        clip = source.clip(name, 0)
        assert source.category(name) == clip.category
        assert clip.category in CATEGORIES
        again = source.clip(name, 0)
        assert torch.equal(clip.rotations, again.rotations)
        torch.testing.assert_close(
            torch.linalg.det(clip.rotations), torch.ones(clip.rotations.shape[:2]), atol=1e-4, rtol=0
        )
        assert lowest_cm(clip.rotations, clip.root_cm).min() > -0.05
        calf = clip.rotations[:, [BONES.index("calf_l"), BONES.index("calf_r")]] @ -UP
        assert torch.rad2deg(torch.atan2(-calf[..., 2], -calf[..., 1])).quantile(0.01) > -15, "knees bend backward"
    walk = source.clip("deepmimic/humanoid3d_walk", 0)
    assert walk.root_cm[-1, 2] > 150, "forward"
    assert source.clip("deepmimic/humanoid3d_backflip", 0).rotations[:, 0, 1, 1].min() < -0.8, "upside down once"
