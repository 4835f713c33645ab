"""The frame store: what is written is read, and wrong files are named with a remedy."""

from __future__ import annotations

import io
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from fake_source import CATEGORIES, FakeSource
from fake_source import write_fake as write
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.schema import SCHEMA_VERSION, StoreHeader
from egotap_pl.data.store.writer import write_store


@pytest.fixture
def store(tmp_path: Path) -> FrameStore:
    return write(tmp_path / "train.h5", PngCodec())


@pytest.mark.parametrize("codec", [RawCodec(), PngCodec(), PngCodec(level=9), JpegCodec()])
def test_what_is_written_is_read(tmp_path: Path, codec: Codec) -> None:
    source = FakeSource()
    store = write(tmp_path / "train.h5", codec)
    first, second = (source.read(piece) for piece in source.plan("train")[:2])
    batch = store.read([7, 0])  # row 7 is frame 2 of the second piece
    for row, (frames, frame) in enumerate(((second, 2), (first, 0))):
        tolerance = 6 if isinstance(codec, JpegCodec) else 0
        difference = batch.images[row].numpy().astype(int) - frames.images[frame]
        assert abs(difference).max() <= tolerance
        for name in ("points2d_px", "pose_cm", "origin_cm", "visibility"):
            np.testing.assert_array_equal(getattr(batch, name)[row], getattr(frames, name)[frame])
        assert CATEGORIES[batch.category[row]] == frames.category[frame]
    assert batch.frame.tolist() == [7, 0]
    names = store.name_frames([7, 0])
    assert names.motion == ("train/1", "train/0")
    assert names.subject == ("train subject 1", "train subject 0")
    assert names.frame_number.tolist() == [12, 10]
    assert store.header.codec == codec
    assert (store.skeleton, store.rig, store.categories) == (source.skeleton, source.rig, CATEGORIES)
    assert len(store) == 20


@pytest.mark.parametrize("quality", [40, 92])
def test_jpeg_files_have_their_quality_and_colours_of_full_resolution(tmp_path: Path, quality: int) -> None:
    write(tmp_path / "train.h5", JpegCodec(quality))
    with h5py.File(tmp_path / "train.h5") as file:
        stored: Any = Image.open(io.BytesIO(file["images"][0, 1].tobytes()))
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "JPEG", quality=quality)
    expected: Any = Image.open(plain)
    assert stored.quantization == expected.quantization
    assert [samples for _, *samples, _ in stored.layer] == [[1, 1]] * 3


def test_shapes_and_types_of_batches(store: FrameStore) -> None:
    batch = store.read([1, 2, 3])
    assert batch.images.shape == (3, 2, 3, 24, 24)
    assert batch.images.dtype == torch.uint8
    assert batch.category.dtype == batch.frame.dtype == torch.int64
    assert store.read([1], images=False).images.shape == (1, 2, 3, 0, 0)


def test_mean_pose(store: FrameStore) -> None:
    source = FakeSource()
    poses = np.concatenate([source.read(piece).pose_cm for piece in source.plan("train")])
    np.testing.assert_allclose(store.mean_pose_cm(), poses.mean(0), atol=1e-5)


def test_rows_outside_are_refused(store: FrameStore) -> None:
    for row in (-1, 20):
        with pytest.raises(IndexError, match="rows 0 to 19"):
            store.read([row])


def read_sum(store: FrameStore) -> int:
    return int(store.read(range(len(store))).images.numpy().sum(dtype=np.int64))


@pytest.mark.parametrize(("method", "processes"), [("fork", 2), ("spawn", 1)])
def test_read_in_another_process(store: FrameStore, method: str, processes: int) -> None:
    expected = read_sum(store)  # the file is open here when the processes start
    with multiprocessing.get_context(method).Pool(processes) as pool:
        assert pool.map(read_sum, [store, store]) == [expected, expected]
    assert read_sum(store) == expected


def test_pickles_do_not_contain_labels(store: FrameStore) -> None:
    before = len(pickle.dumps(store))
    read_sum(store)
    assert len(pickle.dumps(store)) == before


def test_fingerprint_depends_only_on_source_and_codec(tmp_path: Path) -> None:
    def fingerprint(name: str, codec: Codec, seed: int = 0) -> str:
        return write(tmp_path / name, codec, FakeSource(seed=seed)).fingerprint

    same = fingerprint("a.h5", PngCodec())
    assert fingerprint("b.h5", PngCodec()) == same
    assert len({same, fingerprint("c.h5", PngCodec(), seed=1), fingerprint("d.h5", RawCodec())}) == 3


def test_no_file_appears_when_writing_fails(tmp_path: Path) -> None:
    source = FakeSource()
    header = StoreHeader("train", source.skeleton, source.rig, 24, CATEGORIES, RawCodec(), {}, "0")
    piece = source.plan("train")[0]
    store = write_store(tmp_path / "train.h5", header, 6)
    with pytest.raises(ValueError, match="5 frames were written, expected 6"), store as writer:
        writer.append(source.read(piece))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": ["flying"] * 5}, "flying"),
        ({"subject": ["anna"]}, "subject has 1 entries for 5 frames"),
        ({"subject": "annas"}, "subject must be a list"),
        ({"motion": [1] * 5}, "motion must be a list"),
        ({"category": None}, "category must be a list"),
        ({"frame_number": np.full(5, 3)}, "frame_number: 3 is there twice in motion 'train/0'"),
        ({"frame_number": np.arange(5) / 2}, "frame_number has shape .* of float64, expected .* of int64"),
        ({"frame_number": list(range(5))}, "frame_number is of type list"),
        ({"visibility": np.full((5, 2, 16), 9)}, "visibility of frame 0 is not within"),
        ({"origin_cm": np.full((5, 2, 3), np.nan, np.float32)}, "origin_cm of frame 0 is not finite"),
        ({"fit_residual_px": np.zeros(4, np.float32)}, "fit_residual_px has shape"),
        ({"images": np.zeros((5, 2, 3, 24, 24), np.float32)}, "images has shape .* of float32, expected .* of uint8"),
        ({"images": np.zeros((5, 2, 24, 24, 3), np.uint8)}, "images has shape"),
        ({"images": np.zeros((4, 2, 3, 24, 24), np.uint8)}, "points2d_px has shape"),
        ({"pose_cm": np.zeros((5, 3, 3), np.float32)}, "pose_cm has shape"),
        ({"images": np.zeros((5, 2, 3, 8, 8), np.uint8)}, "expected 24 x 24"),
    ],
)
def test_frames_that_do_not_fit_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    source = FakeSource()
    header = StoreHeader("train", source.skeleton, source.rig, 24, CATEGORIES, RawCodec(), {}, "0")
    frames = source.read(source.plan("train")[0])
    with pytest.raises(EgotapError, match=message), write_store(tmp_path / "train.h5", header, 5) as writer:
        writer.append(frames._replace(**change))


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(EgotapError, match=message) as error:
        FrameStore(path)
    assert str(path) in str(error.value)
    assert "prepare" in str(error.value) or "update" in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    assert_refused(tmp_path / "train.h5", "no such file")


@pytest.mark.parametrize("fraction", [0.3, 0.9, 0.999])
def test_truncated_file(store: FrameStore, fraction: float) -> None:
    content = store.path.read_bytes()
    store.path.write_bytes(content[: int(len(content) * fraction)])
    assert_refused(store.path, "truncated")


def test_files_that_are_not_stores(tmp_path: Path) -> None:
    path = tmp_path / "train.h5"
    path.write_bytes(b"")
    assert_refused(path, "cannot be read as an HDF5 file")
    path.write_bytes(b"GIF89a" * 1000)
    assert_refused(path, "cannot be read as an HDF5 file")
    with h5py.File(path, "w") as file:
        file["pose_cm"] = np.zeros((3, 16, 3))
    assert_refused(path, "not a frame store")


def test_newer_version(store: FrameStore) -> None:
    with h5py.File(store.path, "a") as file:
        file.attrs["version"] = SCHEMA_VERSION + 1
    assert_refused(store.path, f"version {SCHEMA_VERSION + 1}.*update")


@pytest.mark.parametrize("name", ["images", "pose_cm", "visibility", "metadata", "names/motion"])
def test_missing_dataset(store: FrameStore, name: str) -> None:
    with h5py.File(store.path, "a") as file:
        del file[name]
    assert_refused(store.path, f"no dataset '{name}'")


@pytest.mark.parametrize("name", ["points2d_px", "images"])
def test_wrong_shape(store: FrameStore, name: str) -> None:
    with h5py.File(store.path, "a") as file:
        del file[name]
        file[name] = np.zeros((20, 2, 7), np.float32)
    assert_refused(store.path, f"wrong shape or type of {name}")


def test_changed_metadata(store: FrameStore) -> None:
    with h5py.File(store.path, "a") as file:
        text = file["metadata"].asstr()[()]
        file["metadata"][()] = text.replace('"seed": 0', '"seed": 1')
        del file["metadata"].attrs["crc32"]
    assert_refused(store.path, "fingerprint does not belong")


def test_damaged_image(store: FrameStore) -> None:
    with h5py.File(store.path, "a") as file:
        data = file["images"][3, 1]
        data[60:] = 0
        file["images"][3, 1] = data
    store = FrameStore(store.path)
    store.read([2, 4])
    with pytest.raises(EgotapError, match=r"train.h5: the image of frame 3 is damaged"):
        store.read([2, 3])
