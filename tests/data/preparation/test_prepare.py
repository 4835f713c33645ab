"""Preparation: the same stores for any number of workers and after any interruption, and no work done twice."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fake_source import FakeFiles, FakeSource
from preparing import content, damage_images, run, wait_for
from processes import CONTEXT, members
from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.preparation.reports import skipped_path
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec
from egotap_pl.data.store.reader import FrameStore

HERE = Path(__file__).parents[2] / "support"
PIECES = (("train", 12),)
DAMAGED = (("train/1", 12), ("train/10", 10))


@pytest.mark.usefixtures("forked_processes")
@pytest.mark.parametrize(("codec", "workers"), [(PngCodec(), 2), (JpegCodec(), 1)])
def test_same_stores_for_any_number_of_workers(tmp_path: Path, codec: Codec, workers: int) -> None:
    for name, count in (("alone", 0), ("workers", workers)):
        report = run(FakeSource(), tmp_path / name, codec=codec, workers=count)
        assert [(split.split, split.frames, split.read) for split in report.splits] == [
            ("train", 20, 20),
            ("validation", 10, 10),
            ("test", 5, 5),
        ]
    assert "train.h5/images" in content(tmp_path / "alone")
    assert content(tmp_path / "workers") == content(tmp_path / "alone")
    files = {path.name for path in (tmp_path / "workers").iterdir() if path.name[0] != "."}
    assert files == {"test.h5", "train.h5", "validation.h5"}


def test_frames_are_in_the_order_of_the_plan(tmp_path: Path) -> None:
    source = FakeSource()
    run(source, tmp_path)
    store = FrameStore(tmp_path / "train.h5")
    expected = np.concatenate([source.read(piece).images for piece in source.plan("train")])
    np.testing.assert_array_equal(store.read(range(len(store))).images, expected)
    assert store.name_frames([0, 19]).motion == ("train/0", "train/3")


def test_a_second_job_reads_nothing(tmp_path: Path) -> None:
    source = FakeSource(log=tmp_path / "log")
    run(source, tmp_path / "data")
    before = (tmp_path / "log").read_text()
    report = run(source, tmp_path / "data")
    assert (tmp_path / "log").read_text() == before
    assert report.frames_per_second == 0
    assert sum(split.frames for split in report.splits) == 35


@pytest.mark.usefixtures("forked_processes")
def test_failure_names_the_piece_and_keeps_the_others(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    source = FakeSource(log=tmp_path / "log", fails_at="motion 2")
    for workers in (0, 1):
        with pytest.raises(RuntimeError, match="train, motion 2: OSError: the disk is on fire"):
            run(source, tmp_path / str(workers), workers=workers)
        assert not (tmp_path / str(workers) / "train.h5").exists()
    run(replace(source, fails_at=None), tmp_path / "0")
    assert content(tmp_path / "0") == uninterrupted


@pytest.mark.usefixtures("forked_processes")
def test_death_of_a_worker_is_reported(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="worker process died"):
        run(FakeSource(dies_at="motion 2"), tmp_path, workers=1)


@pytest.mark.parametrize(("by", "workers"), [(signal.SIGKILL, 0), (signal.SIGKILL, 1), (signal.SIGINT, 1)])
def test_an_interrupted_job_continues(tmp_path: Path, workers: int, by: signal.Signals) -> None:
    slow = FakeFiles(log=tmp_path / "log", seconds=0.3, pieces=PIECES, damaged=DAMAGED)
    script = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
from fake_source import FakeFiles
from egotap_pl.data.preparation.prepare import prepare
if __name__ == "__main__":
    source = FakeFiles(log=Path({str(slow.log)!r}), seconds=0.3, pieces={PIECES}, damaged={DAMAGED})
    prepare(source, {str(tmp_path / "data")!r}, workers={workers}, skip_damaged=True)
"""
    (tmp_path / "job.py").write_text(script)
    process = subprocess.Popen([sys.executable, tmp_path / "job.py"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: len(list((tmp_path / "data").rglob("parts/*/*/*.h5"))) >= 4)
        process.send_signal(by)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode != 0
    assert (b"KeyboardInterrupt" in errors) == (by == signal.SIGINT)
    assert not (tmp_path / "data" / "train.h5").exists()
    time.sleep(0.5)  # orphaned workers notice that their parent is gone, and end

    done = {path.name for path in (tmp_path / "data").rglob("parts/*/*/*.h5")}
    before = slow.log.read_text().splitlines()
    report = run(replace(slow, seconds=0.0), tmp_path / "data", skip_damaged=True)
    again = slow.log.read_text().splitlines()[len(before) :]
    assert len(again) == 12 - len(done) < 12
    assert (report.splits[0].frames, report.splits[0].skipped) == (58, 2)
    assert 5 * len(again) - 2 <= report.splits[0].read <= 5 * len(again)
    run(replace(slow, seconds=0.0, log=None), tmp_path / "fresh", skip_damaged=True)
    assert content(tmp_path / "data") == content(tmp_path / "fresh")
    skipped = [skipped_path(tmp_path / name, "train").read_bytes() for name in ("data", "fresh")]
    assert skipped[0] == skipped[1]
    assert not (tmp_path / "data" / "parts").exists()


@pytest.mark.parametrize("parts", [0, 4], ids=["while workers start", "while they work"])
def test_no_process_is_left_of_a_killed_job(tmp_path: Path, parts: int) -> None:
    """Neither workers, which finish their piece, nor Python's tracker of resources."""
    script = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
from fake_source import FakeFiles
from egotap_pl.data.preparation.prepare import prepare
if __name__ == "__main__":
    source = FakeFiles(log=Path({str(tmp_path / "log")!r}), seconds=0.3, pieces={PIECES})
    prepare(source, {str(tmp_path / "data")!r}, workers=2)
"""
    (tmp_path / "job.py").write_text(script)
    words = [sys.executable, str(tmp_path / "job.py")]
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(words, start_new_session=True, stdout=output, stderr=output)
    try:
        wait_for(lambda: len(members(process.pid)) >= 4)  # two workers and the tracker
        wait_for(lambda: len(list((tmp_path / "data").rglob("parts/*/*/*.h5"))) >= parts)
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: not members(process.pid))


def test_parts_of_other_settings_are_not_used(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    with pytest.raises(RuntimeError):
        run(FakeSource(seed=1, fails_at="motion 3"), tmp_path)
    run(FakeSource(), tmp_path)
    assert content(tmp_path) == uninterrupted


def test_a_damaged_part_is_made_again(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    with pytest.raises(RuntimeError):
        run(FakeSource(fails_at="motion 3"), tmp_path)
    part = sorted(tmp_path.rglob("parts/*/train/*.h5"))[0]
    part.write_bytes(part.read_bytes()[:1000])
    run(FakeSource(), tmp_path)
    assert content(tmp_path) == uninterrupted


def test_a_job_killed_while_joining_continues(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    run(FakeSource(), tmp_path)
    (tmp_path / "test.h5").unlink()
    leftover = tmp_path / ".test.h5.123.unfinished"
    leftover.write_bytes(b"half a store")
    run(FakeSource(), tmp_path)
    assert not leftover.exists()
    assert content(tmp_path) == uninterrupted


def test_stores_of_other_settings_are_replaced_only_with_overwrite(tmp_path: Path) -> None:
    run(FakeSource(), tmp_path)
    (tmp_path / "train.h5").unlink()
    other = FakeSource(seed=1, log=tmp_path / "log")
    with pytest.raises(EgotapError, match=r"validation.h5 was prepared from other settings.*overwrite=true"):
        run(other, tmp_path)
    assert not (tmp_path / "log").exists()  # refused before any work
    run(other, tmp_path, overwrite=True)
    assert {FrameStore(path).header.source["seed"] for path in tmp_path.glob("*.h5")} == {1}


def read_by_split(source: FakeSource, folder: Path, overwrite: bool = False) -> tuple[list[int], str]:
    """How many frames of each split `prepare` reads, and what it prints."""
    text = io.StringIO()
    report = prepare(source, folder, workers=0, overwrite=overwrite, console=Console(file=text, width=300))
    return [split.read for split in report.splits], text.getvalue()


def test_a_damaged_store_is_set_aside_and_made_again(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    run(FakeSource(), tmp_path)
    for name in ("test.h5.damaged", "test.h5.damaged-2"):
        (tmp_path / "test.h5").write_bytes(name.encode())
        read, text = read_by_split(FakeSource(), tmp_path)
        assert read[:-1] == [0] * (len(read) - 1)
        assert read[-1] == 5
        assert "test.h5 cannot be read as an HDF5 file" in text
        assert f"the file is now {tmp_path / name}, delete it" in text
        assert (tmp_path / name).read_bytes() == name.encode()
    for path in tmp_path.glob("*.damaged*"):
        path.unlink()
    assert content(tmp_path) == uninterrupted


def test_damaged_frames_are_made_again_with_overwrite(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    run(FakeSource(), tmp_path)
    damage_images(tmp_path / "train.h5", [1])
    assert sum(read_by_split(FakeSource(), tmp_path)[0]) == 0  # opening the stores does not read their frames
    read, text = read_by_split(FakeSource(), tmp_path, overwrite=True)
    assert read[0] > 0
    assert sum(read[1:]) == 0
    assert "train.h5: the image of frame 1 is damaged (" in text
    (tmp_path / "train.h5.damaged").unlink()
    assert content(tmp_path) == uninterrupted


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_file_is_kept(tmp_path: Path, overwrite: bool) -> None:
    run(FakeSource(), tmp_path)
    with h5py.File(tmp_path / "test.h5", "w") as file:
        file["mine"] = 1
    if overwrite:
        assert read_by_split(FakeSource(), tmp_path, overwrite)[0][-1] == 5
    else:
        with pytest.raises(EgotapError, match=r"test.h5 is an HDF5 file, but not a frame store"):
            run(FakeSource(), tmp_path)
    with h5py.File(tmp_path / ("test.h5.damaged" if overwrite else "test.h5")) as file:
        assert file["mine"][()] == 1


def job(source: FakeSource, folder: Path) -> None:
    run(source, folder)


def test_a_second_job_in_the_folder_waits_for_the_first(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    source, text = FakeSource(log=tmp_path / "log", gate=tmp_path / "gate"), io.StringIO()
    first = CONTEXT.Process(target=job, args=(source, tmp_path / "data"))
    first.start()
    wait_for((tmp_path / "log").exists)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(run, source, tmp_path / "data", console=Console(file=text))
        wait_for(lambda: "another job is preparing" in text.getvalue())
        (tmp_path / "gate").touch()
        assert second.result(60).frames_per_second == 0
    first.join(60)
    assert first.exitcode == 0
    assert set(Counter((tmp_path / "log").read_text().splitlines()).values()) == {1}
    assert content(tmp_path / "data") == uninterrupted


def test_a_split_without_frames_is_refused(tmp_path: Path) -> None:
    class Rooted(FakeSource):
        root = "some/folder"

    with pytest.raises(EgotapError, match=r"'train' has no frames: .*\n.*plan\('train'\) of FakeSource finds$"):
        run(FakeSource(frames_per_piece=0), tmp_path)
    with pytest.raises(EgotapError, match=r"'train' has no frames: .*\n.*of Rooted finds in some/folder$"):
        run(Rooted(frames_per_piece=0), tmp_path)


def test_a_key_used_twice_is_refused(tmp_path: Path) -> None:
    class Twice(FakeSource):
        def plan(self, split: str):
            return [*super().plan(split), *super().plan(split)]

    with pytest.raises(EgotapError, match=r"Twice.plan\('train'\) uses a key twice, 'motion 0'"):
        run(Twice(), tmp_path)


@pytest.mark.parametrize(
    ("planned", "message"),
    [
        (None, "returned a value of type NoneType: it must return a list of pieces"),
        ((number for number in range(0)), "returned a value of type generator: it must return a list of pieces"),
        (["motion 0"], "has a piece of type str without key and frames: every piece needs both"),
    ],
)
def test_a_plan_that_is_not_a_list_of_pieces_is_refused(tmp_path: Path, planned: Any, message: str) -> None:
    class Careless(FakeSource):
        def plan(self, split: str):
            return planned

    with pytest.raises(EgotapError, match=rf"Careless\.plan\('train'\) {message}"):
        run(Careless(), tmp_path)


def test_progress_says_frames_per_second(tmp_path: Path) -> None:
    text = io.StringIO()
    prepare(FakeSource(), tmp_path, workers=0, console=Console(file=text, force_terminal=True, width=120))
    assert "frames/s" in text.getvalue()
