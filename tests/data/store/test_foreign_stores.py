"""Frame stores that somebody else made: what is in them is data or is refused, and memory is bounded."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_source import write_fake
from memory import run_within
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec
from egotap_pl.data.store.reader import FrameStore

PX = 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_fake(tmp_path / "train.h5", PngCodec()).path


def encoded(kind: str, size: tuple[int, int] = (PX, PX), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def announced(px: int) -> bytes:
    """A PNG that says it is so large, and breaks off."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", px, px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999)))


def put(path: Path, cell: bytes) -> FrameStore:
    """The store with another right view in frame 3."""
    with h5py.File(path, "a") as file:
        file["images"][3, 1] = np.frombuffer(cell, np.uint8)
    return FrameStore(path)


def refused(store: FrameStore) -> str:
    with pytest.raises(EgotapError, match="the image of frame 3 is damaged") as error:
        store.read([3])
    assert str(store.path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "JPEG", "PPM"])
def test_a_cell_holds_no_other_format_than_its_codec(path: Path, kind: str) -> None:
    assert "not a PNG image" in refused(put(path, encoded(kind)))


def test_a_cell_of_a_jpeg_store_holds_no_png(tmp_path: Path) -> None:
    codec: Codec = JpegCodec()
    store = put(write_fake(tmp_path / "train.h5", codec).path, encoded("PNG"))
    assert "not a JPEG image" in refused(store)


def test_a_cell_starts_no_program(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called, program = tmp_path / "called", tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {called}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    store = put(path, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 24\n%%EndComments\n24 24 8 1 image\n%%EOF\n")
    assert "not a PNG image" in refused(store)
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
    assert f"{px} x {px} px" in run_within(100, refused, put(path, announced(px)))
