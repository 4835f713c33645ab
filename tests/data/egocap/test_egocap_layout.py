"""EgoSynth written as EgoCap and read again gives the same frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from egocap_tree import SWAPPED
from fake_source import FakeSource
from PIL import Image

from egotap_pl.core.batch import Batch
from egotap_pl.core.camera import FisheyeCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import egocap
from egotap_pl.data.egocap.files import read_points, read_training
from egotap_pl.data.egocap.layout import write_egocap
from egotap_pl.data.egocap.source import EgoCapSource
from egotap_pl.data.egosynth import EgoSynthSource
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.mount import stick

FRAMES = {"train": 10, "validation": 2, "test": 3}
SUBJECTS = {"train": 8, "validation": 1, "test": 1}


class RoundTrip(NamedTuple):
    stores: Path
    tree: Path
    source: EgoCapSource
    back: Path


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> RoundTrip:
    home = tmp_path_factory.mktemp("egocap")
    synth = EgoSynthSource(egocap(), stick(), [ProceduralMotions()], FRAMES, SUBJECTS, image_px=64, frames_per_take=1)
    prepare(synth, home / "stores", RawCodec(), workers=0)
    write_egocap(home / "stores", home / "tree")
    source = EgoCapSource(home / "tree", image_px=64, circle_radius_px=512)
    prepare(source, home / "back", RawCodec(), workers=0)
    return RoundTrip(home / "stores", home / "tree", source, home / "back")


def batches(trip: RoundTrip, split: str) -> tuple[Batch, Batch]:
    """The frames that were written and the frames that were read, in the same order."""
    splits = [split] if split == "train" else ["validation", "test"]
    stores = [FrameStore(store_path(trip.stores, name)) for name in splits]
    originals = [store.read(range(len(store))) for store in stores]
    back = FrameStore(store_path(trip.back, split))
    columns = zip(*([column for column in batch if column is not None] for batch in originals), strict=True)
    written: Any = map(torch.cat, columns)
    return Batch(*written), back.read(range(len(back)))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_points_and_poses_are_the_same(trip: RoundTrip, split: str) -> None:
    written, read = batches(trip, split)
    torch.testing.assert_close(read.pose_cm, written.pose_cm, atol=1e-5, rtol=0)
    torch.testing.assert_close(read.points2d_px, written.points2d_px, atol=1e-3, rtol=0)
    assert torch.equal(read.origin_cm, written.origin_cm)


@pytest.mark.parametrize("split", ["train", "test"])
def test_images_are_the_same_within_the_codecs_loss(trip: RoundTrip, split: str) -> None:
    written, read = batches(trip, split)
    difference = (read.images.float() - written.images.float()).abs()
    assert difference.mean() < 1
    assert difference.max() <= 8


def test_rig_is_the_same(trip: RoundTrip) -> None:
    rig, true = trip.source.rig, stick().rig
    np.testing.assert_allclose(rig.rotation, true.rotation, atol=1e-5)
    np.testing.assert_allclose(rig.translation_cm, true.translation_cm, atol=1e-3)
    for camera, expected in zip(rig.cameras, true.cameras, strict=True):
        assert camera.centre_px == pytest.approx(expected.centre_px)
        assert isinstance(expected, FisheyeCamera)
        assert camera == replace(expected, centre_px=camera.centre_px)
    assert max(*trip.source.fit.median_px, *trip.source.held_out_distance_px) < 0.01


def test_without_a_known_circle_the_cameras_see_as_far_as_the_calibration_says(trip: RoundTrip) -> None:
    for camera in EgoCapSource(trip.tree).rig.cameras:
        assert isinstance(camera, FisheyeCamera)
        assert 700 < camera.circle_radius_px < 820  # its corners are 820 px away


def test_tree_is_as_published(trip: RoundTrip) -> None:
    """The oddities of EgoCap's files, checked in the files themselves."""
    written, _ = batches(trip, "train")
    training = read_training(trip.tree / "Ego_pose_stereo_cleaned.hdf5")
    people = FrameStore(store_path(trip.stores, "train")).name_frames(range(10)).subject
    assert training.subject.tolist() == [list(dict.fromkeys(people)).index(name) % 6 + 1 for name in people]
    first, second = (
        Image.open(trip.tree / f"training_v000/images/S{training.subject[0]}_v000_cam{view}_frame-{number:04d}.jpg")
        for view, number in enumerate(training.frame[0])
    )
    assert first.size == second.size == (640, 512)
    for view, image in enumerate((first, second)):
        pixels = np.asarray(image).astype(float)
        assert pixels[:, :60].max() < 10  # black beside the square
        assert pixels[:, 580:].max() < 10
        square = pixels[:, 64:576].reshape(64, 8, 64, 8, 3).mean((1, 3)).transpose(2, 0, 1)
        expected = written.images[0, view].float().numpy()
        np.testing.assert_allclose(square, expected[:, :, ::-1] if view else expected, atol=8)
    text = (trip.tree / "validation_v003_2D/dataset.txt").read_text().split("# ")
    second_block = text[2].splitlines()
    assert second_block[1:6] == ["./images/S7_v003_cam1_frame-1.jpg", "3", "512", "640", "18"]
    held_out, _ = batches(trip, "validation")
    xy = np.array([line.split()[1:] for line in second_block[6:]], float)
    frame_px = held_out.points2d_px[0, 1].double().numpy() + np.array((128, 0))
    np.testing.assert_allclose(xy, (np.array((1280, 0)) + frame_px * (-1, 1))[SWAPPED] / 2, atol=1e-4)
    assert (0, 86) in read_points(trip.tree / "validation_v003_2D/dataset.txt")
    assert (trip.tree / "validation_v003_3D/images/franzi_01-cam0/frame-86.jpg").is_file()
    assert (trip.tree / "validation_v003_3D/images/franzi_01-cam1/frame-1.jpg").is_file()


def test_a_folder_that_is_not_empty_is_not_written_to(trip: RoundTrip) -> None:
    with pytest.raises(EgotapError, match=r"tree already exists: choose a folder"):
        write_egocap(trip.stores, trip.tree)


def test_stores_that_egocaps_files_cannot_hold_are_refused(trip: RoundTrip, tmp_path: Path) -> None:
    prepare(FakeSource(), tmp_path / "glasses", RawCodec(), workers=0)
    with pytest.raises(EgotapError, match=r"'unrealego': an EgoCap tree holds EgoCap's joints; .*egosynth_stick"):
        write_egocap(tmp_path / "glasses", tmp_path / "tree")
    alone = tmp_path / "alone"
    alone.mkdir()
    store_path(alone, "train").symlink_to(store_path(trip.stores, "train"))
    with pytest.raises(EgotapError, match=r"has no validation\.h5 or test\.h5"):
        write_egocap(alone, tmp_path / "tree")
    with pytest.raises(EgotapError, match=r"train\.h5: no such file"):
        write_egocap(tmp_path, tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
