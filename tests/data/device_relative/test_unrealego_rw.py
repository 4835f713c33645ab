"""UnrealEgo-RW: calibrations, lists of any depth, and a rig file where no frame says how the cameras are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from composed import compose
from headset_bodies import PX, write_stores
from rich.console import Console

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import load_rig, save_rig
from egotap_pl.data.device_relative import DeviceRelativeSource, UnrealEgoRW
from egotap_pl.engine.build import build
from egotap_pl.engine.own_cameras import with_own_cameras

RIG = StereoRig.unrealego(-11.0)  # the body at the bottom of the image
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trees with poses in both forms, and the stores that they are of."""
    home = tmp_path_factory.mktemp("unrealego_rw")
    write_stores(RIG, home / "stores")
    for name, short in (("full", False), ("short", True)):
        layout = compose("layout=unrealego_rw", "output=x", f"layout.short={short}", verb="prepare")["layout"]
        build(layout)(home / "stores", home / name, workers=0, console=QUIET)
    return home


def source(root: Path, **settings: Any) -> DeviceRelativeSource:
    settings = {"calibration": root, **settings}
    return DeviceRelativeSource(UnrealEgoRW(), root, {"test": "test.txt"}, image_px=PX, **settings)


def test_the_tree_is_as_published(home: Path) -> None:
    root = home / "full"
    assert sorted(path.name for path in root.iterdir()) == [
        "UnrealEgoData_rw_test_pose", "UnrealEgoData_rw_test_rgb", "UnrealEgoData_rw_train_pose",
        "UnrealEgoData_rw_train_rgb", "UnrealEgoData_rw_validation_pose", "UnrealEgoData_rw_validation_rgb",
        "camera_left.json", "camera_right.json",
    ]  # fmt: skip
    calibration = json.loads((root / "camera_left.json").read_text())
    assert calibration["size"] == [872, 872]
    assert calibration["image_center"][0] == pytest.approx(511.1183388444314 * 872 / 1024)
    content = json.loads(next(root.rglob("frame_5.json")).read_text())
    assert set(content["joints"]) == set(UnrealEgoRW.joints)  # and no pelvis
    entry = content["joints"]["LeftUpLeg"]
    assert np.array(entry["camera_right_pts3d"]) - entry["camera_left_pts3d"] == pytest.approx([-11, 0, 0], abs=1e-5)
    assert max(*entry["camera_left_pts2d"], *entry["camera_right_pts2d"]) < 872


def test_calibrations_may_be_anywhere(home: Path, tmp_path: Path) -> None:
    root = home / "full"
    rig = source(root).rig
    for number, side in enumerate(("right", "left")):
        shutil.copy(root / f"camera_{side}.json", tmp_path / f"{number}.json")
    assert source(root, calibration=[tmp_path / "1.json", tmp_path / "0.json"]).rig == rig
    assert source(root, calibration=tmp_path / "0.json").rig == rig  # both cameras are equal here
    with pytest.raises(EgotapError, match=r"camera_left\.json: no such file; data\.calibration must be the folder"):
        source(root, calibration=tmp_path)
    with pytest.raises(EgotapError, match=r"needs its cameras' calibration: give data\.calibration=DIR"):
        source(root, calibration=None)
    with pytest.raises(EgotapError, match=r"names 1 files: give one for each camera"):
        source(root, calibration=[tmp_path / "0.json"])
    content = json.loads((tmp_path / "0.json").read_text()) | {"size": [1024, 1024]}
    (tmp_path / "0.json").write_text(json.dumps(content))
    with pytest.raises(EgotapError, match=r"0\.json: a camera of 1024 x 1024 px, but UnrealEgo-RW has frames of 872"):
        source(root, calibration=tmp_path / "0.json")


def test_without_full_labels_a_rig_file_says_how_the_cameras_are(home: Path, tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"nothing says how the cameras are to each other: give rig=FILE"):
        source(home / "short").identity()
    rig = source(home / "full").rig
    left, right = (camera.cropped(0, 0, 1024, 872) for camera in rig.cameras)
    save_rig(replace(rig, cameras=(left, right)), tmp_path / "rig.yaml")
    settings = compose(
        "data=unrealego_rw", f"data.root={home / 'short'}", f"rig={tmp_path / 'rig.yaml'}", verb="prepare"
    )
    own = build(with_own_cameras(settings)["source"])
    assert own.rig.translation_cm == rig.translation_cm
    short, full = own.read(own.plan("test")[0]), source(home / "full").read(source(home / "full").plan("test")[0])
    np.testing.assert_allclose(short.pose_cm, full.pose_cm, atol=1e-4)
    np.testing.assert_allclose(short.points2d_px, full.points2d_px, atol=2e-2)
    save_rig(load_rig(tmp_path / "rig.yaml"), tmp_path / "again.yaml")
    save_rig(rig, tmp_path / "large.yaml")
    with pytest.raises(EgotapError, match=r"large\.yaml: a camera of 1024 x 1024 px"):
        source(home / "full", rig=tmp_path / "large.yaml")


def test_motions_may_have_any_folders(home: Path, tmp_path: Path) -> None:
    """Of the real data's lists, we know only that a line is a motion's folder."""
    reader = source(home / "full")
    assert {motion.category for motion in reader.lists["test"]} == {"boxing", "golf"}
    lines = []
    for number, motion in enumerate(reader.lists["test"]):
        lines.append(f"./UnrealEgoData_rw_test_rgb/2023_05_01/S{number}/seq_{number}")
        for kind in ("rgb", "pose"):
            target = tmp_path / f"UnrealEgoData_rw_test_{kind}" / f"2023_05_01/S{number}/seq_{number}"
            shutil.copytree(home / "full" / f"UnrealEgoData_rw_test_{kind}" / motion.name, target)
    (tmp_path / "test.txt").write_text("\n".join(lines))
    other = source(tmp_path, calibration=home / "full")
    frames, expected = (one.read(one.plan("test")[0]) for one in (other, reader))
    assert set(frames.category) == {"uncategorised"}
    assert set(frames.subject) == {"S0"}
    np.testing.assert_array_equal(frames.pose_cm, expected.pose_cm)
