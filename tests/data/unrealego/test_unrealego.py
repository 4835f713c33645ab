"""UnrealEgo's reader: round trips of a store through a tree of files, hand-made files with known numbers, bad files."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import FisheyeCamera, StereoRig
from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.preparation.parts import header_of
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.source import Frames, SkippedFrame
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.writer import write_store
from egotap_pl.data.unrealego.layout import write_unrealego
from egotap_pl.data.unrealego.source import Device, UnrealEgoSource
from egotap_pl.data.unrealego.variants import FileVariant, ImplAlone, ImplWithJson, RawRelease
from egotap_pl.data.untrusted.readers import load_npy

QUIET = Console(quiet=True)
PX = 64
MOTION = "UEnv/Day/rp_carla/SKM_MenReadingGlasses_Shape_01/009/004_some_motion"
LISTS = {"train": "train.txt"}
JOINTS = unrealego().joints


class Bodies:
    """Bodies below glasses whose cameras are 11.5 cm apart, in two motions."""

    skeleton = unrealego()
    rig = StereoRig.unrealego(11.5)
    image_px = PX
    categories = CATEGORIES

    def identity(self) -> dict[str, Any]:
        return {"source": "bodies"}

    def splits(self) -> list[str]:
        return ["train"]

    def plan(self, split: str) -> list[Any]:
        return []

    def read(self, piece: Any) -> Frames:
        return self.frames()

    def frames(self, count: int = 16) -> Frames:
        random = np.random.default_rng(3)
        rest_pose = np.array(  # from the head, which is nearest, to the feet
            [[0, -5, 8], [0, 0, 20]]
            + [[x * s, 5 * (j % 3), 25 + 11 * j] for j, x in enumerate((18, 25, 22, 9, 10, 11, 12)) for s in (-1, 1)],
            float,
        )
        joints = rest_pose + random.normal(0, 5, (count, 16, 3))
        pelvis = rest_pose[8:10].mean(0) + random.normal(0, 2, (count, 3))
        left = torch.from_numpy(joints + random.normal(0, 2, (count, 1, 3)))
        points, inside = self.rig.project(left)
        origin = self.rig.to_views(torch.from_numpy(pelvis)[:, None])[:, :, 0]
        visibility = np.where(inside.numpy(), Visibility.VISIBLE, Visibility.OUT_OF_VIEW)
        ramp = np.arange(PX) * 2
        images = random.integers(0, 120, (count, 2, 3, 1, 1)) + (ramp[:, None] + ramp[None]) // 2
        return Frames(
            images=images.astype(np.uint8),
            points2d_px=points.numpy().astype(np.float32),
            pose_cm=(left.numpy() - pelvis[:, None]).astype(np.float32),
            origin_cm=origin.numpy().astype(np.float32),
            visibility=visibility.astype(np.uint8),
            category=["boxing"] * (count // 2) + ["golf"] * (count - count // 2),
            subject=["anna"] * (count // 2) + ["ben"] * (count - count // 2),
            motion=["takes/b 1"] * (count // 2) + ["takes/g 2"] * (count - count // 2),
            frame_number=np.arange(5, 5 + count, dtype=np.int64),
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    path = store_path(tmp_path_factory.mktemp("stores"), "train")
    frames, source = Bodies().frames(), Bodies()
    with write_store(path, header_of(source, "train", RawCodec()), len(frames.images)) as writer:
        writer.append(frames)
    return FrameStore(path)


@pytest.fixture(scope="module")
def tree(store: FrameStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("tree")
    assert write_unrealego(store.path.parent, output, workers=0, console=QUIET) == len(store)
    return output


def prepared(source: UnrealEgoSource, folder: Path) -> FrameStore:
    prepare(source, folder, RawCodec(), workers=0, console=QUIET)
    return FrameStore(store_path(folder, "train"))


@pytest.mark.parametrize("variant", [RawRelease(), ImplWithJson(), ImplAlone()], ids=lambda v: type(v).__name__)
def test_round_trip(store: FrameStore, tree: Path, tmp_path: Path, variant: FileVariant) -> None:
    again = prepared(UnrealEgoSource(tree, LISTS, variant, image_px=PX, frames_per_piece=5), tmp_path)
    assert len(again) == len(store)
    rows = list(range(len(store)))
    expected, actual = store.read(rows), again.read(rows)
    torch.testing.assert_close(actual.images, expected.images, atol=0, rtol=0)
    torch.testing.assert_close(actual.pose_cm, expected.pose_cm, atol=1e-4, rtol=0)
    torch.testing.assert_close(actual.category, expected.category)
    assert store.name_frames(rows).subject == again.name_frames(rows).subject
    np.testing.assert_array_equal(store.name_frames(rows).frame_number, again.name_frames(rows).frame_number)
    assert set(actual.visibility.unique().tolist()) <= {Visibility.UNKNOWN, Visibility.OUT_OF_VIEW}
    agree = (expected.visibility == Visibility.OUT_OF_VIEW) == (actual.visibility == Visibility.OUT_OF_VIEW)
    if isinstance(variant, ImplAlone):
        assert again.fit_residual_px is not None
        assert ((again.fit_residual_px > 3) & (again.fit_residual_px < 6)).all()  # uniform within 8 px: 4.6
        assert agree.float().mean() > 0.98  # not for joints on the circle's rim
        assert (actual.origin_cm - expected.origin_cm).norm(dim=-1).mean() < 0.4
        visible = expected.visibility == Visibility.VISIBLE
        assert (actual.points2d_px - expected.points2d_px).norm(dim=-1)[visible].mean() < 2
    else:
        assert again.fit_residual_px is None
        assert agree.all()
        torch.testing.assert_close(actual.points2d_px, expected.points2d_px, atol=1e-3, rtol=0)
        torch.testing.assert_close(actual.origin_cm, expected.origin_cm, atol=1e-4, rtol=0)
        np.testing.assert_allclose(again.rig.translation_cm, (11.5, 0, 0), atol=1e-3)


def test_npy_files_hold_the_heatmaps_of_the_stores_points(store: FrameStore, tree: Path) -> None:
    for row in (0, 9, 15):
        batch, number = store.read([row]), store.name_frames([row]).frame_number[0]
        (path,) = tree.rglob(f"frame_{number}.npy")
        content = load_npy(path, 2**24).item()
        heatmaps = joint_heatmaps(batch.points2d_px, unrealego(), 64)[0].numpy()
        for view, side in enumerate(("left", "right")):
            np.testing.assert_allclose(heatmaps[view], content[f"gt_heatmap_{side}"], atol=1e-6)


def test_impl_file_is_as_published(tree: Path) -> None:
    path = sorted(tree.rglob("frame_5.npy"))[0]
    content = np.load(path, allow_pickle=True)
    assert content.shape == ()
    shapes = {key: (value.dtype.name, value.shape) for key, value in content.item().items()}
    assert shapes == {
        "input_rgb_left": ("float32", (3, 256, 256)),
        "input_rgb_right": ("float32", (3, 256, 256)),
        "gt_heatmap_left": ("float32", (15, 64, 64)),
        "gt_heatmap_right": ("float32", (15, 64, 64)),
        "gt_local_pose": ("float32", (16, 3)),
    }
    # Black is -mean / std of the red channel.
    assert content.item()["input_rgb_left"].min() > -0.485 / 0.229 - 1e-5
    with Image.open(path.parents[1] / "fisheye_final_image/camera_left/final_5.png") as image:
        assert image.size == (1024, 1024)


def test_writing_continues_an_interrupted_tree(store: FrameStore, tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy)
    missing, existing = sorted(copy.rglob("frame_6.*"))
    before = missing.read_bytes(), existing.stat().st_mtime_ns
    missing.unlink()
    write_unrealego(store.path.parent, copy, workers=0, console=QUIET)
    assert (missing.read_bytes(), existing.stat().st_mtime_ns) == before
    assert not list(copy.rglob("*.unfinished"))


def test_writer_refuses_stores_that_unrealegos_files_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="has no frame stores"):
        write_unrealego(tmp_path, tmp_path / "out", workers=0, console=QUIET)
    stick = Bodies()
    stick.rig = StereoRig(
        "tilted", Bodies.rig.cameras, ((1.0, 0.0, 0.0), (0.0, 0.8, -0.6), (0.0, 0.6, 0.8)), (-12.0, 0.0, 0.0)
    )
    frames = stick.frames()
    with write_store(tmp_path / "train.h5", header_of(stick, "train", RawCodec()), len(frames.images)) as writer:
        writer.append(frames)
    with pytest.raises(EgotapError, match="need its skeleton and glasses"):
        write_unrealego(tmp_path, tmp_path / "out", workers=0, console=QUIET)


# Hand-made files with known numbers.


def joint_entry(left: list[float], shift: float = 12.0) -> dict[str, Any]:
    """A joint of a json file. Its 2D points are 3 px right of and 5 px below the projected 3D points."""
    points = torch.tensor([left, [left[0] + shift, *left[1:]]]).double()
    px = (StereoRig.unrealego().cameras[0].project(points)[0] + torch.tensor([3, 5])).tolist()
    return {
        "trans": [1.0, 2.0, 3.0],
        "rot": [0.0, 0.0, 0.0],
        "camera_left_pts3d": left,
        "camera_right_pts3d": [left[0] + shift, left[1], left[2]],
        "camera_left_pts2d": px[0],
        "camera_right_pts2d": px[1],
    }


def make_raw(root: Path, numbers: tuple[int, ...] = (2, 40, 1), motion: str = MOTION) -> Path:
    """Joint j of frame n is at (j, 10 + n, 50), the pelvis at (1, 2, 60). Images are black except for one corner."""
    folder = root / motion
    images = [folder / "fisheye_final_image" / side for side in ("camera_left", "camera_right")]
    for subfolder in (folder / "json", *images):
        subfolder.mkdir(parents=True)
    for number in numbers:
        joints = {name: joint_entry([float(j), 10.0 + number, 50]) for j, name in enumerate(JOINTS)}
        joints["pelvis"] = joint_entry([1.0, 2.0, 60.0])
        joints["thumb_01_l"] = {"unused": True}
        content = {"ground_z_value": 0.5, "joints": joints}
        (folder / "json" / f"frame_{number}.json").write_text(json.dumps(content))
        pixels = np.zeros((1024, 1024, 3), np.uint8)
        pixels[:16, :16] = (200, 100, number)
        pixels[8:16, :16, 0] = 100
        pixels[0, 0] = (200, 100, number + 128)  # changes the mean of 256 pixels by half a step
        for image in images:
            Image.fromarray(pixels).save(image / f"final_{number}.png")
    (root / "train.txt").write_text(f"./UnrealEgoData/{motion}\n\n")
    return folder


def impl_content(**changes: Any) -> dict[str, Any]:
    """The content of an npy file, all zeros except for changed entries."""
    content: dict[str, Any] = {}
    for side in ("left", "right"):
        content[f"input_rgb_{side}"] = np.zeros((3, 256, 256), np.float32)
        content[f"gt_heatmap_{side}"] = np.zeros((15, 64, 64), np.float32)
    content["gt_local_pose"] = np.zeros((16, 3))
    return content | changes


def projection(x: float, y: float, z: float) -> np.ndarray:
    """Scaramuzza's formula, written out."""
    camera = FisheyeCamera.unrealego()
    n = np.hypot(x, y)
    rho = np.polynomial.Polynomial(camera.w2c)(np.arctan(-z / n))
    return np.array([x, y]) / n * rho + camera.centre_px


def make_impl(root: Path, content: Any, number: int = 1) -> Path:
    folder = root / MOTION / "all_data_with_img-256_hm-64_pose-16_npy"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"frame_{number}.npy", np.array(content, dtype=object), allow_pickle=True)
    (root / "train.txt").write_text(f"./UnrealEgoData/{MOTION}\n")
    return folder / f"frame_{number}.npy"


def read_all(source: UnrealEgoSource) -> Frames:
    (piece,) = source.plan("train")
    return source.read(piece)


def test_raw_files_with_known_numbers(tmp_path: Path) -> None:
    make_raw(tmp_path)
    source = UnrealEgoSource(tmp_path, LISTS, image_px=64)
    assert source.part == RawRelease()
    frames = read_all(source)
    assert frames.frame_number.tolist() == [1, 2, 40]
    assert frames.skipped == ()
    assert frames.subject == ["rp_carla"] * 3
    assert frames.category == ["sitting on the ground"] * 3
    assert frames.motion == [MOTION] * 3
    np.testing.assert_allclose(frames.pose_cm[2], [[j - 1, 48, -10] for j in range(16)])
    np.testing.assert_allclose(frames.origin_cm[0], [[1, 2, 60], [13, 2, 60]])
    expected = [projection(x, 12, 50) + np.array([3, 5]) for x in (3, 3 + 12)]
    np.testing.assert_allclose(frames.points2d_px[1, :, 3], expected, atol=0.05)
    assert frames.images[2, 0, :, 0, 0].tolist() in ([150, 100, 40], [150, 100, 41])
    assert not frames.images[:, :, :, 1:, :].any()
    assert source.rig.translation_cm == (12, 0, 0)


def test_the_baseline_is_the_median_of_the_motions(tmp_path: Path) -> None:
    motions = [MOTION.replace("some", name) for name in ("one", "two", "three")]
    for motion, baseline_cm in zip(motions, (12.0, 11.0, 18.0), strict=True):
        joints = {name: joint_entry([float(j), 11.0, 50.0], baseline_cm) for j, name in enumerate((*JOINTS, "pelvis"))}
        (make_raw(tmp_path, (1,), motion) / "json" / "frame_1.json").write_text(json.dumps({"joints": joints}))
    (tmp_path / "train.txt").write_text("\n".join(f"./UnrealEgoData/{motion}" for motion in motions))
    assert UnrealEgoSource(tmp_path, LISTS, image_px=64).rig.translation_cm == (12, 0, 0)


def test_joints_beyond_the_image_circle_are_out_of_view(tmp_path: Path) -> None:
    folder = make_raw(tmp_path, (1,))
    path = folder / "json" / "frame_1.json"
    content = json.loads(path.read_text())
    for name in JOINTS[:9]:  # most of them behind the camera, with points that mean nothing
        points = {f"camera_{side}_pts2d": [0.0, 0.0] for side in ("left", "right")}
        content["joints"][name] = joint_entry([0.0, -10.0, -5.0]) | points
    path.write_text(json.dumps(content))
    visibility = read_all(UnrealEgoSource(tmp_path, LISTS, image_px=64)).visibility
    assert (visibility[0, :, :9] == Visibility.OUT_OF_VIEW).all()
    assert (visibility[0, :, 9:] == Visibility.UNKNOWN).all()


def test_points_of_other_cameras_are_refused_unless_any_are_accepted(tmp_path: Path) -> None:
    path = make_raw(tmp_path, (1,)) / "json" / "frame_1.json"
    content = json.loads(path.read_text())
    for joint in list(content["joints"].values())[:17]:  # Y up, a convention of other tools
        for view in ("left", "right"):
            joint[f"camera_{view}_pts3d"][1] *= -1
    path.write_text(json.dumps(content))
    frames = read_all(UnrealEgoSource(tmp_path, LISTS, image_px=64))
    assert "px (median) from where UnrealEgo's calibration projects" in frames.skipped[0].reason
    assert len(read_all(UnrealEgoSource(tmp_path, LISTS, RawRelease(max_distance_px=None), image_px=64)).images) == 1


def test_device_relative_poses_are_the_mean_of_both_views(tmp_path: Path) -> None:
    make_raw(tmp_path, (1,))
    frames = read_all(UnrealEgoSource(tmp_path, LISTS, image_px=64, origin=Device()))
    np.testing.assert_allclose(frames.pose_cm[0], [[j + 6, 11, 50] for j in range(16)])
    np.testing.assert_allclose(frames.origin_cm[0], [[-6, 0, 0], [6, 0, 0]])


def test_imagenet_normalisation_is_undone_exactly(tmp_path: Path) -> None:
    values = np.resize(np.arange(256, dtype=np.uint8), (3, 256, 256))
    mean, std = (np.array(x).reshape(3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    image = ((values / 255 - mean) / std).astype(np.float32)
    make_raw(tmp_path, (1,))
    pose = np.array([[j - 1, 9, -10] for j in range(16)], float)
    make_impl(tmp_path, impl_content(input_rgb_left=image, gt_local_pose=pose))
    source = UnrealEgoSource(tmp_path, LISTS, image_px=256)
    assert source.part == ImplWithJson()
    np.testing.assert_array_equal(read_all(source).images[0, 0], values)


def test_impl_and_json_of_different_frames_are_refused(tmp_path: Path) -> None:
    make_raw(tmp_path, (1,))
    pose_cm = np.array([[j - 1, 9, -10] for j in range(16)], float)
    pose_cm[5, 1] += 0.3  # a single coordinate of a joint
    make_impl(tmp_path, impl_content(gt_local_pose=pose_cm))
    frames = read_all(UnrealEgoSource(tmp_path, LISTS, image_px=64))
    assert len(frames.images) == 0
    assert "not of the same frame: their poses are up to 0.3 cm apart" in frames.skipped[0].reason


def test_impl_alone_skips_frames_that_it_cannot_fit(store: FrameStore, tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(tree, root, ignore=shutil.ignore_patterns("json", "fisheye_final_image"))
    blank, wrong = sorted(root.rglob("frame_7.npy")) + sorted(root.rglob("frame_8.npy"))
    for path, change in ((blank, {"gt_heatmap_left": 0, "gt_heatmap_right": 0}), (wrong, {"gt_local_pose": 3})):
        content = np.load(path, allow_pickle=True).item()
        for key, factor in change.items():
            content[key] = content[key] * np.float32(factor)
        np.save(path, np.array(content, dtype=object), allow_pickle=True)
    source = UnrealEgoSource(root, LISTS, image_px=PX)
    assert source.part == ImplAlone()
    frames = source.read(source.plan("train")[0])
    skipped = {frame.frame_number: frame for frame in frames.skipped}
    assert sorted(skipped) == [7, 8]
    assert not any(frame.damaged for frame in frames.skipped)
    assert "fewer than 8 joints" in skipped[7].reason
    assert "do not fit" in skipped[8].reason
    assert skipped[8].file.endswith("all_data_with_img-256_hm-64_pose-16_npy/frame_8.npy")
    # A wrong frame does not affect the others, which share its baseline.
    rows = {number: row for row, number in enumerate(store.labels["frame_number"].tolist())}
    expected = store.labels["origin_cm"][[rows[int(n)] for n in frames.frame_number]].numpy()
    assert np.linalg.norm(frames.origin_cm - expected, axis=-1).mean() < 0.4


def test_poses_that_only_one_camera_sees_are_recovered_too(tree: Path, store: FrameStore, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(tree, root, ignore=shutil.ignore_patterns("json", "fisheye_final_image"))
    (path,) = root.rglob("frame_9.npy")
    content = np.load(path, allow_pickle=True).item()
    np.save(path, np.array(content | {"gt_heatmap_right": content["gt_heatmap_right"] * 0}, dtype=object))
    source = UnrealEgoSource(root, LISTS, image_px=PX)
    frames = source.read(source.plan("train")[0])
    row = frames.frame_number.tolist().index(9)
    expected = store.labels["origin_cm"][4].numpy()
    assert np.linalg.norm(frames.origin_cm[row] - expected, axis=-1).max() < 1.5


def test_lists_determine_motions_and_their_order(tmp_path: Path) -> None:
    first, second = MOTION.replace("some", "b"), MOTION.replace("some", "a")
    for motion in (first, second):
        make_raw(tmp_path / "UnrealEgoData", (1,), motion)
    lines = [f"./UnrealEgoData/{motion}" for motion in (first, MOTION, second)]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "a.txt").write_text("\r\n".join(lines))
    source = UnrealEgoSource(tmp_path, {"train": "lists/a.txt"}, image_px=64)
    assert [piece.motion.name for piece in source.plan("train")] == [first, second]
    assert source.missing("train") == [MOTION]


def test_identity_depends_on_the_frames_and_not_on_the_path(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        make_raw(tmp_path / folder, (1, 2, 3) if folder == "c" else (1, 2))
    first, same, other = (UnrealEgoSource(tmp_path / folder, LISTS, image_px=64).identity() for folder in "abc")
    assert first == same != other
    assert UnrealEgoSource(tmp_path / "a", LISTS, image_px=64, origin=Device()).identity() != first
    assert json.loads(json.dumps(first))["part"] == "raw"


def test_a_worker_reads_what_the_parent_planned(tmp_path: Path) -> None:
    make_raw(tmp_path, (1, 2))
    source = UnrealEgoSource(tmp_path, LISTS, image_px=64)
    copy, piece = pickle.loads(pickle.dumps((source, source.plan("train")[0])))
    np.testing.assert_array_equal(copy.read(piece).images, read_all(source).images)
    assert copy.identity() == source.identity()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("UnrealEgoData/a/b/c", "line 1: .* is not ./UnrealEgoData/<environment>"),
        ("./Other/a/Day/c/d/001/f", "is not ./UnrealEgoData"),
        ("./UnrealEgoData/a/Day/c/../001/f", "is not ./UnrealEgoData"),
        ("./UnrealEgoData/a/Day/c/d/031/f", "category folder '031'"),
        ("./UnrealEgoData/a/Day/c/d/walking/f", "category folder 'walking'"),
        ("", "names no motion"),
    ],
)
def test_bad_lists_are_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "train.txt").write_text(line)
    with pytest.raises(EgotapError, match=rf"train\.txt.*{message}"):
        UnrealEgoSource(tmp_path, LISTS)


def test_missing_roots_lists_and_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"no such folder; data\.root"):
        UnrealEgoSource(tmp_path / "nowhere", LISTS)
    with pytest.raises(EgotapError, match=r"train\.txt: no such file"):
        UnrealEgoSource(tmp_path, LISTS)
    (tmp_path / "train.txt").write_text(f"./UnrealEgoData/{MOTION}")
    with pytest.raises(EgotapError, match="none of the 1 motions in the lists is there"):
        UnrealEgoSource(tmp_path, LISTS)


def only_skipped(source: UnrealEgoSource) -> SkippedFrame:
    (skipped,) = read_all(source).skipped
    assert skipped.damaged
    assert skipped.file in skipped.reason or skipped.reason.count(MOTION)
    return skipped


Change = Callable[[dict[str, Any]], Any]


def drop(key: str) -> Change:
    return lambda content: content["joints"]["hand_l"].pop(key)


def put(key: str, value: Any) -> Change:
    return lambda content: content["joints"]["hand_l"].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("joints"), "has no 'joints'"),
        (lambda content: content["joints"].pop("pelvis"), "joint 'pelvis' has no 'camera_left_pts3d'"),
        (drop("camera_right_pts2d"), "joint 'hand_l' has no 'camera_right_pts2d'"),
        (put("camera_left_pts3d", [1, 2]), "is not 3 numbers"),
        (put("camera_left_pts3d", [1, 2, "3"]), "is not 3 numbers"),
        (put("camera_left_pts3d", [1, 2, 1e9]), "within 100000"),
        (put("camera_left_pts2d", [float("nan"), 2]), "NaN is not a number"),
        (put("camera_left_pts2d", {}), "is not 2 numbers"),
    ],
)
def test_bad_json_is_named(tmp_path: Path, change: Change, message: str) -> None:
    path = make_raw(tmp_path, (1,)) / "json" / "frame_1.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    skipped = only_skipped(UnrealEgoSource(tmp_path, LISTS, image_px=64))
    assert message in skipped.reason
    assert (skipped.motion, skipped.frame_number) == (MOTION, 1)


def test_missing_and_bad_images_are_named(tmp_path: Path) -> None:
    images = make_raw(tmp_path, (1, 2, 3)) / "fisheye_final_image" / "camera_right"
    (images / "final_1.png").unlink()
    (images / "final_2.png").write_bytes((images / "final_2.png").read_bytes()[:-300])
    Image.new("RGB", (512, 512)).save(images / "final_3.png")
    frames = read_all(UnrealEgoSource(tmp_path, LISTS, image_px=64))
    messages = ("final_1.png: no such file", "final_2.png is a damaged or truncated", "is 512 x 512 px: expected 1024")
    assert all(message in skipped.reason for message, skipped in zip(messages, frames.skipped, strict=True))


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/egotap-must-not-exist"),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (impl_content(gt_local_pose=Bomb()), "is refused"),
        ([1, 2], "does not contain a dictionary"),
        (impl_content(gt_local_pose=np.zeros((17, 3))), "'gt_local_pose' is float64 (17, 3), expected floats"),
        (impl_content(gt_heatmap_left=None), "'gt_heatmap_left' is NoneType"),
        (impl_content(input_rgb_left=np.zeros((3, 256, 256), np.uint8)), "'input_rgb_left' is uint8"),
        (impl_content(input_rgb_left=np.full((3, 256, 256), 200, np.float32)), "not an image normalised"),
        (impl_content(gt_local_pose=np.full((16, 3), np.nan)), "not finite"),
        (impl_content(gt_local_pose=np.full((16, 3), 1e7)), "'gt_local_pose' has values that are not finite or larger"),
        (
            impl_content(gt_heatmap_right=np.full((15, 64, 64), 1e300)),
            "'gt_heatmap_right' has values that are not finite or larger than 100000",
        ),
    ],
)
def test_bad_npy_is_named(tmp_path: Path, content: Any, message: str) -> None:
    make_impl(tmp_path, content)
    assert message in only_skipped(UnrealEgoSource(tmp_path, LISTS, image_px=64)).reason
    assert not Path("/tmp/egotap-must-not-exist").exists()
