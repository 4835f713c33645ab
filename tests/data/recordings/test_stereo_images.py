"""Stereo images are found in pairs and in order, and are read at the network's size."""

from __future__ import annotations

import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings.frames import StereoBatch, ahead
from egotap_pl.data.recordings.gaps import Gaps
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


MORE_LAYOUTS = {
    "capitals": ("Left/f_{}.png", "Right/f_{}.png"),
    "letters": ("L/{}.png", "R/{}.png"),
    "cameras": ("cam0/{}.png", "cam1/{}.png"),
    "numbered cameras": ("camera_0/{}.png", "camera_1/{}.png"),
    "words behind": ("left_camera/{}.png", "right_camera/{}.png"),
    "flat letters": ("frame{}_L.png", "frame{}_R.png"),
    "flat letters without a separator": ("frame{}L.png", "frame{}R.png"),
    "flat cameras": ("cam0_{}.png", "cam1_{}.png"),
    "words in the middle": ("walk_left_{}.png", "walk_right_{}.png"),
    "words before numbers": ("left{}.jpg", "right{}.jpg"),
    "sides in both": ("left/left_{}.png", "right/right_{}.png"),
    "other words in both": ("left/cam0_{}.png", "right/cam1_{}.png"),
    "leading zeros": ("left/a{}.png", "right/b000{}.png"),
}


@pytest.mark.parametrize("layout", MORE_LAYOUTS)
def test_names_that_people_use(layout, tmp_path):
    shades = {}
    for number in (10, 9, 2):
        for view, name in enumerate(MORE_LAYOUTS[layout]):
            shades[number, view] = 20 * number + view * 10
            save(tmp_path / name.format(number), np.full((PX, PX, 3), shades[number, view], np.uint8))
    shown = pixels(read(tmp_path))
    for frame, number in zip(shown, (2, 9, 10), strict=True):
        for view in range(2):
            assert np.abs(frame[view].astype(int) - shades[number, view]).max() <= 1  # JPEG


def said_of(folder: Path, capsys) -> list[str]:
    read(folder)
    return [line for line in capsys.readouterr().err.splitlines() if "move them to another folder" in line]


@pytest.mark.parametrize("name", ["gt_heatmap_{}.png", "Depth-1-{}.png", "f_1_mask_{}.png", "1_seg_{}.png"])
def test_pictures_of_another_kind_are_told_by_their_names(tmp_path, name, capsys):
    for side in ("left", "right"):
        save(tmp_path / f"input_rgb_{side}.png", picture(1))
        save(tmp_path / name.format(side), picture(2))
    (line,) = said_of(tmp_path, capsys)
    assert name.format("left") in line
    assert "input_rgb" not in line


def test_frames_of_another_size_or_without_colours_are_told(tmp_path, capsys):
    for side in ("left", "right"):
        for number in (1, 2, 3):
            save(tmp_path / f"f_{number}_{side}.png", picture(number))
        save(tmp_path / f"g_1_{side}.png", picture(4, px=8))
        save(tmp_path / f"h_1_{side}.png", picture(5)[..., 0])
    small, grey = said_of(tmp_path, capsys)
    assert "g_1_left.png: 8 x 8 px, where others are 16 x 16 px" in small
    assert "h_1_left.png: 16 x 16 px, grey, where others" in grey


def test_frames_that_are_alike_are_not_doubted(tmp_path, capsys):
    for side in ("left", "right"):
        for name in ("segment_1", "masked_2", "depthless_3"):
            save(tmp_path / f"{name}_{side}.png", picture(1)[..., 0])
    assert not said_of(tmp_path, capsys)


def test_hidden_files_and_our_own_pictures_are_passed_over(tmp_path, capsys):
    for number in range(2):
        save(tmp_path / f"{number}_left.png", picture(number))
        save(tmp_path / f"{number}_right.png", picture(number + 10))
    (tmp_path / "._0_left.png").write_bytes(b"what macOS puts beside files")
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    (tmp_path / "poses.h5").write_bytes(b"an earlier result")
    drawn = PngInfo()
    drawn.add_text("Software", "egotap 1.0")
    Image.fromarray(picture(5)).save(tmp_path / "poses.png", pnginfo=drawn)
    assert names(read(tmp_path)) == ["0", "1"]
    assert "poses.png" not in capsys.readouterr().err
    save(tmp_path / "thumbnail.png", picture(6))
    assert names(read(tmp_path)) == ["0", "1"]
    assert "are not read: thumbnail.png" in capsys.readouterr().err


def test_our_own_picture_among_images_of_both_views_is_passed_over(tmp_path):
    save(tmp_path / "a.png", picture(1, across=2))
    drawn = PngInfo()
    drawn.add_text("Software", "egotap 1.0")
    Image.fromarray(picture(5)).save(tmp_path / "poses.png", pnginfo=drawn)
    assert names(read(tmp_path)) == ["a"]


def test_names_that_are_not_understood_are_told_those_that_are(tmp_path):
    for name in ("first", "second"):
        save(tmp_path / name / "1.png", picture(1))
    with pytest.raises(EgotapError, match=r"its folders are first, second\. A folder must contain left/ and right/"):
        read(tmp_path)
    save(tmp_path / "a" / "1.png", picture(1))
    with pytest.raises(EgotapError, match=r"told by names: left/ and right/"):
        read(tmp_path / "a")
    for name in ("cam_left", "right_cam", "Left_cam"):
        save(tmp_path / "b" / name / "1.png", picture(1))
    with pytest.raises(EgotapError, match=r"several folders of the left view: .*; give input=\[LEFT,RIGHT\]"):
        read(tmp_path / "b")


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(orientation, ending, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    flat = np.repeat(np.repeat(picture(orientation, px=4, across=2), 4, 0), 4, 1)
    if orientation > 4:
        flat = flat.transpose(1, 0, 2)
    path = tmp_path / f"x.{ending}"
    Image.fromarray(flat).save(path, exif=exif, quality=100)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert upright.shape == (PX, 2 * PX, 3)
    np.testing.assert_array_equal(pixels(read(path))[0], [upright[:, :PX], upright[:, PX:]])


def test_exif_data_that_are_damaged_do_not_matter(tmp_path):
    exif = b"Exif\x00\x00MM\x00*\xff\xff\xff\xff"
    for view, side in enumerate(("left", "right")):
        (tmp_path / side).mkdir()
        Image.fromarray(picture(view)).save(tmp_path / side / "x.png", exif=exif)
    np.testing.assert_array_equal(pixels(read(tmp_path))[0], [picture(0), picture(1)])


GREY = np.arange(PX * PX, dtype=np.uint8).reshape(PX, PX)
MODES = {
    "L": (Image.fromarray(GREY), GREY),
    "LA": (Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(GREY.T)]), GREY),
    "16 bits": (Image.fromarray(GREY.astype(np.uint16) * 257), GREY),
    "16 bits between": (Image.fromarray(GREY.astype(np.uint16) // 2 * 514 + 100), GREY // 2 * 2),
    "1 bit": (Image.fromarray(GREY > 99), np.where(GREY > 99, 255, 0)),
    "palette": (Image.fromarray(np.stack([GREY] * 3, -1)).quantize(256), GREY),
    "RGBA": (Image.fromarray(np.stack([GREY, GREY, GREY, GREY.T], -1)), GREY),
}


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_images(mode, tmp_path):
    image, expected = MODES[mode]
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
        image.save(tmp_path / side / "x.png")
    shown = pixels(read(tmp_path))[0].astype(int)
    np.testing.assert_array_equal(shown, np.broadcast_to(expected[None, :, :, None], (2, PX, PX, 3)))


def test_rgb_of_16_bits_is_scaled(tmp_path):
    """Written by hand, since Pillow does not write it."""
    values = picture(1).astype(np.uint16) * 257
    lines = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", PX, PX, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "x.png").write_bytes(content)
    np.testing.assert_array_equal(pixels(read(tmp_path))[0], [picture(1)] * 2)


def test_cmyk_is_converted(tmp_path):
    """As print shops send it: no ink is white, full cyan has no red."""
    ink = np.zeros((PX, PX, 4), np.uint8)
    ink[: PX // 2, :, 0] = 255
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
        Image.fromarray(ink, "CMYK").save(tmp_path / side / "x.jpg", quality=100)
    shown = pixels(read(tmp_path))[0, 0].astype(int)
    assert np.abs(shown[2, 2] - [0, 255, 255]).max() < 6
    assert np.abs(shown[-2, 2] - 255).max() < 6


def test_frames_that_cannot_be_read_are_skipped_on_demand(tmp_path, capsys):
    for number in range(8):
        for view, side in enumerate(("left", "right")):
            save(tmp_path / side / f"{number}.png", picture(10 * number + view))
    (tmp_path / "right" / "1.png").unlink()  # missing
    (tmp_path / "left" / "3.png").write_bytes(b"no image")  # no header
    for number in (4, 5, 6):  # truncated
        path = tmp_path / "right" / f"{number}.png"
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(EgotapError, match=r"left.1\.png; add the missing images, .*on_error=skip"):
        read(tmp_path)
    gaps = Gaps(skip=True)
    frames = open_input([tmp_path], "test", unrealego(), PX, gaps=gaps)
    batches = list(frames.batches(2))
    assert [n for batch in batches for n in batch.batch.frame.tolist()] == [0, 2, 7]
    assert names(batches) == ["0", "2", "7"]
    np.testing.assert_array_equal(pixels(batches)[2], [picture(70), picture(71)])
    assert sorted(gaps.reasons) == [1, 3, 4, 5, 6]
    errors = capsys.readouterr().err
    assert "frame 1 is skipped" in errors
    assert "left/1.png has no right image" in errors


def test_missing_partners_are_named(tmp_path):
    for number in range(30):
        save(tmp_path / "left" / f"{number}.png", picture(6))
        if number not in (4, 7) and number < 20:
            save(tmp_path / "right" / f"{number}.png", picture(7))
    with pytest.raises(EgotapError) as error:
        read(tmp_path)
    assert "30 images" in str(error.value)
    assert ": 18." in str(error.value)
    assert "left/4.png, " in str(error.value)
    assert " and 2 more" in str(error.value)


def test_plain_names_are_meant_whatever_else_is_there(tmp_path):
    for view, name in enumerate(("left", "right", "left_images", "camera_left", "camera_right")):
        save(tmp_path / name / "1.png", picture(view))
    np.testing.assert_array_equal(pixels(read(tmp_path))[0], [picture(0), picture(1)])
