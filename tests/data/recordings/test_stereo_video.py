"""Videos are read pair by pair, a batch at a time."""

from __future__ import annotations

import struct
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings import frames as stereo
from egotap_pl.data.recordings import video as stereo_video
from egotap_pl.data.recordings.inputs import open_input

av = pytest.importorskip("av")
PX = 32


def frames(seed: int, count: int, across: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, PX, PX * across, 3), dtype=np.uint8)


def write(path: Path, pictures: np.ndarray, rate: int = 25, codec: str = "ffv1", pixels: str = "bgr0") -> Path:
    """Writes a video, without loss by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = pixels
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


def read(*paths: Path, limit: int | None = None):
    return list(open_input(paths, "test", unrealego(), PX, limit=limit).batches(4))


def images(batches) -> np.ndarray:
    """All images, of shape (n, v, h, w, 3)."""
    return torch.cat([batch.batch.images for batch in batches]).numpy().transpose(0, 1, 3, 4, 2)


def test_frames_and_times_of_a_pair_of_videos(tmp_path):
    left, right = frames(1, 10), frames(2, 10)
    files = write(tmp_path / "left.mkv", left), write(tmp_path / "right.mkv", right)
    for paths in ((tmp_path,), files):
        batches = read(*paths)
        assert [len(batch.name) for batch in batches] == [4, 4, 2]
        np.testing.assert_array_equal(images(batches), np.stack((left, right), 1))
        times = [time for batch in batches for time in batch.time_s]
        np.testing.assert_allclose(times, np.arange(10) / 25, atol=1e-3)
        assert [n for batch in batches for n in batch.batch.frame.tolist()] == list(range(10))
    assert len(images(read(tmp_path, limit=3))) == 3


def test_one_video_may_contain_both_views(tmp_path):
    both = frames(3, 3, across=2)
    views = images(read(write(tmp_path / "both.mkv", both)))
    np.testing.assert_array_equal(views, np.stack((both[:, :, :PX], both[:, :, PX:]), 1))


def test_frames_of_a_lossy_video_are_close(tmp_path):
    smooth = np.linspace(0, 255, PX, dtype=np.uint8)[None, :, None, None] * np.ones((5, 1, PX, 3), np.uint8)
    paths = [write(tmp_path / f"{side}.mp4", smooth, codec="mpeg4", pixels="yuv420p") for side in ("left", "right")]
    opened = open_input(paths, "test", unrealego(), PX)
    assert opened.frames == 5
    assert np.abs(images(read(*paths)).astype(int)[:, 0] - smooth).mean() < 8


def test_videos_of_different_lengths_are_named_at_once_if_they_say_so(tmp_path):
    short = write(tmp_path / "left.mp4", frames(4, 4), codec="mpeg4", pixels="yuv420p")
    long = write(tmp_path / "right.mp4", frames(5, 6), codec="mpeg4", pixels="yuv420p")
    with pytest.raises(EgotapError, match=r"left.mp4 has 4 frames, .*right.mp4 6: .*frames=4"):
        open_input([tmp_path], "test", unrealego(), PX)
    assert len(images(read(short, long, limit=4))) == 4
    fast = write(tmp_path / "fast.mp4", frames(5, 4), rate=50, codec="mpeg4", pixels="yuv420p")
    with pytest.raises(EgotapError, match=r"same frame rate.* 25.00 .* 50.00"):
        open_input([short, fast], "test", unrealego(), PX)


def test_videos_of_different_lengths_are_named_at_the_end_if_they_do_not_say_so(tmp_path):
    write(tmp_path / "left.mkv", frames(6, 3))
    write(tmp_path / "right.mkv", frames(7, 5))
    opened = open_input([tmp_path], "test", unrealego(), PX)
    assert opened.frames is None
    with pytest.raises(EgotapError, match=r"left.mkv ends after 3 frames.*frames=3"):
        list(opened.batches(2))


def test_unusable_videos_are_named(tmp_path, monkeypatch):
    (tmp_path / "left.mp4").write_bytes(b"no video")
    write(tmp_path / "right.mp4", frames(8, 2), codec="mpeg4", pixels="yuv420p")
    with pytest.raises(EgotapError, match=r"left.mp4 cannot be read as a video"):
        open_input([tmp_path], "test", unrealego(), PX)
    wide = write(tmp_path / "wide.mkv", frames(9, 2, across=2))
    with pytest.raises(EgotapError, match=r"wide.mkv is 64 x 32 px, but must be a square"):
        open_input([wide, wide], "test", unrealego(), PX)
    (tmp_path / "left.mp4").unlink()
    with pytest.raises(EgotapError, match=r"0 videos named left"):
        open_input([tmp_path], "test", unrealego(), PX)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EgotapError, match=r"egotap-pl\[video\]"):
        open_input([wide], "test", unrealego(), PX)


def test_only_requested_frames_are_decoded(tmp_path, monkeypatch):
    path, decoded = write(tmp_path / "both.mkv", frames(10, 40, across=2)), []
    original = stereo_video._frames

    def counted(*arguments):
        for frame in original(*arguments):
            decoded.append(1)
            yield frame

    monkeypatch.setattr(stereo_video, "_frames", counted)
    batches = open_input([path], "test", unrealego(), PX).batches(4)
    next(batches)
    assert len(decoded) == 4


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".avi", ".m4v"])
def test_every_format_is_read(tmp_path, ending):
    codec, pixels = ("ffv1", "bgr0") if ending == ".mkv" else ("mpeg4", "yuv420p")
    path = write(tmp_path / f"both{ending}", frames(11, 3, across=2), codec=codec, pixels=pixels)
    assert len(images(read(path))) == 3


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile both.mkv\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nboth.mkv\n#EXT-X-ENDLIST\n",
        "[Playlist]\nFile1=both.mkv\n",
    ],
)
def test_a_list_of_files_is_not_a_video(tmp_path, text):
    write(tmp_path / "both.mkv", frames(12, 2, across=2))
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(EgotapError, match=r"list.mp4 cannot be read as a video \(mov,mp4,"):
        open_input([tmp_path / "list.mp4"], "test", unrealego(), PX)


def test_a_path_is_never_an_address(tmp_path, monkeypatch):
    """Nothing listens at port 9 of this machine, so that a connection would be an error."""
    monkeypatch.chdir(tmp_path)
    path = write(Path("http:/127.0.0.1:9/both.mkv").absolute(), frames(13, 2, across=2))
    assert len(images(read(path.relative_to(tmp_path)))) == 2


def test_frames_that_are_too_large_are_named_at_once(tmp_path, monkeypatch):
    path = write(tmp_path / "both.mp4", frames(14, 2, across=2), codec="mpeg4", pixels="yuv420p")
    monkeypatch.setattr(stereo, "VIEW_PX", PX - 1)
    with pytest.raises(EgotapError, match=r"both.mp4 is 64 x 32 px: a view may have up to 31 x 31 px"):
        open_input([path], "test", unrealego(), PX)


def test_a_size_that_is_never_decoded(tmp_path):
    """A video that says it is 30,000 px wide and high."""
    path = write(tmp_path / "both.avi", frames(15, 2, across=2), codec="rawvideo", pixels="yuv420p")
    header = struct.pack("<III", 40, 2 * PX, PX)
    path.write_bytes(path.read_bytes().replace(header, struct.pack("<III", 40, 30_000, 30_000)))
    with pytest.raises(EgotapError, match=r"both.avi is very large, or does not say how large it is: a view may have"):
        open_input([path, path], "test", unrealego(), PX)


def test_frames_that_grow_are_not_decoded(tmp_path, monkeypatch):
    """A video whose later frames are larger than its header says."""
    path = tmp_path / "both.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width = stream.height = PX
        stream.pix_fmt = "yuvj420p"
        for px in (PX, 20 * PX):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width = encoder.height = px
            encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
            for packet in encoder.encode(av.VideoFrame(px, px, "yuvj420p")):
                packet.stream, packet.pts, packet.dts = stream, px, px
                file.mux(packet)
    monkeypatch.setattr(stereo_video, "VIEW_PX", PX)
    frames_read = open_input([path, path], "test", unrealego(), PX).batches(1)
    next(frames_read)
    with pytest.raises(EgotapError, match=r"both.avi is damaged"):
        next(frames_read)
