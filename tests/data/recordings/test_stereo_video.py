"""Videos are read pair by pair, a batch at a time."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.recordings import decoding
from egotap_pl.data.recordings import frames as stereo
from egotap_pl.data.recordings import video as stereo_video
from egotap_pl.data.recordings.decoding import facts_of, opened, video_frames
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.inputs import open_input
from egotap_pl.data.recordings.pairing import NumberPairs

av = pytest.importorskip("av")
PX = 32


def frames(seed: int, count: int, across: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, PX, PX * across, 3), dtype=np.uint8)


def write(
    path: Path,
    pictures: np.ndarray,
    rate: int | Fraction = 25,
    codec: str = "ffv1",
    pixels: str = "bgr0",
    pts: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    live: bool = False,
) -> Path:
    """Writes a video, without loss by default. A live one does not say how long it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"live": "1"} if live else {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = pixels
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[number], 1 / Fraction(rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def read(*paths: Path, limit: int | None = None, pair: str | None = None, gaps: Gaps | None = None):
    return list(open_input(paths, "test", unrealego(), PX, limit=limit, pair=pair, gaps=gaps).batches(4))


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


def trimmed(path: Path, first: int, count: int) -> Path:
    """The same MP4, of 25 frames/s, that shows some of its frames only, as a phone trims it: by its edit list."""
    with av.open(str(path)) as file:
        ticks = int(1 / file.streams.video[0].time_base) // 25
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12  # behind its name, version and number of entries
    content[at : at + 8] = struct.pack(">Ii", 40 * count, ticks * first)  # in ms, and in the stream's time base
    path.with_name(f"trimmed_{path.name}").write_bytes(content)
    return path.with_name(f"trimmed_{path.name}")


@pytest.mark.parametrize(("first", "count"), [(6, 14), (0, 9), (3, 12)])
def test_what_was_trimmed_away_is_not_counted(tmp_path, capsys, first, count):
    whole = write(tmp_path / "whole.mp4", frames(4, 20), codec="mpeg4", pixels="yuv420p", options={"g": "5"})
    part = trimmed(whole, first, count)
    short = write(tmp_path / "short.mp4", frames(5, count), codec="mpeg4", pixels="yuv420p")
    opened = open_input([part, short], "test", unrealego(), PX)
    shown = images(list(opened.batches(4)))
    assert opened.frames == len(shown) == count
    np.testing.assert_array_equal(shown[:, 0], images(read(whole, whole))[first : first + count, 0])
    with pytest.raises(EgotapError, match=f"trimmed_whole.mp4 has {count} frames, .*whole.mp4 20"):
        read(part, whole)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("live", [True, False])
def test_frames_are_counted_where_files_do_not_say_how_many_they_have(tmp_path, live):
    for name, count in (("left", 3), ("right", 5)):
        write(tmp_path / f"{name}.mkv", frames(count, count), live=live)
    with pytest.raises(EgotapError, match=r"left.mkv has 3 frames, .*right.mkv 5: .*pair=number"):
        open_input([tmp_path], "test", unrealego(), PX)


def test_a_video_that_ends_early_is_named_at_the_end(tmp_path):
    """The rest of the right video cannot be decoded, which its packets do not tell."""
    write(tmp_path / "left.mkv", frames(6, 8), options={"g": "1"})
    write(tmp_path / "right.mkv", frames(7, 8), options={"g": "1"})
    videos = facts_of([tmp_path / "left.mkv", tmp_path / "right.mkv"], count=True)
    with opened([video.path for video in videos]) as streams:
        left, right = (video_frames(video.path, stream) for video, stream in zip(videos, streams, strict=True))
        pairs = NumberPairs(videos, is_chosen=False)(left, islice(right, 5))
        with pytest.raises(EgotapError, match=r"right.mkv ends after 5 frames.*frames=5"):
            list(pairs)


def test_a_chosen_pairing_by_number_uses_what_both_videos_have(tmp_path, capsys):
    left, right = frames(1, 3), frames(2, 5)
    write(tmp_path / "left.mkv", left)
    write(tmp_path / "right.mkv", right)
    batches = read(tmp_path, pair="number")
    np.testing.assert_array_equal(images(batches), np.stack((left, right[:3]), 1))
    assert "left.mkv ends after 3 frames; 2 more of" in capsys.readouterr().err
    with pytest.raises(EgotapError, match="pair=name: must be one of: number, time"):
        read(tmp_path, pair="name")


def test_equal_numbers_of_frames_at_nearly_the_same_rate_are_paired_by_number(tmp_path, capsys):
    left, right = frames(1, 8), frames(2, 8)
    write(tmp_path / "left.mkv", left, rate=Fraction(30000, 1001))
    write(tmp_path / "right.mkv", right, rate=Fraction(3001, 100))
    np.testing.assert_array_equal(images(read(tmp_path)), np.stack((left, right), 1))
    assert "Frames are paired by number" in capsys.readouterr().err


def test_slightly_different_numbers_of_frames_are_paired_by_time(tmp_path, capsys):
    """The right camera dropped frames 20 and 90 of 150. Each frame shows its number."""
    numbers = np.arange(150, dtype=np.uint8)
    left = np.broadcast_to(numbers[:, None, None, None], (150, PX, PX, 3))
    kept = [number for number in range(150) if number not in (20, 90)]
    write(tmp_path / "left.mkv", left)
    write(tmp_path / "right.mkv", left[kept], pts=kept)
    batches = read(tmp_path)
    shown = images(batches)[:, :, 0, 0, 0]
    np.testing.assert_array_equal(shown, np.stack((kept, kept), 1))
    assert [n for batch in batches for n in batch.batch.frame.tolist()] == kept
    errors = capsys.readouterr().err
    assert "Frames are paired by time" in errors
    assert "2 frames of" in errors
    with pytest.raises(AssertionError):  # what the test is about: by number, later frames do not belong together
        np.testing.assert_array_equal(*images(read(tmp_path, pair="number"))[:, :, 0, 0, 0].T)


def test_times_of_videos_with_different_rates(tmp_path):
    slow = np.broadcast_to(np.arange(5, dtype=np.uint8)[:, None, None, None], (5, PX, PX, 3))
    fast = np.broadcast_to(np.arange(10, dtype=np.uint8)[:, None, None, None], (10, PX, PX, 3))
    write(tmp_path / "slow.mkv", slow, rate=25)
    write(tmp_path / "fast.mkv", fast, rate=50)
    one = images(read(tmp_path / "slow.mkv", tmp_path / "fast.mkv", pair="time"))[:, :, 0, 0, 0]
    np.testing.assert_array_equal(one, np.stack((np.arange(5), 2 * np.arange(5)), 1))
    batches = read(tmp_path / "fast.mkv", tmp_path / "slow.mkv", pair="time")
    np.testing.assert_array_equal(images(batches)[:, :, 0, 0, 0], one[:, ::-1])
    assert [n for batch in batches for n in batch.batch.frame.tolist()] == [0, 2, 4, 6, 8]


ONE = 65536
MATRICES = {  # (a, b, c, d) of a file's display matrix, and what it does to a picture
    "as it is": ((ONE, 0, 0, ONE), lambda picture: picture),
    "quarter right": ((0, ONE, -ONE, 0), lambda picture: np.rot90(picture, -1)),
    "half": ((-ONE, 0, 0, -ONE), lambda picture: np.rot90(picture, 2)),
    "quarter left": ((0, -ONE, ONE, 0), np.rot90),
    "mirrored": ((-ONE, 0, 0, ONE), lambda picture: picture[:, ::-1]),
}


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Writes a display matrix over that of an MP4's only track, which follows the one of the whole film."""
    (a, b, c, d), content = matrix, path.read_bytes()
    identity = struct.pack(">9i", ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
    at = content.index(identity, content.index(b"tkhd"))
    path.write_bytes(content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[at + 36 :])
    return path


@pytest.mark.parametrize("name", MATRICES)
def test_turned_videos_are_shown_upright(tmp_path, name):
    matrix, change = MATRICES[name]
    picture = np.zeros((PX, 2 * PX, 3), np.uint8)
    picture[: PX // 2, : PX // 2], picture[PX // 2 :, PX:] = 255, 120
    stored = next(back for back in ALL_TURNS if np.array_equal(change(back(picture)), picture))(picture)
    path = turn(write(tmp_path / "both.mp4", stored[None], codec="mpeg4", pixels="yuv420p"), matrix)
    views = images(read(path))[0].astype(int)
    assert np.abs(views - np.stack((picture[:, :PX], picture[:, PX:]))).mean() < 12


ALL_TURNS = [lambda p, k=k, m=m: np.rot90(p[:, ::m], k) for k in range(4) for m in (1, -1)]


def test_a_video_that_is_turned_by_another_angle_is_refused(tmp_path):
    path = write(tmp_path / "both.mp4", frames(16, 2, across=2), codec="mpeg4", pixels="yuv420p")
    with pytest.raises(EgotapError, match="no quarter of a circle"):
        read(turn(path, (46341, 46341, -46341, 46341)))


def damage(path: Path, packets: set[int]) -> Path:
    """Copies a video with the content of some packets overwritten, first and last bytes included."""
    damaged = path.with_stem(f"{path.stem}_damaged")
    with av.open(str(path)) as source, av.open(str(damaged), "w") as file:
        template = source.streams.video[0]
        is_old = not hasattr(file, "add_stream_from_template")
        stream = file.add_stream(template=template) if is_old else file.add_stream_from_template(template)
        for number, packet in enumerate(each for each in source.demux(video=0) if each.size):
            content = bytes(packet) if number not in packets else b"\xff" * packet.size
            copy = av.Packet(content)
            copy.pts, copy.dts, copy.time_base, copy.stream = packet.pts, packet.dts, packet.time_base, stream
            copy.is_keyframe = packet.is_keyframe
            file.mux(copy)
    return damaged


@pytest.mark.parametrize(("codec", "pixels"), [("ffv1", "bgr0"), ("mjpeg", "yuvj420p"), ("libx264", "yuv420p")])
def test_damaged_frames_are_errors_or_gaps(tmp_path, capsys, codec, pixels):
    """Of all-intra videos, so that no frame needs another one."""
    numbers = np.arange(12, dtype=np.uint8) * 20
    pictures = np.broadcast_to(numbers[:, None, None, None], (12, PX, 2 * PX, 3))
    path = damage(write(tmp_path / "both.mkv", pictures, codec=codec, pixels=pixels, options={"g": "1"}), {4, 7, 8})
    with pytest.raises(EgotapError, match=r"both_damaged.mkv is damaged.*on_error=skip"):
        read(path)
    gaps = Gaps(skip=True)
    batches = read(path, gaps=gaps)
    left = [0, 1, 2, 3, 5, 6, 9, 10, 11]
    assert [n for batch in batches for n in batch.batch.frame.tolist()] == left
    assert np.abs(images(batches)[:, 0, 0, 0, 0].astype(int) - numbers[left]).max() <= 8
    assert sorted(gaps.reasons) == [4, 7, 8]
    assert "frame 7 is skipped" in capsys.readouterr().err
    np.testing.assert_allclose([t for b in batches for t in b.time_s], np.array(left) / 25, atol=1e-3)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_every_frame_is_read_or_named_if_frames_depend_on_each_other(tmp_path, codec):
    numbers = np.arange(40, dtype=np.uint8) * 6
    pictures = np.broadcast_to(numbers[:, None, None, None], (40, 2 * PX, 4 * PX, 3))
    options = {"g": "20", "bf": "2", "x265-params": "log-level=none:keyint=20"}
    path = write(tmp_path / "both.mkv", pictures, codec=codec, pixels="yuv420p", options=options)
    whole = read(path)
    assert [n for batch in whole for n in batch.batch.frame.tolist()] == list(range(40))
    gaps = Gaps(skip=True)
    batches = read(damage(path, {7}), gaps=gaps)
    left = [n for batch in batches for n in batch.batch.frame.tolist()]
    assert sorted((*left, *gaps.reasons)) == list(range(40))
    assert 0 < len(gaps.reasons) < 20
    assert left[-20:] == list(range(20, 40))  # from the next frame that needs no other
    assert np.abs(images(batches)[-20:, 0, 0, 0, 0].astype(int) - numbers[20:]).max() < 8


def test_a_video_that_is_cut_off_says_how_many_frames_are_missing(tmp_path, capsys):
    path = write(tmp_path / "both.avi", frames(17, 20, across=2), codec="mjpeg", pixels="yuvj420p")
    assert len(images(read(path))) == 20
    assert not capsys.readouterr().err
    path.write_bytes(path.read_bytes()[: 2 * path.stat().st_size // 3])
    count = len(images(read(path)))
    assert 5 < count < 15
    assert f"says that it has 20 frames, but only {count} are in it" in capsys.readouterr().err


def test_a_gap_in_one_view_does_not_shift_the_other(tmp_path):
    pictures = np.broadcast_to((np.arange(9, dtype=np.uint8) * 20)[:, None, None, None], (9, PX, PX, 3))
    left = write(tmp_path / "left.mkv", pictures)
    right = damage(write(tmp_path / "right.mkv", pictures, options={"g": "1"}), {3})
    for pair in ("number", "time"):
        shown = images(read(left, right, gaps=Gaps(skip=True), pair=pair))[:, :, 0, 0, 0]
        np.testing.assert_array_equal(shown[:, 0], 20 * np.array([0, 1, 2, 4, 5, 6, 7, 8]))
        np.testing.assert_array_equal(shown[:, 1], shown[:, 0])


@pytest.mark.parametrize("names", [("Left.MP4", "Right.MP4"), ("cam0.mp4", "cam1.mp4"), ("walk_L.mp4", "walk_R.mp4")])
def test_names_of_videos(tmp_path, names):
    for number, name in enumerate(names):
        write(tmp_path / name, frames(number, 2), codec="mpeg4", pixels="yuv420p")
    (tmp_path / "._Left.MP4").write_bytes(b"what macOS puts beside files")
    write(tmp_path / "overlay.mp4", frames(3, 7), codec="mpeg4", pixels="yuv420p")
    assert len(images(read(tmp_path))) == 2


def test_unusable_videos_are_named(tmp_path, monkeypatch):
    (tmp_path / "left.mp4").write_bytes(b"no video")
    write(tmp_path / "right.mp4", frames(8, 2), codec="mpeg4", pixels="yuv420p")
    with pytest.raises(EgotapError, match=r"left.mp4 cannot be read as a video"):
        open_input([tmp_path], "test", unrealego(), PX)
    wide = write(tmp_path / "wide.mkv", frames(9, 2, across=2))
    with pytest.raises(EgotapError, match=r"wide.mkv is 64 x 32 px, but must be a square"):
        open_input([wide, wide], "test", unrealego(), PX)
    (tmp_path / "left.mp4").unlink()
    with pytest.raises(EgotapError, match=r"contains the videos right.mp4, wide.mkv: .* input=\[LEFT,RIGHT\]"):
        open_input([tmp_path], "test", unrealego(), PX)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EgotapError, match=r"egotap-pl\[video\]"):
        open_input([wide], "test", unrealego(), PX)


def test_a_video_that_nothing_decodes_is_named(tmp_path):
    path = write(tmp_path / "both.mp4", frames(1, 3, across=2), codec="mpeg4", pixels="yuv420p")
    content = path.read_bytes()
    assert content.count(b"mp4v") == content.count(b"\x20\x11") == 1  # the two places that name the codec
    path.write_bytes(content.replace(b"mp4v", b"abcd").replace(b"\x20\x11", b"\x01\x11"))
    with pytest.raises(EgotapError, match=r"both\.mp4 has a video stream that FFmpeg cannot decode"):
        read(path)


def test_only_requested_frames_are_decoded(tmp_path, monkeypatch):
    path, decoded = write(tmp_path / "both.mkv", frames(10, 40, across=2)), []
    original = stereo_video.video_frames

    def counted(*arguments):
        for frame in original(*arguments):
            decoded.append(1)
            yield frame

    monkeypatch.setattr(stereo_video, "video_frames", counted)
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
    monkeypatch.setattr(decoding, "VIEW_PX", PX)
    frames_read = open_input([path, path], "test", unrealego(), PX).batches(1)
    next(frames_read)
    with pytest.raises(EgotapError, match=r"both.avi is damaged"):
        next(frames_read)


def test_plain_names_are_meant_whatever_else_is_there(tmp_path):
    for number, name in enumerate(("left", "right", "left_backup", "rec_left")):
        write(tmp_path / f"{name}.mkv", frames(number, 2))
    np.testing.assert_array_equal(images(read(tmp_path)), np.stack((frames(0, 2), frames(1, 2)), 1))
    (tmp_path / "right.mkv").rename(tmp_path / "rec_right.mkv")
    with pytest.raises(EgotapError, match=r"3 videos of the left view \(left.mkv, left_backup.mkv, rec_left.mkv\)"):
        read(tmp_path)
