"""Frames written in the layouts of the newer data sets and read again are the same frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from composed import compose
from headset_bodies import PX, joints_cm, tilted_rig, write_stores
from rich.console import Console

from egotap_pl.core.batch import FRAME_PX, Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.data.device_relative import DeviceRelativeSource
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.build import build

QUIET = Console(quiet=True)
RIGS = {
    "unrealego2": StereoRig.unrealego(11.5),
    "unrealego_rw": tilted_rig(),
    "ego4view_syn": StereoRig.unrealego(-12.0),
    "ego4view_rw": tilted_rig(),
}
PARALLEL = ("unrealego2", "ego4view_syn")
PELVIS = "data.source.origin._target_=egotap_pl.data.device_relative.Pelvis"
THIGHS = [8, 9]


class Trip(NamedTuple):
    name: str
    stores: dict[str, FrameStore]
    tree: Path


def source_of(name: str, root: Path, *overrides: str) -> DeviceRelativeSource:
    """The source that ``data=NAME`` composes."""
    settings = compose(f"data={name}", f"data.root={root}", *overrides, f"scale.image_px={PX}", verb="prepare")
    source: DeviceRelativeSource = build(settings["data"]["source"])
    return source


def write(name: str, stores: dict[str, FrameStore], tree: Path, **more: object) -> int:
    """Writes a tree with the writer that ``layout=NAME`` composes."""
    layout = compose(f"layout={name}", f"output={tree}", verb="prepare")["layout"]
    count: int = build(layout)(stores["train"].path.parent, tree, workers=0, console=QUIET, **more)
    return count


def read_again(source: DeviceRelativeSource, folder: Path) -> dict[str, FrameStore]:
    prepare(source, folder, RawCodec(), workers=0, console=QUIET)
    return {split: FrameStore(store_path(folder, split)) for split in source.splits()}


@pytest.fixture(scope="module", params=RIGS)
def trip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    home = tmp_path_factory.mktemp(request.param)
    stores = write_stores(RIGS[request.param], home / "stores")
    assert write(request.param, stores, home / "tree") == sum(map(len, stores.values()))
    return Trip(request.param, stores, home / "tree")


def test_everything_comes_back(trip: Trip, tmp_path: Path) -> None:
    source = source_of(trip.name, trip.tree, "+data.source.frames_per_piece=3")
    again = read_again(source, tmp_path)
    assert tuple(again) == SPLITS
    for split, store in trip.stores.items():
        back, rows = again[split], range(len(store))
        expected, actual = store.read(rows), back.read(rows)
        torch.testing.assert_close(joints_cm(back), joints_cm(store), atol=1e-4, rtol=0)
        torch.testing.assert_close(actual.points2d_px, expected.points2d_px, atol=2e-3, rtol=0)
        assert (actual.images.float() - expected.images.float()).abs().mean() < (
            1.5 if "ego4view" in trip.name else 0.5
        )
        np.testing.assert_array_equal(back.labels["frame_number"], store.labels["frame_number"])
        assert set(actual.visibility.unique().tolist()) <= {Visibility.UNKNOWN, Visibility.OUT_OF_VIEW}
        outside = [batch.visibility == Visibility.OUT_OF_VIEW for batch in (expected, actual)]
        assert torch.equal(*outside)
        names = [one.name_frames(rows) for one in (store, back)]
        for column in ("subject", "motion"):  # may have other names, but are divided alike
            groups = [[getattr(name, column).index(value) for value in getattr(name, column)] for name in names]
            assert groups[0] == groups[1]


def test_poses_are_relative_to_the_middle_of_the_cameras(trip: Trip, tmp_path: Path) -> None:
    for split, back in read_again(source_of(trip.name, trip.tree), tmp_path).items():
        rig = trip.stores[split].rig
        centre = -np.array(rig.rotation).T @ np.array(
            rig.translation_cm
        )  # of the right camera, in the left one's frame
        batch = back.read(range(len(back)))
        expected = joints_cm(trip.stores[split])[:, 0] - torch.from_numpy(centre) / 2
        torch.testing.assert_close(batch.pose_cm.double(), expected, atol=1e-4, rtol=0)


def test_the_rig_is_measured(trip: Trip) -> None:
    rig, true = source_of(trip.name, trip.tree).rig, RIGS[trip.name]
    assert rig.name == trip.name
    np.testing.assert_allclose(rig.rotation, true.rotation, atol=2e-6)
    np.testing.assert_allclose(rig.translation_cm, true.translation_cm, atol=1e-3)
    for camera, expected in zip(rig.cameras, true.cameras, strict=True):
        assert camera.size_px == (FRAME_PX, FRAME_PX)
        points = torch.randn(50, 3).double() * 20 + torch.tensor((0, 0, 40.0))
        torch.testing.assert_close(camera.project(points)[0], expected.project(points)[0], atol=1e-6, rtol=0)


def test_poses_relative_to_the_pelvis(trip: Trip, tmp_path: Path) -> None:
    again = read_again(source_of(trip.name, trip.tree, PELVIS), tmp_path)
    for split, back in again.items():
        store, batch = trip.stores[split], back.read(range(len(back)))
        joints = joints_cm(store)
        torch.testing.assert_close(joints_cm(back), joints, atol=1e-4, rtol=0)
        if trip.name == "unrealego2":  # which knows the pelvis
            expected = store.read(range(len(store))).pose_cm.double()
        else:
            expected = joints[:, 0] - joints[:, 0, THIGHS].mean(1, keepdim=True)
        torch.testing.assert_close(batch.pose_cm.double(), expected, atol=1e-4, rtol=0)


def linked(tree: Path, place: Callable[[Path], Path]) -> None:
    """Another tree of the same files, each where ``place`` says for its path within the tree."""
    for path in tree.rglob("*.*"):
        if path.is_file():
            target = place(path.relative_to(tree))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)


def is_label(path: Path) -> bool:
    return path.suffix == ".json" and path.stem.startswith("frame_")


def test_images_and_poses_may_be_in_different_folders(trip: Trip, tmp_path: Path) -> None:
    """Images, lists and calibrations here, json files there."""
    linked(trip.tree, lambda path: tmp_path / ("poses" if is_label(path) else "images") / path)
    source = source_of(trip.name, tmp_path / "images", f"data.pose_root={tmp_path / 'poses'}")
    assert source.identity() == source_of(trip.name, trip.tree).identity()
    piece = source.plan("test")[0]
    assert not source.read(piece).skipped


@pytest.mark.parametrize("trip", ["unrealego2", "unrealego_rw"], indirect=True)  # the others have the full form only
def test_test_poses_in_the_form_of_predictions(trip: Trip, tmp_path: Path) -> None:
    """``{joint: [x, y, z]}`` relative to the headset, from which the rig gives everything else."""
    write(trip.name, trip.stores, tmp_path / "short", short=True)
    full = source_of(trip.name, trip.tree)
    motions = {motion.name for motion in full.lists["test"]}
    linked(
        trip.tree,
        lambda path: tmp_path / ("unused" if is_label(path) and is_of(path, motions) else "mixed") / path,
    )
    linked(
        tmp_path / "short",
        lambda path: tmp_path / ("mixed" if is_label(path) and is_of(path, motions) else "unused/short") / path,
    )
    source = source_of(trip.name, tmp_path / "mixed")
    assert source.identity() == full.identity()
    back, store = read_again(source, tmp_path / "back")["test"], trip.stores["test"]
    torch.testing.assert_close(joints_cm(back), joints_cm(store), atol=1e-3, rtol=0)
    actual, expected = (one.read(range(len(store))).points2d_px for one in (back, store))
    torch.testing.assert_close(actual, expected, atol=2e-2, rtol=0)
    (content,) = (
        json.loads(path.read_text())
        for path in (tmp_path / "mixed").rglob("frame_5.json")
        if is_of(path.relative_to(tmp_path / "mixed"), motions)
    )
    assert all(type(x) is float for position in content.values() for x in position)
    if trip.name in PARALLEL:
        mean = joints_cm(store)[0].mean(0)
        torch.testing.assert_close(torch.tensor(list(content.values()), dtype=torch.float64), mean, atol=1e-5, rtol=0)


def is_of(path: Path, motions: set[str]) -> bool:
    return any(f"{motion}/" in path.as_posix() for motion in motions)
