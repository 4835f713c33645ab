"""Poses for the benchmarks' server: names of files and joints, axes, and what cannot be written so."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from headset_bodies import Bodies, tilted_rig
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.device_relative import UnrealEgoRW
from egotap_pl.data.device_relative.device import device_to_views, left_to_right
from egotap_pl.data.preparation.parts import header_of
from egotap_pl.data.recordings.frames import StoreFrames
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.writer import write_store
from egotap_pl.engine.checkpoints.loading import About
from egotap_pl.engine.prediction.device_form import DeviceForm, device_form
from egotap_pl.engine.prediction.pose_files import PoseOrigin, pose_writer

ORIGIN = PoseOrigin(unrealego(), "best.ckpt", "ab" * 32, "table1/egotap", "unrealego_rw", "1.2")
DEVICE = {"origin": {"_target_": "egotap_pl.data.device_relative.Device"}}


def about(source: dict[str, Any]) -> About:
    data = {"name": "trained", "source": source}
    return About({}, {}, [], data, "", 1, 0, "table1/egotap")


def frames_of(folder: Path, rig: StereoRig | None = None, **identity: Any) -> StoreFrames:
    """A prepared test split whose source has this identity."""
    source = Bodies(rig or tilted_rig())
    source.identity = lambda: {"source": "bodies", **identity}
    frames = source.frames("test")
    with write_store(folder / "test.h5", header_of(source, "test", RawCodec()), len(frames.images)) as writer:
        writer.append(frames)
    return StoreFrames(FrameStore(folder / "test.h5"), source.image_px)


def test_files_are_named_as_the_truth_and_poses_are_in_the_headsets_axes(tmp_path: Path) -> None:
    left, _ = device_to_views(left_to_right(tilted_rig()))
    recording = frames_of(tmp_path, source="unrealego_rw", left_axes_from_device=left.rotation.tolist())
    form = device_form(about(DEVICE), recording, "x.zip")
    assert form.joints == UnrealEgoRW.joints
    device_cm = np.random.default_rng(0).normal(0, 40, (2, 16, 3))
    pose_cm = (device_cm @ left.rotation.T).astype(np.float32)
    path = tmp_path / "UnrealEgoData_rw_test_pose.zip"
    with pose_writer(path, ORIGIN, "a store", form=form) as writer:
        names = ["S1/2023/S1/seq_2/7", "S1/2023/S1/seq_2/12"]
        writer.append(pose_cm, [0, 1], names, [float("nan")] * 2, np.ones((2, 16), np.float32))
    with zipfile.ZipFile(path) as file:
        folder = "UnrealEgoData_rw_test_pose/2023/S1/seq_2/json"
        assert file.namelist() == [f"{folder}/frame_7.json", f"{folder}/frame_12.json"]
        contents = [json.loads(file.read(name)) for name in file.namelist()]
    assert all(tuple(content) == UnrealEgoRW.joints for content in contents)
    np.testing.assert_allclose([list(content.values()) for content in contents], device_cm, atol=2e-5)


def test_equal_poses_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with pose_writer(tmp_path / name / "poses.zip", ORIGIN, name) as writer:
            writer.append(np.ones((1, 16, 3), np.float32), [3], [""], [0.0], np.ones((1, 16), np.float32))
    first, second = (tmp_path / name / "poses.zip" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as file:
        assert json.loads(file.read("poses/json/frame_3.json"))["head"] == [1, 1, 1]


def test_turning_is_a_rotation() -> None:
    rotation = Rotation.from_euler("xyz", (10, 20, 30), degrees=True).as_matrix()
    form = DeviceForm(unrealego().joints, tuple(map(tuple, rotation.tolist())))
    pose = np.random.default_rng(0).normal(size=(4, 16, 3))
    np.testing.assert_allclose(form.turned(pose), np.einsum("ij,nkj->nki", rotation.T, pose))


@pytest.mark.parametrize("motion", ["../x", "a/../b", "/etc", "a//b", "a\\b"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, motion: str) -> None:
    with (
        pytest.raises(EgotapError, match="not a path of folders"),
        pose_writer(tmp_path / "poses.zip", ORIGIN, "x") as writer,
    ):
        writer.append(np.ones((1, 16, 3), np.float32), [3], [f"anna/{motion}/3"], [0.0], np.ones((1, 16), np.float32))
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_so_is_said_before_a_pose_is_estimated(tmp_path: Path) -> None:
    eye = np.eye(3).tolist()
    places = [tmp_path / name for name in "abc"]
    for place in places:
        place.mkdir()
    sound = frames_of(places[0], source="unrealego2", left_axes_from_device=eye)
    with pytest.raises(EgotapError, match=r"the checkpoint was trained on trained.*train it with data=unrealego2"):
        device_form(about({"origin": {"_target_": "egotap_pl.data.device_relative.Pelvis"}}), sound, "x.zip")
    with pytest.raises(EgotapError, match=r"relative to the headset, but the checkpoint"):
        device_form(about({}), sound, "x.zip")
    with pytest.raises(EgotapError, match=r"is of bodies, but a \.zip is for prepared data of one of: data=unrealego2"):
        device_form(about(DEVICE), frames_of(places[1]), "x.zip")
    damaged = frames_of(places[2], source="unrealego2", left_axes_from_device=[[1, 0], [0, 1]])
    with pytest.raises(EgotapError, match=r"left_axes_from_device is not a rotation: damaged"):
        device_form(about(DEVICE), damaged, "x.zip")
    video = SimpleNamespace(frames=None, rate=30.0, gaps=Gaps(), rig=None, batches=iter)
    with pytest.raises(EgotapError, match=r"needs prepared data of one of"):
        device_form(about(DEVICE), video, "x.zip")
