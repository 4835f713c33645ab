"""What the readers of newer data sets say about files that are missing, damaged, or not what they should be."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from composed import compose
from headset_bodies import PX, write_stores
from PIL import Image
from rich.console import Console

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.device_relative import DeviceRelativeSource, UnrealEgo2
from egotap_pl.data.device_relative.dataset import path_below_root
from egotap_pl.data.source import SkippedFrame
from egotap_pl.engine.build import build

LISTS = {"train": "train.txt"}
PELVIS = "data.source.origin._target_=egotap_pl.data.device_relative.Pelvis"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound tree of UnrealEgo2."""
    home = tmp_path_factory.mktemp("unrealego2")
    write_stores(StereoRig.unrealego(), home / "stores")
    layout = compose("layout=unrealego2", "output=x", verb="prepare")["layout"]
    build(layout)(home / "stores", home / "tree", workers=0, console=Console(quiet=True))
    return home / "tree"


@pytest.fixture
def tree(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "tree"))


def source(root: Path, **settings: Any) -> DeviceRelativeSource:
    return DeviceRelativeSource(UnrealEgo2(), root, LISTS, image_px=PX, **settings)


def label(tree: Path) -> Path:
    """The labels of the first training frame."""
    return next(path for path in tree.rglob("frame_5.json") if "_train_" in str(path))


def only_skipped(reader: DeviceRelativeSource) -> SkippedFrame:
    """The one frame of the training split that cannot be read; the others can."""
    read = [reader.read(piece) for piece in reader.plan("train")]
    (skipped,) = (frame for frames in read for frame in frames.skipped)
    assert sum(len(frames.images) for frames in read) == 9
    assert skipped.damaged
    assert skipped.file.endswith("json/frame_5.json")
    return skipped


Change = Callable[[dict[str, Any]], Any]


def joint(key: str, value: Any) -> Change:
    return lambda content: content["joints"]["hand_l"].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("joints"), "has neither 'joints' nor 'head': not a frame of UnrealEgo2"),
        (lambda content: content.update(joints=[]), "has neither 'joints' nor 'head'"),
        (lambda content: content.update(joints=[], head=[1, 2, 3]), "joint 'neck_01' has no 'position'"),
        (lambda content: content["joints"].pop("calf_r"), "joint 'calf_r' has no 'camera_left_pts3d'"),
        (lambda content: content["joints"]["calf_r"].pop("camera_right_pts2d"), "has no 'camera_right_pts2d'"),
        (joint("camera_left_pts3d", [1, 2]), "'camera_left_pts3d' of joint 'hand_l' is not 3 numbers"),
        (joint("camera_left_pts3d", [1, 2, "3"]), "is not 3 numbers"),
        (joint("camera_left_pts2d", [float("nan"), 2]), "NaN is not a number"),
        (
            joint("camera_right_pts3d", [40.0, 0.0, 30.0]),
            "'camera_right_pts3d' and 'camera_left_pts3d' are not the same body",
        ),
    ],
)
def test_bad_labels_are_named(tree: Path, change: Change, message: str) -> None:
    path = label(tree)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    skipped = only_skipped(source(tree))
    assert message in skipped.reason
    assert str(path) in skipped.reason


def test_labels_that_are_not_json_and_files_that_are_missing(tree: Path) -> None:
    path = label(tree)
    path.write_text("{")
    assert "is not valid JSON" in only_skipped(source(tree)).reason
    path.unlink()
    assert f"{path}: no such file" in only_skipped(source(tree)).reason


def test_bad_images_are_named(tree: Path) -> None:
    path = next(tree.rglob("UnrealEgoData2_train_rgb/**/camera_right/final_5.png"))
    sound = path.read_bytes()
    Image.new("RGB", (872, 872)).save(path)
    assert f"{path} is 872 x 872 px: expected 1024 x 1024" in only_skipped(source(tree)).reason
    path.write_bytes(sound[:200])
    assert "damaged or truncated image" in only_skipped(source(tree)).reason
    path.unlink()
    assert f"{path}: no such file" in only_skipped(source(tree)).reason


def test_points_of_other_axes_are_refused_unless_any_are_accepted(tree: Path) -> None:
    path = label(tree)
    content = json.loads(path.read_text())
    for entry in content["joints"].values():
        for view in ("left", "right"):
            entry[f"camera_{view}_pts3d"][1] *= -1
    path.write_text(json.dumps(content))
    assert "px of 1024 (median) from where the calibration projects" in only_skipped(source(tree)).reason
    frames = [source(tree, max_distance_px=None).read(piece) for piece in source(tree).plan("train")]
    assert sum(len(read.images) for read in frames) == 10


def test_the_short_form_has_no_pelvis(tree: Path) -> None:
    path = label(tree)
    content = json.loads(path.read_text())["joints"]
    middle = {
        name: np.mean([content[name][f"camera_{view}_pts3d"] for view in ("left", "right")], 0).tolist()
        for name in UnrealEgo2.joints
    }
    path.write_text(json.dumps(middle))
    assert not any(source(tree).read(piece).skipped for piece in source(tree).plan("train"))
    pelvis = build(compose("data=unrealego2", f"data.root={tree}", PELVIS, verb="prepare")["data"]["source"])
    reason = pelvis.read(pelvis.plan("train")[0]).skipped[0].reason
    assert str(path) in reason
    assert "does not say where the pelvis is" in reason
    path.write_text(json.dumps(middle | {"hand_l": [1, 2]}))
    assert "'position' of joint 'hand_l' is not 3 numbers" in only_skipped(source(tree)).reason
    path.write_text(json.dumps({name: middle[name] for name in UnrealEgo2.joints if name != "foot_r"}))
    assert "joint 'foot_r' has no 'position'" in only_skipped(source(tree)).reason


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("UnrealEgoData2_train_rgb/a/b/c", "line 1: .* is not ./UnrealEgoData/<environment>"),
        ("./UnrealEgoData2_train_rgb/a/Day/c/../001/f", "is not a folder below UnrealEgoData"),
        ("/somewhere/a/Day/c/d/001/f", "is not a folder below UnrealEgoData"),
        ("./UnrealEgoData2_train_rgb/a/Day/c/d/031/f", "category folder '031'"),
        ("", "names no motion"),
    ],
)
def test_bad_lists_are_named(tree: Path, line: str, message: str) -> None:
    (tree / "UnrealEgoData2_train_rgb" / "train.txt").write_text(line)
    with pytest.raises(EgotapError, match=rf"train\.txt.*{message}"):
        source(tree)


def test_lists_may_have_their_authors_paths(tree: Path) -> None:
    path = tree / "UnrealEgoData2_train_rgb" / "train.txt"
    before = source(tree).identity()
    lines = path.read_text().splitlines()
    path.write_text("".join(f"/data/x/{line.removeprefix('./')}\n\n" for line in lines))
    assert source(tree).identity() == before
    path.write_text("".join(f"{line.removeprefix('./UnrealEgoData2_train_rgb/')}\n" for line in lines))
    assert source(tree).identity() == before
    assert path_below_root("a\\b/./c", "UnrealEgoData", "here") == ("a", "b", "c")


def test_what_is_not_there_is_named(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"no such folder; data\.root must be the folder of UnrealEgo2's data"):
        source(tmp_path / "nowhere")
    with pytest.raises(EgotapError, match=r"no such folder; data\.pose_root must be"):
        source(tree, pose_root=tmp_path / "nowhere")
    with pytest.raises(EgotapError, match=r"train\.txt: no such file.*~data\.source\.lists\.train"):
        source(tmp_path)
    shutil.rmtree(tree / "UnrealEgoData2_train_pose")
    with pytest.raises(EgotapError, match=r"none of the 2 motions in UnrealEgo2's lists is there.*data\.pose_root"):
        source(tree)
    with pytest.raises(EgotapError, match="image_px must be at least 8"):
        DeviceRelativeSource(UnrealEgo2(), tree, LISTS, image_px=4)


def test_motions_that_are_missing_are_listed(tree: Path) -> None:
    first, second = (motion.name for motion in source(tree).lists["train"])
    shutil.rmtree(tree / "UnrealEgoData2_train_rgb" / first)
    reader = source(tree)
    assert list(reader.missing("train")) == [first]
    assert {piece.motion.name for piece in reader.plan("train")} == {second}


def test_frames_need_a_number_and_only_one(tree: Path) -> None:
    path = label(tree)
    (path.parent / "frame_005.json").write_text("{}")
    with pytest.raises(EgotapError, match="frame_005 and frame_5 are both frame 5: remove one"):
        source(tree)
    (path.parent / "frame_005.json").rename(path.parent / "notes.json")
    with pytest.raises(EgotapError, match=r"notes\.json: the name of a frame must end with its number"):
        source(tree)


def test_identity_depends_on_the_frames_and_not_on_the_path(whole: Path, tree: Path) -> None:
    first = source(whole).identity()
    assert json.loads(json.dumps(first)) == first == source(tree).identity()
    assert first["origin"] == "device"
    assert first["left_axes_from_device"] == np.eye(3).tolist()
    label(tree).unlink()
    for path in tree.rglob("final_5.png"):
        path.unlink()
    assert source(tree).identity() != first


def test_a_worker_reads_what_the_parent_planned(whole: Path) -> None:
    reader = source(whole)
    copy, piece = pickle.loads(pickle.dumps((reader, reader.plan("train")[0])))
    np.testing.assert_array_equal(copy.read(piece).images, reader.read(piece).images)
    assert copy.rig == reader.rig


def test_points_relative_to_the_device_are_used_where_they_are(tree: Path) -> None:
    """A headset whose frame is 2 cm in front of the cameras and turned by a quarter about their optical axes."""
    path = label(tree)
    content = json.loads(path.read_text())
    before = source(tree).read(source(tree).plan("train")[0])
    for name in UnrealEgo2.joints:
        x, y, z = content["joints"][name]["camera_left_pts3d"]
        content["joints"][name]["device_pts3d"] = [y, -x, z - 2]
    path.write_text(json.dumps(content))
    reader = source(tree)
    after = reader.read(reader.plan("train")[0])
    np.testing.assert_allclose(after.origin_cm[0], [[0, 0, 2], [12, 0, 2]], atol=1e-5)
    np.testing.assert_allclose(after.pose_cm[0] + after.origin_cm[0, 0], before.pose_cm[0] + before.origin_cm[0, 0])
    np.testing.assert_allclose(after.pose_cm[1:], before.pose_cm[1:])
    assert reader.identity()["left_axes_from_device"] == [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    # A frame of the short form is of the same headset.
    (other,) = (path for path in path.parent.parent.rglob("frame_6.json"))
    joints = json.loads(other.read_text())["joints"]
    points = {name: joints[name]["camera_left_pts3d"] for name in UnrealEgo2.joints}
    other.write_text(json.dumps({name: [y, -x, z - 2] for name, (x, y, z) in points.items()}))
    short = source(tree).read(source(tree).plan("train")[0])
    np.testing.assert_allclose(short.origin_cm[1], [[0, 0, 2], [12, 0, 2]], atol=1e-5)
    np.testing.assert_allclose(short.pose_cm[1], np.array(list(points.values())) - [0, 0, 2], atol=1e-4)
