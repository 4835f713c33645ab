"""Stereo images are found in pairs and in order, and are read at the network's size."""

from __future__ import annotations

import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings.frames import StereoBatch, ahead
from egotap_pl.data.recordings.inputs import open_input

PX = 16


def picture(seed: int, px: int = PX, across: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (px, px * across, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def read(*paths: Path, size: int = 2, limit: int | None = None, threads: int = 2) -> list[StereoBatch]:
    frames = open_input(paths, "test", unrealego(), PX, threads, limit)
    batches = list(frames.batches(size))
    assert sum(len(batch.name) for batch in batches) == frames.frames
    return batches


def pixels(batches: list[StereoBatch]) -> np.ndarray:
    """All images, of shape (n, v, h, w, 3)."""
    return torch.cat([batch.batch.images for batch in batches]).numpy().transpose(0, 1, 3, 4, 2)


def names(batches: list[StereoBatch]) -> list[str]:
    return [name for batch in batches for name in batch.name]


LAYOUTS = {
    "folders": ("left/f_{}.png", "right/f_{}.png"),
    "unrealego": ("camera_left/f_{}.png", "camera_right/f_{}.png"),
    "suffix": ("f_{}_left.png", "f_{}_right.png"),
    "prefix": ("left_f_{}.png", "right-f_{}.png"),
    "endings": ("left/f_{}.png", "right/f_{}.PNG"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs_are_found_in_the_order_of_their_numbers(layout, tmp_path):
    for number in (10, 9, 2):
        for view, name in enumerate(LAYOUTS[layout]):
            save(tmp_path / name.format(number), picture(10 * number + view))
    batches = read(tmp_path)
    assert names(batches) == ["f_2", "f_9", "f_10"]
    assert [batch.batch.frame.tolist() for batch in batches] == [[0, 1], [2]]
    for frame, number in zip(pixels(batches), (2, 9, 10), strict=True):
        for view in range(2):
            np.testing.assert_array_equal(frame[view], picture(10 * number + view))
    assert names(read(tmp_path, limit=2)) == ["f_2", "f_9"]


def test_two_folders_or_files_are_left_and_right(tmp_path):
    left, right = save(tmp_path / "a" / "x.png", picture(1)), save(tmp_path / "b" / "x.png", picture(2))
    for paths in ((left.parent, right.parent), (left, right)):
        np.testing.assert_array_equal(pixels(read(*paths))[0], [picture(1), picture(2)])


def test_one_image_may_contain_both_views(tmp_path):
    both = picture(3, across=2)
    file = save(tmp_path / "frames" / "x.png", both)
    for path in (file, file.parent):
        np.testing.assert_array_equal(pixels(read(path))[0], [both[:, :PX], both[:, PX:]])


def test_larger_images_are_averaged_over_areas(tmp_path):
    large = picture(4, px=4 * PX)
    for side in ("left", "right"):
        save(tmp_path / side / "x.png", large)
    mean = large.reshape(PX, 4, PX, 4, 3).mean((1, 3))
    assert np.abs(pixels(read(tmp_path))[0, 1] - mean).max() <= 1  # rounded once per axis


def test_smaller_images_are_enlarged(tmp_path):
    flat = np.full((PX // 2, PX // 2, 3), 77, np.uint8)
    for side in ("left", "right"):
        save(tmp_path / side / "x.png", flat)
    np.testing.assert_array_equal(pixels(read(tmp_path)), 77)


def test_images_have_no_labels(tmp_path):
    for side in ("left", "right"):
        save(tmp_path / side / "x.png", picture(5))
    (stereo,) = read(tmp_path)
    assert stereo.batch.pose_cm.isnan().all()
    assert stereo.batch.points2d_px.shape == (1, 2, 16, 2)
    assert np.isnan(stereo.time_s).all()


def test_unusable_input_is_named_at_once(tmp_path):
    def error_of(*paths: Path) -> str:
        with pytest.raises(EgotapError) as error:
            open_input(paths, "test", unrealego(), PX)
        return str(error.value)

    folder = tmp_path / "frames"
    for number in range(3):
        save(folder / "left" / f"{number}.png", picture(6))
        save(folder / "right" / f"{number}.png", picture(7))
    (folder / "right" / "1.png").unlink()
    message = error_of(folder)
    assert "3 images" in message
    assert ": 2." in message
    assert str(folder / "left" / "1.png") in message
    save(folder / "right" / "1.png", picture(8)[:-1])
    assert "1.png is 16 x 15 px, but must be a square" in error_of(folder)
    (folder / "right" / "1.png").write_bytes(b"no image")
    assert f"{folder / 'right' / '1.png'} cannot be read" in error_of(folder)
    save(folder / "right" / "1.png", picture(8))
    Image.fromarray(picture(8)).save(folder / "right" / "1.jpg")
    assert "same name" in error_of(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no images" in error_of(empty)
    assert "twice as wide" in error_of(save(tmp_path / "square" / "x.png", picture(9)).parent)
    assert "no such file" in error_of(tmp_path / "nowhere")
    assert "two folders" in error_of(folder, folder / "left" / "1.png")
    (tmp_path / "poses.txt").write_text("")
    assert "not of a kind that can be read" in error_of(tmp_path / "poses.txt")


@pytest.mark.parametrize(("px", "message"), [(4097, "4097 x 4097 px"), (9_000, "9000 x 9000"), (50_000, "very large")])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_that_is_too_large_is_named_by_its_header(tmp_path, px, message):
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", px, px, 8, 2, 0, 0, 0))
    for side in ("left", "right"):
        path = save(tmp_path / side / "x.png", picture(11))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(999))))
    with pytest.raises(EgotapError, match=rf"right.x\.png is {message}.*: a view may have up to 4096 x 4096 px"):
        open_input([tmp_path], "test", unrealego(), PX)


def test_a_truncated_image_is_named_when_it_is_read(tmp_path):
    for side in ("left", "right"):
        path = save(tmp_path / side / "x.png", picture(10))
    path.write_bytes(path.read_bytes()[:-40])
    frames = open_input([tmp_path], "test", unrealego(), PX)
    with pytest.raises(EgotapError, match=r"right.x\.png is a damaged"):
        list(frames.batches(1))


def test_reading_is_one_item_ahead_and_no_further():
    started, second = [], threading.Event()

    def items():
        for number in range(5):
            started.append(number)
            if number == 1:
                second.set()
            yield number

    reading = ahead(items())
    assert next(reading) == 0
    assert second.wait(5)
    assert started == [0, 1]
    assert list(reading) == [1, 2, 3, 4]


def test_an_error_while_reading_ahead_is_raised_in_its_place():
    def items():
        yield 1
        raise EgotapError("damaged")

    reading = ahead(items())
    assert next(reading) == 1
    with pytest.raises(EgotapError, match="damaged"):
        next(reading)
