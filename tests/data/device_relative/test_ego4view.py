"""Ego4View: trees as they are published, lists of characters, and the real calibrations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from composed import compose
from headset_bodies import PX, joints_cm, tilted_rig, write_stores
from PIL import Image
from real_data import real_file
from rich.console import Console

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.calibration import load_rig, read_camera_json
from egotap_pl.data.device_relative import DeviceRelativeSource, Ego4ViewRW, Ego4ViewSyn
from egotap_pl.data.device_relative.dataset import Dataset
from egotap_pl.data.egosynth import EgoSynthSource
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.build import build
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import headset

QUIET = Console(quiet=True)
LISTS = {"train": "train.txt", "validation": "validation.txt", "test": "test.txt"}


def write(name: str, stores: Path, tree: Path) -> None:
    layout = compose(f"layout={name}", "output=x", verb="prepare")["layout"]
    build(layout)(stores, tree, workers=0, console=QUIET)


def source(dataset: Dataset, root: Path, calibration: Path | None = None) -> DeviceRelativeSource:
    return DeviceRelativeSource(dataset, root, LISTS, calibration=calibration or root, image_px=PX)


@pytest.fixture(scope="module")
def syn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("syn")
    write_stores(StereoRig.unrealego(-12.0), home / "stores")
    write("ego4view_syn", home / "stores", home / "Ego4View_syn")
    return home / "Ego4View_syn"


@pytest.fixture(scope="module")
def rw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("rw")
    write_stores(tilted_rig(), home / "stores")
    write("ego4view_rw", home / "stores", home / "Ego4View_rw")
    return home / "Ego4View_rw"


def test_the_tree_of_syn_is_as_published(syn: Path) -> None:
    assert (syn / "test.txt").read_text() == "dan\neve\n"
    folder = syn / "dan" / "1001"
    assert sorted(path.name for path in folder.iterdir()) == ["fisheye_rgb", "json_smplx_gendered"]
    with Image.open(folder / "fisheye_rgb" / "camera_front_left" / "frame_5.jpg") as image:
        assert image.size == (872, 872)
    joints = json.loads((folder / "json_smplx_gendered" / "frame_5.json").read_text())["joints"]
    assert list(joints) == list(Ego4ViewSyn.joints)
    for joint in joints.values():  # "left view = device + (6, 0, 0) cm, right view = device + (-6, 0, 0)"
        np.testing.assert_allclose(np.subtract(joint["camera_front_left_pts3d"], joint["device_pts3d"]), (6, 0, 0))
        np.testing.assert_allclose(np.subtract(joint["camera_front_right_pts3d"], joint["device_pts3d"]), (-6, 0, 0))


def test_the_tree_of_rw_is_as_published(rw: Path) -> None:
    """A point of the headset's frame, in metres, times a sequence's matrix is the point in the camera's frame."""
    assert (rw / "test.txt").read_text() == "2024_01_01/S4/seq_1-0\n2024_01_01/S5/seq_1-0\n"
    metadata = json.loads((rw / "2024_01_01/S4/seq_1_metadata.json").read_text())["coord_transformation_matrix"]
    folder = rw / "2024_01_01/S4/seq_1-0"
    assert (folder / "fisheye_rgb" / "camera_front_right" / "frame_5.png").is_file()
    for joint in json.loads((folder / "json_smplx" / "frame_5.json").read_text())["joints"].values():
        for camera in Ego4ViewRW.cameras:
            point = np.array(metadata[f"device_to_{camera}"]) @ (*np.array(joint["device_pts3d"]) / 100, 1)
            np.testing.assert_allclose(point[:3] * 100, joint[f"{camera}_pts3d"], atol=1e-6)


def test_the_mpjpe_of_rotated_poses_is_that_of_device_relative_ones(rw: Path) -> None:
    """Poses are in the left camera's axes. That changes no distance from what the files call device-relative."""
    reader = source(Ego4ViewRW(), rw)
    frames = reader.read(reader.plan("test")[0])
    folder = rw / reader.plan("test")[0].motion.name / "json_smplx"
    truth = np.array(
        [
            [joint["device_pts3d"] for joint in json.loads((folder / f"frame_{n}.json").read_text())["joints"].values()]
            for n in frames.frame_number
        ]
    )
    rotation = np.array(reader.identity()["left_axes_from_device"])
    np.testing.assert_allclose(frames.pose_cm, truth @ rotation.T, atol=1e-3)
    estimate = truth + np.random.default_rng(0).normal(0, 5, truth.shape)
    theirs = np.linalg.norm(estimate - truth, axis=-1).mean()
    ours = np.linalg.norm(estimate @ rotation.T - frames.pose_cm, axis=-1).mean()
    assert theirs == pytest.approx(ours, abs=1e-3)


def test_lists_name_characters_or_sequences(syn: Path, tmp_path: Path) -> None:
    def motions(text: str) -> list[str]:
        (root / "train.txt").write_text(text)
        return [motion.name for motion in source(Ego4ViewSyn(), root).lists["train"]]

    root = Path(shutil.copytree(syn, tmp_path / "Ego4View_syn"))
    (root / "cleo" / "1002").rename(root / "cleo" / "999")
    assert motions("cleo\nanna/1001\n") == ["cleo/999", "cleo/1001", "anna/1001"]
    assert motions("./Ego4View_syn/cleo") == ["cleo/999", "cleo/1001"]
    assert motions("cleo\nnobody") == ["cleo/999", "cleo/1001", "nobody"]
    reader = DeviceRelativeSource(Ego4ViewSyn(), tmp_path, LISTS, calibration=root, image_px=PX)  # the folder above
    assert list(reader.missing("train")) == ["nobody"]
    with pytest.raises(EgotapError, match=r"train\.txt, line 1: '\.\./cleo' is not a folder below Ego4View"):
        motions("../cleo")


def test_images_may_be_png_or_jpeg(syn: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(syn, tmp_path / "tree"))
    before = source(Ego4ViewSyn(), syn)
    for path in sorted(root.rglob("*.jpg")):
        with Image.open(path) as image:
            image.save(path.with_suffix(".png"))
        path.unlink()
    after = source(Ego4ViewSyn(), root)
    assert after.identity() == before.identity()
    frames = [one.read(one.plan("test")[0]) for one in (before, after)]
    np.testing.assert_array_equal(frames[0].images, frames[1].images)


def test_labels_without_device_relative_points_are_refused(syn: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(syn, tmp_path / "tree"))
    path = root / "dan" / "1001" / "json_smplx_gendered" / "frame_5.json"
    content = json.loads(path.read_text())
    del content["joints"]["Neck"]["device_pts3d"]
    path.write_text(json.dumps(content))
    reader = source(Ego4ViewSyn(), root)
    (skipped,) = reader.read(reader.plan("test")[0]).skipped
    assert f"{path}: joint 'Neck' has no 'device_pts3d'" in skipped.reason
    path.write_text(json.dumps({name: [0.0, 0.0, 1.0] for name in Ego4ViewSyn.joints}))
    (skipped,) = reader.read(reader.plan("test")[0]).skipped
    assert f"{path} has no 'joints': not a frame of Ego4View-Syn" in skipped.reason
    (root / "camera_front_right.json").unlink()
    with pytest.raises(EgotapError, match=r"camera_front_right\.json: no such file; data\.calibration"):
        source(Ego4ViewSyn(), root)


RIG = """\
name: ego4view
left: LEFT
right: RIGHT
left_to_right:
  rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
  translation_cm: [-12, 0, 0]
"""


def test_the_real_cameras(tmp_path: Path) -> None:
    """EgoSynth seen by the published cameras, written in the published layout, read with the published calibrations."""
    files = [real_file(f"ego4view/{camera}.json") for camera in Ego4ViewSyn.cameras]
    text = RIG.replace("LEFT", str(files[0])).replace("RIGHT", str(files[1]))
    (tmp_path / "rig.yaml").write_text(text)
    counts = {"train": 6, "validation": 2, "test": 2}
    synth = EgoSynthSource(
        unrealego(),
        headset(),
        [ProceduralMotions()],
        counts,
        {"train": 2, "validation": 1, "test": 1},
        image_px=PX,
        frames_per_take=2,
        rig=load_rig(tmp_path / "rig.yaml"),
    )
    prepare(synth, tmp_path / "stores", RawCodec(), workers=0, console=QUIET)
    write("ego4view_syn", tmp_path / "stores", tmp_path / "tree")
    for written, published in zip(Ego4ViewSyn.cameras, files, strict=True):
        ours, theirs = (read_camera_json(path) for path in (tmp_path / "tree" / f"{written}.json", published))
        points = torch.randn(200, 3).double() * 20 + torch.tensor((0.0, 0.0, 40.0))
        torch.testing.assert_close(ours.project(points)[0], theirs.project(points)[0], atol=1e-6, rtol=0)
        (tmp_path / "tree" / f"{written}.json").unlink()
    reader = source(Ego4ViewSyn(), tmp_path / "tree", files[0].parent)
    prepare(reader, tmp_path / "back", RawCodec(), workers=0, console=QUIET)
    assert reader.rig.translation_cm == (-12, 0, 0)
    for split, count in counts.items():
        store, back = (FrameStore(store_path(tmp_path / place, split)) for place in ("stores", "back"))
        assert len(back) == len(store) == count
        expected, actual = joints_cm(store), joints_cm(back)
        by_head = [joints[:, 0, 0].sum(-1).argsort() for joints in (expected, actual)]  # motions may be in other order
        torch.testing.assert_close(actual[by_head[1]], expected[by_head[0]], atol=1e-4, rtol=0)
        px = [one.read(range(count)).points2d_px[order] for one, order in zip((store, back), by_head, strict=True)]
        torch.testing.assert_close(px[1], px[0], atol=2e-3, rtol=0)
