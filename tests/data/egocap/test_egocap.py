"""EgoCap's reader on a tree with known numbers."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from egocap_tree import CROPS_PX, POINTS, ROTATION, TRANSLATION_CM, HandMadeTree, cropped, jpeg, picture, project
from scipy.spatial.transform import Rotation

from egotap_pl.core.batch import Visibility
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.egocap.source import EgoCapSource
from egotap_pl.data.source import FileSource, Frames


@pytest.fixture
def tree(tmp_path: Path) -> HandMadeTree:
    return HandMadeTree(tmp_path / "EgoCap")


def source_of(tree: HandMadeTree, **settings: object) -> EgoCapSource:
    return EgoCapSource(tree.root, **settings)  # type: ignore[arg-type]


def read(source: EgoCapSource, split: str) -> Frames:
    (piece,) = source.plan(split)
    return source.read(piece)


def in_crop(poses_cm: np.ndarray) -> np.ndarray:
    return np.stack([project(poses_cm, view) - (CROPS_PX[view], 0) for view in range(2)], 1)


def test_second_camera_is_located_from_poses_and_its_points(tree: HandMadeTree) -> None:
    source = source_of(tree, circle_radius_px=560)
    error_rad = Rotation.from_matrix(np.array(source.rig.rotation) @ ROTATION.T).magnitude()
    assert np.degrees(error_rad) < 0.01
    assert source.rig.translation_cm == pytest.approx(TRANSLATION_CM, abs=0.02)
    assert [camera.centre_px[0] for camera in source.rig.cameras] == pytest.approx([512.4, 512.2])
    assert {camera.size_px for camera in source.rig.cameras} == {(1024, 1024)}
    assert max(source.fit.median_px) < 0.3
    assert max(source.held_out_distance_px) < 0.3


def test_training_frames(tree: HandMadeTree) -> None:
    frames = read(source_of(tree), "train")
    assert frames.skipped == ()
    np.testing.assert_allclose(frames.pose_cm, tree.train_cm, atol=1e-4)
    np.testing.assert_allclose(frames.points2d_px[:, :, 1:], in_crop(tree.train_cm)[:, :, 1:], atol=1e-3)
    assert list(frames.subject) == [f"S{1 + row // 2}" for row in range(12)]
    assert list(frames.motion) == [f"S{1 + row // 2}_v000" for row in range(12)]
    assert frames.frame_number.tolist() == list(range(10, 22))
    assert not frames.origin_cm.any()
    assert set(frames.visibility.flat) == {Visibility.UNKNOWN}
    for row in range(12):
        for view in range(2):  # the second camera's images are stored mirrored
            expected = cropped(100 + 5 * row + view, view)
            np.testing.assert_allclose(frames.images[row, view].astype(float), expected, atol=3)


def test_held_out_frames(tree: HandMadeTree) -> None:
    frames = read(source_of(tree), "validation")
    np.testing.assert_allclose(frames.pose_cm, tree.held_out_cm, atol=1e-4)
    np.testing.assert_allclose(frames.points2d_px[:, :, 1:], in_crop(tree.held_out_cm)[:, :, 1:], atol=1e-3)
    assert set(frames.subject) == {"S7"}
    assert frames.frame_number.tolist() == list(tree.numbers)
    for row in range(4):
        for view in range(2):
            expected = cropped(100 + 5 * row + view, view)
            np.testing.assert_allclose(frames.images[row, view].astype(float), expected, atol=3)


def test_validation_and_test_are_the_same_sequence(tree: HandMadeTree) -> None:
    source = source_of(tree)
    validation: Any = read(source, "validation")
    test: Any = read(source, "test")
    assert all(np.array_equal(a, b) for a, b in zip(validation, test, strict=True))
    with pytest.raises(EgotapError, match="no split 'val'"):
        source.plan("val")


def test_images_of_another_size_show_the_same_scene(tree: HandMadeTree) -> None:
    small = read(source_of(tree, image_px=64), "validation").images
    large = read(source_of(tree, image_px=512), "validation").images
    blocks = large.reshape(4, 2, 3, 64, 8, 64, 8).astype(float).mean((4, 6))
    np.testing.assert_allclose(small.astype(float), blocks, atol=1)
    with pytest.raises(EgotapError, match="image_px=513"):
        source_of(tree, image_px=513)


def test_joints_without_annotation_get_the_projection_of_the_pose(tree: HandMadeTree) -> None:
    fractions = tree.fractions()
    fractions[3, 1, 5, 0] = np.nan
    tree.write_training(pose_2d=fractions)
    tree.write_points(omitted=((1, 190),))
    source = source_of(tree)
    for split, poses in (("train", tree.train_cm), ("validation", tree.held_out_cm)):
        points = read(source, split).points2d_px
        np.testing.assert_allclose(points[:, :, 1:], in_crop(poses)[:, :, 1:], atol=0.5)


def test_frame_numbers_in_file_names_may_be_padded(tree: HandMadeTree) -> None:
    for path in (tree.root / "validation_v003_3D/images").glob("*/frame-???.jpg"):
        path.rename(path.with_name(path.name.replace("frame-", "frame-0")))
    assert read(source_of(tree), "test").skipped == ()


def test_numbers_in_points_may_be_the_first_cameras(tree: HandMadeTree) -> None:
    tree.write_points(delay=0)
    with pytest.raises(EgotapError, match=r"dataset\.txt: .*label_delay=0"):
        source_of(tree).identity()
    frames = read(source_of(tree, label_delay=0), "validation")
    np.testing.assert_allclose(frames.points2d_px[:, :, 1:], in_crop(tree.held_out_cm)[:, :, 1:], atol=1e-3)


def test_annotations_far_from_the_projected_poses_are_refused(tree: HandMadeTree) -> None:
    mirrored = tree.fractions()
    mirrored[:, 1, :, 0] = 1 - mirrored[:, 1, :, 0]
    tree.write_training(pose_2d=mirrored)
    with pytest.raises(EgotapError, match=r"hdf5: camera 1's points lie .* px .*max_distance_px=null accepts"):
        source_of(tree).identity()
    assert read(source_of(tree, max_distance_px=None), "train").images.shape == (12, 2, 3, 256, 256)


def test_frames_with_missing_or_damaged_images_are_skipped_and_named(tree: HandMadeTree) -> None:
    images = tree.root / "training_v000/images"
    (images / "S1_v000_cam0_frame-0010.jpg").unlink()
    damaged = images / "S2_v000_cam1_frame-0009.jpg"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    (images / "S2_v000_cam0_frame-0013.jpg").write_bytes(jpeg(picture(0)[:256, :320]))
    (images / "S3_v000_cam0_frame-0014.jpg").write_bytes(b"not an image")
    frames = read(source_of(tree), "train")
    assert frames.frame_number.tolist() == [11, *range(15, 22)]
    expected = {10: "no such file", 12: "damaged", 13: "is 320 x 256 px: expected 640 x 512", 14: "damaged"}
    assert {skipped.frame_number for skipped in frames.skipped} == set(expected)
    for skipped in frames.skipped:
        assert expected[skipped.frame_number] in skipped.reason
        assert skipped.damaged
        assert not Path(skipped.file).is_absolute()
    assert "S2_v000_cam1_frame-0009.jpg" in frames.skipped[1].reason


def test_motions_without_any_image_are_missing(tree: HandMadeTree) -> None:
    whole = source_of(tree).identity()
    for path in (tree.root / "training_v000/images").glob("S4_*"):
        path.unlink()
    source = source_of(tree)
    assert isinstance(source, FileSource)
    assert source.missing("train") == ["S4_v000"]
    assert source.missing("test") == []
    assert {label.subject for piece in source.plan("train") for label in piece.labels} == {"S1", "S2", "S3", "S5", "S6"}
    assert source.identity() != whole


def test_identity_depends_on_what_determines_the_frames(tree: HandMadeTree, tmp_path: Path) -> None:
    identity = source_of(tree).identity()
    assert json.loads(json.dumps(identity)) == identity
    assert "EgoCap" not in json.dumps(identity)  # no paths
    tree.root.rename(tmp_path / "moved")
    tree.root = tmp_path / "moved"
    assert source_of(tree).identity() == identity
    assert source_of(tree, image_px=128).identity() != identity
    tree.held_out_cm[2, 3, 1] += 0.1
    tree.write_poses()
    assert source_of(tree).identity() != identity


def test_workers_get_only_the_annotations_of_their_pieces(tree: HandMadeTree) -> None:
    source = source_of(tree)
    (piece,) = source.plan("train")
    copy = pickle.loads(pickle.dumps(source))
    assert len(pickle.dumps(source)) < 10_000
    (tree.root / POINTS).unlink()
    again: Any = copy.read(pickle.loads(pickle.dumps(piece)))
    first: Any = source.read(piece)
    assert all(np.array_equal(a, b) for a, b in zip(again, first, strict=True))


def test_keys_are_unique_and_pieces_are_small(tree: HandMadeTree) -> None:
    tree.write_training(
        pose_2d=np.tile(tree.fractions(), (20, 1, 1, 1)),
        pose_3d=np.tile(tree.train_cm * (10, 10, -10), (20, 1, 1)),
        subject_index=np.tile(tree.subject, 20),
        frame_index=np.tile(tree.frame, (20, 1)),
    )
    pieces = source_of(tree).plan("train")
    assert sum(piece.frames for piece in pieces) == 240
    assert len({piece.key for piece in pieces}) == len(pieces)
    assert max(piece.frames for piece in pieces) <= 128
