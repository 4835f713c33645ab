"""Squares are cut out of the frames of recordings where the user or the rig says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import KannalaBrandtCamera, Square, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.recordings.inputs import open_input

EYE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
PX = 24


def rig(size_px: tuple[int, int], *centres_px: tuple[float, float], radius_px: float) -> StereoRig:
    left, right = (
        KannalaBrandtCamera(
            size_px,
            (float(centre[0]), float(centre[1])),
            radius_px,
            (radius_px / 1.5, radius_px / 1.5),
            (0.0, 0.0, 0.0, 0.0),
        )
        for centre in centres_px
    )
    return StereoRig("own", (left, right), EYE, (-9.8, 0.0, 0.0))


PORTRAIT = rig((480, 640), (240, 300), (250, 330), radius_px=200.0)
LARGE_CIRCLE = rig((640, 480), (320, 240), (320, 240), radius_px=300.0)
OF_5_TO_4 = rig((640, 512), (320, 256), (320, 256), radius_px=250.0)
RIG = rig((640, 480), (322.5, 238.0), (316.0, 243.0), radius_px=230.0)


def scene(width: int, height: int) -> np.ndarray:
    """A frame whose red is u and whose green is v, as shares of 255 of the longer side."""
    v, u = np.mgrid[0:height, 0:width] * (255 / max(width, height))
    return np.stack((u, v, np.zeros_like(u)), -1).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def views(*paths: Path, crop: Crop | None = None) -> np.ndarray:
    """The images of the first frame, (v, 3, h, w)."""
    recording = open_input(paths, "test", unrealego(), PX, crop=crop)
    return next(iter(recording.batches(1))).batch.images[0].numpy()


def edges(view: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what a cut `scene` shows, px of the whole frame."""
    u, v = view[:2].astype(float) * max(width, height) / 255
    half = (u[0, -1] - u[0, 0]) / (PX - 1) / 2
    return u[0, 0] - half, v[0, 0] - half, u[0, -1] + half, v[-1, 0] + half


@pytest.mark.parametrize(
    ("size", "crop", "expected"),
    [
        ((640, 480), Crop("centre"), [(80, 0, 480)] * 2),
        ((480, 640), Crop("centre"), [(0, 80, 480)] * 2),
        ((1280, 1024), Crop("centre"), [(128, 0, 1024)] * 2),
        ((1280, 960), Crop.parse([200, 100, 800], None), [(200, 100, 800)] * 2),
        ((640, 480), Crop("circle", RIG), [(92, 8, 460), (86, 13, 460)]),
        ((1280, 960), Crop.parse(None, RIG), [(184, 16, 920), (172, 26, 920)]),  # calibrated at half the size
        ((480, 640), Crop("circle", PORTRAIT), [(40, 100, 400), (50, 130, 400)]),
        ((640, 480), Crop("circle", LARGE_CIRCLE), [(80, 0, 480)] * 2),
        ((640, 480), Crop.parse([0, 0, 300], RIG), [(0, 0, 300)] * 2),
        ((300, 300), Crop(), [(0, 0, 300)] * 2),
    ],
)
def test_each_view_shows_its_square(size, crop, expected, tmp_path: Path):
    frame = scene(*size)
    both = save(tmp_path / "both.png", np.concatenate((frame, frame), 1))
    pair = [save(tmp_path / side / "1.png", frame) for side in ("left", "right")]
    for images in (views(both, crop=crop), views(*pair, crop=crop)):
        for view, (left, top, side) in zip(images, expected, strict=True):
            shown = edges(view, *size)
            np.testing.assert_allclose(shown, (left, top, left + side, top + side), atol=0.012 * max(size))


@pytest.mark.parametrize(("size", "square"), [((640, 480), (100, 50, 400)), ((1280, 960), (200, 100, 800))])
def test_the_rig_of_what_is_cut_out_projects_to_where_it_is_seen(size, square):
    """Also in recordings of twice the calibrated size."""
    seen, points_cm = Crop(Square(*square), RIG).seen_rig(size), torch.tensor([[3.0, -4.0, 20.0], [-9.0, 6.0, 30.0]])
    assert seen is not None
    in_frame = RIG.project(points_cm)[0] * (size[0] / 640)
    expected = (in_frame - torch.tensor(square[:2])) * (FRAME_PX / square[2])
    torch.testing.assert_close(seen.project(points_cm)[0], expected, rtol=0, atol=0.01)


def test_a_rig_of_whole_square_frames_leaves_them_as_they_are(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (PX, PX, 3), dtype=np.uint8)
    pair = [save(tmp_path / side / "1.png", pixels) for side in ("left", "right")]
    crop = Crop.parse(None, StereoRig.unrealego())
    np.testing.assert_array_equal(views(*pair, crop=crop), views(*pair))


def test_frames_that_are_not_square_need_one_of_three_ways(tmp_path: Path):
    pair = [save(tmp_path / side / "1.png", scene(64, 48)) for side in ("left", "right")]
    with pytest.raises(EgotapError) as error:
        views(*pair)
    for words in ("1.png is 64 x 48 px", "crop=circle with rig=FILE", "crop=centre", "crop=[u,v,side]"):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        (Crop.parse([20, 0, 48], None), r"1\.png is 64 x 48 px: crop=\[20,0,48\] reaches beyond the frame"),
        (Crop("circle", OF_5_TO_4), "frames of another shape.*640 x 512"),
        (Crop("circle", PORTRAIT), "frames of another shape.*480 x 640"),
    ],
)
def test_squares_that_do_not_fit_are_named(crop, message, tmp_path: Path):
    pair = [save(tmp_path / side / "1.png", scene(64, 48)) for side in ("left", "right")]
    with pytest.raises(EgotapError, match=message):
        views(*pair, crop=crop)


def test_the_size_of_a_view_is_named_where_both_are_side_by_side(tmp_path: Path):
    """The frame may have the very shape of the calibration, and then its halves have not."""
    frame = save(tmp_path / "1.png", scene(640, 512))
    with pytest.raises(EgotapError, match=r"1\.png is 640 x 512 px, 320 x 512 px a view: .*calibrated at 640 x 512"):
        views(frame, crop=Crop("circle", OF_5_TO_4))


@pytest.mark.parametrize("value", ["middle", [1, 2], [1, 2, 0], [-1, 2, 3], [1.5, 2, 3], 3, True])
def test_a_crop_that_is_none_is_refused(value):
    with pytest.raises(EgotapError, match="must be circle, centre or"):
        Crop.parse(value, None)


def test_the_circle_needs_a_rig():
    with pytest.raises(EgotapError, match="give rig=FILE"):
        Crop.parse("circle", None)


def test_views_side_by_side_need_an_even_width(tmp_path: Path):
    both = save(tmp_path / "both.png", scene(65, 24))
    with pytest.raises(EgotapError, match=r"both\.png is 65 x 24 px, but must be both views side by side"):
        views(both, crop=Crop("centre"))


def test_single_views_that_are_taken_for_two_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Names without a word for a side: every picture of a camera would be a frame, and its halves the views."""
    for name in ("cam1_0", "cam1_1", "cam2_0", "cam2_1"):
        save(tmp_path / "single" / f"{name}.png", scene(64, 48))
    views(tmp_path / "single", crop=Crop("centre"))
    notes = capsys.readouterr().err
    assert "cam1_0.png is 64 x 48 px and taken for both views side by side, each 32 x 48 px. Separate" in notes
    assert "input=[LEFT,RIGHT]" in notes
    assert notes.count("side by side, each") == 1
    frame = scene(64, 48)
    views(save(tmp_path / "both.png", np.concatenate((frame, frame), 1)), crop=Crop("centre"))
    views(save(tmp_path / "portrait.png", scene(960, 640)), crop=Crop("circle", PORTRAIT))  # the rig says so
    assert not capsys.readouterr().err


def test_the_rigs_of_egosynth_are_cut_alike():
    square = Square(92, 8, 460)
    assert Crop("circle", RIG).squares((640, 480))[0] == square


def test_videos_are_cut_too(tmp_path: Path):
    av = pytest.importorskip("av")
    for side in ("left", "right"):
        with av.open(str(tmp_path / f"{side}.mkv"), "w") as container:
            stream = container.add_stream("ffv1", rate=30)
            stream.width, stream.height, stream.pix_fmt = 640, 480, "bgr0"
            frame = av.VideoFrame.from_ndarray(scene(640, 480), format="rgb24").reformat(format="bgr0")
            container.mux([*stream.encode(frame), *stream.encode()])
    images = views(tmp_path, crop=Crop("circle", RIG))
    np.testing.assert_allclose(edges(images[0], 640, 480), (92, 8, 552, 468), atol=8)
    with pytest.raises(EgotapError, match=r"left\.mkv is 640 x 480 px.*crop=centre"):
        views(tmp_path)
