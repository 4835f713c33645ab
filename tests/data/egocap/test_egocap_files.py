"""EgoCap's annotation files: every bad one with its message, and nothing that costs memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from egocap_tree import CALIBRATIONS, POINTS, POSES, TRAINING, HandMadeTree, calibration
from memory import MIB, run_within

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.egocap.files import read_points, read_poses, read_training
from egotap_pl.data.egocap.source import EgoCapSource


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> HandMadeTree:
    return HandMadeTree(tmp_path_factory.mktemp("EgoCap"))


@pytest.fixture
def training(whole: HandMadeTree, tmp_path: Path) -> Path:
    path = tmp_path / TRAINING
    path.write_bytes((whole.root / TRAINING).read_bytes())
    return path


def replace(path: Path, name: str, **dataset: object) -> None:
    with h5py.File(path, "a") as file:
        if name in file:
            del file[name]
        file.create_dataset(name, **dataset)


@pytest.mark.parametrize(
    ("name", "dataset", "message"),
    [
        (
            "pose_3d",
            {"data": np.zeros((12, 17, 3), "f4")},
            r"'pose_3d' is float32 of shape \(12, 17, 3\); expected .*\(N, 18, 3\)",
        ),
        ("pose_2d", {"data": np.float32(0)}, r"'pose_2d' is .* of shape \(\); expected .*\(N, 2, 18, 2\)"),
        ("pose_3d", {"data": np.zeros((12, 18, 3), "S4")}, r"'pose_3d' is of type \|S4, expected numbers"),
        ("pose_3d", {"data": np.full((12, 18, 3), "1", object), "dtype": h5py.string_dtype()}, "is of type object"),
        ("subject_index", {"data": np.arange(13)}, r"different numbers of frames \(.*subject_index: 13"),
        ("subject_index", {"data": np.arange(12) - 1}, "'subject_index' has values that are not whole .* in row 0"),
        ("frame_index", {"data": np.full((12, 2), 0.5)}, "'frame_index' has values that are not whole"),
        ("frame_index", {"data": np.full((12, 2), np.nan)}, "'frame_index' has values that are not whole"),
        ("pose_3d", {"shape": (0, 18, 3), "dtype": "f4"}, "has 0 rows"),
        ("subject_index", {"data": np.zeros(500_001)}, "takes 4 MiB, more than"),
        # what is announced but was never written takes no space in the file
        ("pose_3d", {"shape": (10**11, 18, 3), "chunks": (1, 18, 3), "dtype": "f8"}, "is incomplete: 0 of"),
        ("pose_3d", {"shape": (12, 18, 3), "dtype": "f4"}, "is incomplete: 0 of .* bytes were written"),
        ("pose_3d", {"data": np.zeros((12, 18, 3)), "compression": "lzf"}, "stored with filters that are not allowed"),
        (
            "pose_3d",
            {"shape": (12, 18, 3), "chunks": (10**6, 18, 3), "maxshape": (None, 18, 3), "dtype": "f8"},
            "has chunks of",
        ),
    ],
)
def test_training_annotations_of_another_kind(training: Path, name: str, dataset: dict, message: str) -> None:
    replace(training, name, **dataset)
    with pytest.raises(EgotapError, match=message) as error:
        read_training(training)
    assert str(training) in str(error.value)


@pytest.mark.parametrize("absurd", [np.inf, -np.inf, np.nan, 1e30])
@pytest.mark.parametrize(("name", "shape"), [("pose_3d", (12, 18, 3)), ("pose_2d", (12, 2, 18, 2))])
def test_values_that_are_not_finite_or_absurd(training: Path, name: str, shape: tuple[int, ...], absurd: float) -> None:
    values = np.full(shape, 0.5)
    values[7, 1, 1] = absurd
    replace(training, name, data=values)
    if name == "pose_2d" and np.isnan(absurd):  # that is how a joint is not annotated
        assert np.isnan(read_training(training).points_px).sum() == 2
        return
    with pytest.raises(EgotapError, match=f"'{name}' has values that are .* absurdly large, first in row 7"):
        read_training(training)


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "raw", "group", "absent"])
def test_data_sets_that_lie_elsewhere_are_not_followed(training: Path, whole: HandMadeTree, kind: str) -> None:
    other = str(whole.root / TRAINING)
    with h5py.File(training, "a") as file:
        file.move("pose_3d", "elsewhere")
        if kind == "soft":
            file["pose_3d"] = h5py.SoftLink("/elsewhere")
        elif kind == "external":
            file["pose_3d"] = h5py.ExternalLink(other, "/pose_3d")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((12, 18, 3), "f8")
            layout[:] = h5py.VirtualSource(other, "pose_3d", (12, 18, 3))
            file.create_virtual_dataset("pose_3d", layout)
        elif kind == "raw":
            file.create_dataset("pose_3d", (12, 18, 3), "u1", external=[("/etc/passwd", 0, 648)])
        elif kind == "group":
            file.create_group("pose_3d")
    with pytest.raises(EgotapError, match=r"no dataset 'pose_3d'|'pose_3d' (is in another file|is a link)"):
        read_training(training)


def test_compressed_annotations_are_read(training: Path) -> None:
    expected = read_training(training).pose_cm
    with h5py.File(training) as file:
        values = file["pose_3d"][...]
    replace(training, "pose_3d", data=values, chunks=(5, 18, 3), compression="gzip", shuffle=True, fletcher32=True)
    np.testing.assert_array_equal(read_training(training).pose_cm, expected)


@pytest.mark.parametrize("mib", [4, 200])
def test_a_chunk_decompresses_to_its_size_only(training: Path, mib: int) -> None:
    replace(training, "pose_3d", shape=(12, 18, 3), dtype="f8", chunks=(12, 18, 3), compression="gzip")
    with h5py.File(training, "a") as file:
        file["pose_3d"].id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(mib * MIB)))
    run_within(100, refused, training, "'pose_3d' is damaged .chunk 0 (takes|decompresses to more than)")


def refused(path: Path, message: str, read: Callable[[Path], object] = read_training) -> None:
    with pytest.raises(EgotapError, match=message):
        read(path)


def test_a_file_that_is_too_large(training: Path) -> None:
    with training.open("r+b") as file:
        file.truncate(2**31)  # sparse
    refused(training, "larger than 1024 MiB")


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "folder", "filled"])
def test_damaged_training_annotations(training: Path, damage: str) -> None:
    content = training.read_bytes()
    training.unlink()
    if damage == "folder":
        training.mkdir()
    elif damage != "missing":
        filled = content[:600] + b"\xff" * (len(content) - 600)
        training.write_bytes({"truncated": content[:3000], "text": b"hello", "filled": filled}[damage])
    message = "on request" if damage in ("missing", "folder") else "is truncated|cannot be read|is damaged"
    with pytest.raises(EgotapError, match=message):
        read_training(training)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (None, "", "no line of 55 numbers after a header"),
        (None, "header\n" * 500 + "1 2 3\n", "no line of 55 numbers"),
        ("186 ", "186 7 ", r"line 4: expected a frame number and 54 coordinates, found '186 7"),
        ("186 ", "nan ", "line 4: expected a frame number"),
        ("186 ", "186.5 ", "line 4: expected a frame number"),
        ("186 ", "-3 ", "line 4: expected a frame number"),
        ("186 ", "1e300 ", "line 4: expected a frame number"),
        ("186 0.0 ", "186 -1e300 ", "line 4: expected a frame number"),
        ("186 ", "x ", "line 4: expected a frame number"),
        ("186 ", "185 ", "a frame number occurs twice"),
        ("186 ", "\0 ", "not a text file"),
    ],
)
def test_poses_of_another_kind(whole: HandMadeTree, tmp_path: Path, old: str | None, new: str, message: str) -> None:
    path, text = tmp_path / "dataset3D.mddd", (whole.root / POSES).read_text()
    path.write_text(new if old is None else text.replace(f"\n{old}", f"\n{new}", 1))
    with pytest.raises(EgotapError, match=message) as error:
        read_poses(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (None, "", "no block that begins with '#'"),
        (None, "1 2 3\n# 0\n", "line 1: expected a line that begins with '#'"),
        (None, "# 0\n./images/S7_v003_cam0_frame-1.jpg\n", "line 1: a block of 1 lines"),
        (
            "_cam1_frame-100.jpg",
            "_cam2_frame-100.jpg",
            r"block of line 25: expected an image such as .*, found '\./images/S7",
        ),
        ("_cam1_frame-100.jpg", "_cam1_frame-99999999999.jpg", "block of line 25: expected an image"),
        ("_cam0_frame-186.jpg", "_cam0_frame-185.jpg", "block of line 49: .* occurs twice"),
        ("\n17 ", "\n17 x ", "block of line 1: expected a joint's number, x and y, found '17 x"),
        ("\n17 ", "\n17 nan ", "block of line 1: expected a joint's number"),
        ("\n512\n", "\n512 wide\n", "block of line 1: expected integers, found '512 wide'"),
        ("\n5 ", "\n5\n", "block of line 1: expected a joint's number|expected integers"),
    ],
)
def test_points_of_another_kind(whole: HandMadeTree, tmp_path: Path, old: str | None, new: str, message: str) -> None:
    path, text = tmp_path / "dataset.txt", (whole.root / POINTS).read_text()
    path.write_text(new if old is None else text.replace(old, new, 1))
    with pytest.raises(EgotapError, match=message) as error:
        read_points(path)
    assert str(path) in str(error.value)


def test_points_and_poses_are_not_read_without_end(tmp_path: Path) -> None:
    path = tmp_path / "absurd.txt"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: a terabyte of zeros
    for read in (read_points, read_poses):
        with pytest.raises(EgotapError, match="is larger than 16 MiB"):
            read(path)


@pytest.mark.parametrize("line", ["##\n", "# x\n1 2\n", "1 2\n"])
def test_texts_of_many_lines_take_little_memory(tmp_path: Path, line: str) -> None:
    path = tmp_path / "dataset.txt"
    path.write_text("# 0\n" + line * (16 * MIB // len(line) - 4))
    for read in (read_points, read_poses):
        run_within(700, refused, path, "dataset.txt", read)


def test_a_folder_without_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"no such folder; set data\.root"):
        EgoCapSource(tmp_path / "nothing")
    with pytest.raises(EgotapError, match=f"{CALIBRATIONS[0]}: no such file"):
        EgoCapSource(tmp_path)
    for view, file in enumerate(CALIBRATIONS):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(calibration(view))
    with pytest.raises(EgotapError, match=f"{TRAINING}: no such file. EgoCap's authors provide"):
        EgoCapSource(tmp_path).identity()


def test_a_calibration_for_another_frame(whole: HandMadeTree, tmp_path: Path) -> None:
    for view, file in enumerate(CALIBRATIONS):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(calibration(view, "1000 1300"))
    with pytest.raises(EgotapError, match=r"a calibration for \(1300, 1000\) px, not \(1280, 1024\)"):
        EgoCapSource(tmp_path)
