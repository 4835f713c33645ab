"""Frame stores from outside: data are read, everything else is refused, and memory is bounded."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from fake_source import write_fake
from memory import MIB, run_within
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5_writing import TEXT
from egotap_pl.data.source import SkippedFrame
from egotap_pl.data.store import header as reading
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.store.schema import label_columns

PX = 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_fake(tmp_path / "train.h5", PngCodec()).path


def encoded(kind: str, size: tuple[int, int] = (PX, PX), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def truncated_png(px: int) -> bytes:
    """A truncated PNG with a valid header of the given size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", px, px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999)))


def put(path: Path, cell: bytes) -> FrameStore:
    """Replaces the right view of frame 3."""
    with h5py.File(path, "a") as file:
        file["images"][3, 1] = np.frombuffer(cell, np.uint8)
    return FrameStore(path)


def refused(frames: FrameStore) -> str:
    with pytest.raises(EgotapError, match="the image of frame 3 is damaged") as error:
        frames.read([3])
    assert str(frames.path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "JPEG", "PPM"])
def test_a_cell_of_a_png_store_has_no_other_format(path: Path, kind: str) -> None:
    assert "not a PNG image" in refused(put(path, encoded(kind)))


def test_a_cell_of_a_jpeg_store_has_no_other_format(tmp_path: Path) -> None:
    codec: Codec = JpegCodec()
    path = write_fake(tmp_path / "train.h5", codec).path
    assert "not a JPEG image" in refused(put(path, encoded("PNG")))


def test_a_cell_starts_no_program(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called, program = tmp_path / "called", tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {called}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    cell = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 24\n%%EndComments\n24 24 8 1 image\n%%EOF\n"
    assert "not a PNG image" in refused(put(path, cell))
    assert not called.exists()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (encoded("PNG", (PX, PX + 1)), "24 x 25 px of mode RGB: expected 24 x 24 px of mode RGB"),
        (encoded("PNG", (1, 1)), "1 x 1 px of mode RGB"),
        (encoded("PNG", mode="RGBA"), "24 x 24 px of mode RGBA"),
        (encoded("PNG", mode="L"), "24 x 24 px of mode L"),
        (b"", "not a PNG image"),
    ],
    ids=["higher", "one pixel", "alpha", "grey", "empty"],
)
def test_a_cell_of_another_size_or_mode(path: Path, cell: bytes, message: str) -> None:
    assert message in refused(put(path, cell))


@pytest.mark.parametrize("px", [9_000, 13_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_that_is_too_large_takes_no_memory(path: Path, px: int) -> None:
    assert f"{px} x {px} px" in run_within(100, refused, put(path, truncated_png(px)))


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(EgotapError, match=message) as error:
        FrameStore(path)
    assert str(path) in str(error.value)
    assert "prepare" in str(error.value)


@pytest.mark.parametrize("name", ["pose_cm", "visibility", "metadata", "names/motion", "names"])
@pytest.mark.parametrize("kind", ["soft", "external", "itself"])
def test_links_are_not_followed(path: Path, tmp_path: Path, name: str, kind: str) -> None:
    other = write_fake(tmp_path / "other.h5", PngCodec()).path
    with h5py.File(path, "a") as file:
        file.move(name, "elsewhere")
        targets = {
            "soft": h5py.SoftLink("/elsewhere"),
            "external": h5py.ExternalLink(str(other), f"/{name}"),
            "itself": h5py.SoftLink(f"/{name}"),
        }
        file[name] = targets[kind]
    assert_refused(path, f"'{name}.*' is a link; links are not followed")


@pytest.mark.parametrize("kind", ["virtual", "growing", "external storage"])
def test_values_in_another_file_are_not_read(path: Path, tmp_path: Path, kind: str) -> None:
    other = write_fake(tmp_path / "other.h5", PngCodec()).path
    with h5py.File(path, "a") as file:
        shape = file["pose_cm"].shape
        del file["pose_cm"]
        if kind == "external storage":
            file.create_dataset("pose_cm", shape, "f4", external=[(str(other), 0, int(np.prod(shape)) * 4)])
        else:
            longest = (None, *shape[1:]) if kind == "growing" else shape
            layout = h5py.VirtualLayout(shape, "f4", maxshape=longest)
            source = h5py.VirtualSource(str(other), "pose_cm", shape, maxshape=longest)
            if kind == "growing":
                layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
            else:
                layout[:] = source
            file.create_virtual_dataset("pose_cm", layout)
    assert_refused(path, "'pose_cm' is in another file, which is not read")


@pytest.mark.parametrize(("name", "filters"), [("images", "gzip"), ("pose_cm", "gzip"), ("pose_cm", "lzf")])
def test_filters_that_are_not_used_here(tmp_path: Path, name: str, filters: str) -> None:
    path = write_fake(tmp_path / "train.h5", RawCodec()).path
    replace(path, name, lambda data: {"data": data, "compression": filters})
    assert_refused(path, f"'{name}' is stored with filters that are not allowed")


def replace(path: Path, name: str, settings: Callable[[np.ndarray], dict[str, Any]]) -> None:
    """Replaces a dataset by another, made from its content."""
    with h5py.File(path, "a") as file:
        arguments = settings(file[name][...])
        del file[name]
        file.create_dataset(name, **arguments)


def test_checksums_are_read(path: Path) -> None:
    expected = FrameStore(path).labels["pose_cm"]
    settings = {"shuffle": True, "fletcher32": True, "chunks": (7, 16, 3)}
    replace(path, "pose_cm", lambda data: {"data": data, **settings})
    assert torch.equal(FrameStore(path).labels["pose_cm"], expected)


def test_frames_that_were_never_written(path: Path) -> None:
    with h5py.File(path, "a") as file:
        for name in (*label_columns(16), "images"):
            shape, dtype = file[name].shape, file[name].dtype
            del file[name]
            file.create_dataset(name, (2**40, *shape[1:]), dtype)
    assert_refused(
        path, r"dataset 'points2d_px' of shape \(1099511627776, .* is incomplete: 0 of .* bytes were written"
    )


def test_labels_that_do_not_fit_into_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "STORE_LABEL_BYTES", 19 * 530)
    assert_refused(path, "labels of 20 frames take more than")


def test_chunks_of_absurd_size(tmp_path: Path) -> None:
    path = write_fake(tmp_path / "train.h5", RawCodec()).path
    chunks = (200_000, 2, 3, PX, PX)
    replace(path, "images", lambda data: {"shape": data.shape, "maxshape": (None, *chunks[1:]), "chunks": chunks})
    assert_refused(path, "dataset 'images' has chunks of")


@contextmanager
def cells(path: Path, name: str) -> Iterator[np.ndarray]:
    """The cells of a dataset of variable length as stored: length, address of a heap, and number of an object.

    Changes are written to the file.
    """
    with h5py.File(path) as file:
        start, count = file[name].id.get_offset(), file[name].size
    fields = np.dtype([("length", "<u4"), ("heap", "<u8"), ("object", "<u4")])
    stored = np.memmap(path, fields, "r+", start, (count,))
    yield stored
    stored.flush()


def test_a_long_name_that_is_used_often(path: Path) -> None:
    """A file of 3 MB with 200 GB of names."""
    replace(path, "names/motion", lambda _: {"data": [*["x" * MIB], *[""] * 199_999], "dtype": TEXT})
    with cells(path, "names/motion") as stored:
        stored[:] = stored[0]
    run_within(200, assert_refused, path, "'names/motion' is damaged .209715200000 bytes, more than")


@pytest.mark.parametrize("name", ["images", "names/motion"])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("length", 2**32 - 1, "bytes, more than"),
        ("length", 1, "damaged"),
        ("heap", 2**63 + 8, "damaged"),
        ("object", 4_000, "damaged"),
    ],
)
def test_damaged_cells(path: Path, name: str, field: str, value: int, message: str) -> None:
    with cells(path, name) as stored:
        stored[field] = value
    assert message in run_within(200, read_first, path)


def read_first(path: Path) -> str:
    with pytest.raises(EgotapError, match="damaged") as error:
        FrameStore(path).read([0])
    return str(error.value)


def test_metadata_that_do_not_fit_into_memory(path: Path) -> None:
    text = json.dumps([[]] * 10_000_000)
    replace(path, "metadata", lambda _: {"data": text, "dtype": TEXT})
    run_within(200, assert_refused, path, "'metadata' is damaged .40000000 bytes, more than")


@pytest.mark.parametrize("value", [np.ones(3), np.array(["egotap-frames", "x"], TEXT)])
def test_attributes_of_another_kind(path: Path, value: Any) -> None:
    for name in ("format", "version"):
        with h5py.File(path, "a") as file:
            before = file.attrs[name]
            file.attrs[name] = value
        assert_refused(path, "not a frame store")
        with h5py.File(path, "a") as file:
            file.attrs[name] = before


def rewrite(path: Path, *keys: str, value: Any) -> None:
    """Changes a value in the store's metadata."""

    def changed(metadata: Any) -> dict[str, Any]:
        content = parent = json.loads(metadata[()])
        for key in keys[:-1]:
            parent = parent[key]
        parent[keys[-1]] = value
        return {"data": json.dumps(content), "dtype": TEXT}

    replace(path, "metadata", changed)


def nested(depth: int) -> Any:
    content: Any = 1
    for _ in range(depth):
        content = [content]
    return content


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["extra"], nested(500), "nested deeper than 32"),
        (["image_px"], 0, "image_px must be within 1 to 4096, not 0"),
        (["image_px"], 10**9, "image_px must be within 1 to 4096, not 1000000000"),
        (["image_px"], "24", "'image_px' is of type str, expected int"),
        (["image_px"], True, "'image_px' is of type bool, expected int"),
        (["categories"], "walking", "'categories' is of type str, expected list"),
        (["categories"], ["walking", ["sitting"]], "'categories' has an item of type list, expected str"),
        (["split"], 7, "'split' is of type int, expected str"),
        (["skipped"], "many", "'skipped' is of type str, expected int"),
        (["skeleton", "joints"], [str(joint) for joint in range(300)], "a skeleton of 300 joints, more than 256"),
        (["skeleton", "estimates_root"], "no", "'estimates_root' is of type str, expected bool"),
        (["skeleton"], [], "'skeleton' is of type list, expected dict"),
        (["codec"], {"name": "png", "level": 11}, "PNG level must be within 0 to 9, not 11"),
    ],
)
def test_metadata_that_cannot_be_right(path: Path, keys: list[str], value: Any, message: str) -> None:
    rewrite(path, *keys, value=value)
    assert_refused(path, f"the metadata are incomplete or damaged .*{message}")


def test_metadata_nested_beyond_recursion(path: Path) -> None:
    replace(path, "metadata", lambda _: {"data": "[" * 100_000 + "]" * 100_000, "dtype": TEXT})
    assert_refused(path, "nested too deeply")


def test_cameras_with_long_polynomials(path: Path) -> None:
    camera = FrameStore(path).rig.to_dict()["cameras"][0]
    rewrite(path, "rig", "cameras", value=[camera, {**camera, "w2c": [*camera["w2c"], *[0.0] * 240]}])
    assert_refused(path, "polynomials have at most 256 coefficients")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[" * 100_000, "nested too deeply"),
        (json.dumps(SkippedFrame("a", 1, "", "")._asdict() | {"frame_number": "1"}), "'frame_number'"),
        (json.dumps(SkippedFrame("a", 1, "", "")._asdict() | {"frames": None}), "'frames'"),
        ("7", "'motion'"),
    ],
)
def test_skipped_frames_that_cannot_be_right(path: Path, line: str, message: str) -> None:
    rewrite(path, "skipped", value=1)
    with h5py.File(path, "a") as file:
        file.create_dataset("skipped", data=[line], dtype=TEXT)
    with pytest.raises(EgotapError, match=f"the list of skipped frames is damaged .*{message}"):
        _ = FrameStore(path).skipped


def test_a_header_of_images_that_cannot_be_stored(path: Path) -> None:
    with pytest.raises(EgotapError, match="image_px must be within 1 to 4096, not 4097"):
        with_changes(FrameStore(path).header, image_px=4097)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("category", 3, "category of frame 5 is not within 0 to 2"),
        ("category", -1, "category of frame 5 is not within 0 to 2"),
        ("subject", 2, "subject of frame 5 is not within 0 to 1"),
        ("motion", -4, "motion of frame 5 is not within 0 to 3"),
        ("visibility", 255, "visibility of frame 5 is not within 0 to 3"),
        ("pose_cm", np.inf, "pose_cm of frame 5 is infinite or absurdly large"),
        ("pose_cm", -1e38, "pose_cm of frame 5 is infinite or absurdly large"),
        ("origin_cm", np.nan, "origin_cm of frame 5 is not finite"),
        ("points2d_px", -np.inf, "points2d_px of frame 5 is infinite or absurdly large"),
        ("points2d_px", 1e38, "points2d_px of frame 5 is infinite or absurdly large"),
    ],
)
def test_labels_that_cannot_be_right(path: Path, column: str, value: float, message: str) -> None:
    with h5py.File(path, "a") as file:
        for row in (5, 11):
            file[column][(row, *(0 for _ in file[column].shape[1:]))] = value
    with pytest.raises(EgotapError, match=f"{path}: {message}.*prepare"):
        FrameStore(path).read([0], images=False)


def test_joints_may_be_unknown(path: Path) -> None:
    poses_cm = FrameStore(path).labels["pose_cm"].numpy().copy()
    poses_cm[5, 2], poses_cm[:, 4] = np.nan, np.nan
    with h5py.File(path, "a") as file:
        file["pose_cm"][:] = poses_cm
    store = FrameStore(path)
    np.testing.assert_array_equal(store.read([5, 4], images=False).pose_cm, poses_cm[[5, 4]])
    known = np.delete(poses_cm, 4, 1)
    mean_cm = store.mean_pose_cm().numpy()
    np.testing.assert_allclose(np.delete(mean_cm, 4, 0), np.nanmean(known, 0), atol=1e-5)
    np.testing.assert_allclose(mean_cm[4], np.nanmean(known, 0).mean(0), atol=1e-5)


def test_points_may_be_unknown(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["points2d_px"][5, 1] = np.nan
        file["points2d_px"][6:] = np.nan
    points = FrameStore(path).read([5, 4], images=False).points2d_px
    assert points.isnan().any(-1).any(-1).tolist() == [[False, True], [False, False]]
