"""Preparation: the same stores whatever the workers and interruptions, and nothing done twice."""

from __future__ import annotations

import io
import multiprocessing
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_source import FakeFiles, FakeSource
from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.prepare import PrepareReport, prepare, skipped_path
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.reader import FrameStore

HERE = Path(__file__).parents[2] / "support"
DAMAGED = (("train/1", 12), ("train/18", 10))


def run(source: FakeSource, folder: Path, **settings) -> PrepareReport:
    return prepare(source, folder, console=Console(file=io.StringIO()), **({"workers": 0} | settings))


def content(folder: Path) -> dict[str, object]:
    """Every dataset and attribute of every store, comparable."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            found[path.name] = dict(file.attrs)

            def collect(name: str, item: object, file_name: str = path.name) -> None:
                if isinstance(item, h5py.Dataset):
                    values = item[...]
                    cells = values.ravel().tolist() if values.dtype == object else [values]
                    found[f"{file_name}/{name}"] = [c.tobytes() if isinstance(c, np.ndarray) else c for c in cells]

            file.visititems(collect)
    return found


@pytest.mark.parametrize(("codec", "counts"), [(PngCodec(), (0, 1, 2)), (RawCodec(), (0, 2)), (JpegCodec(), (0, 2))])
def test_same_stores_whatever_the_workers(tmp_path: Path, codec: Codec, counts: tuple[int, ...]) -> None:
    for workers in counts:
        report = run(FakeSource(), tmp_path / str(workers), codec=codec, workers=workers)
        assert [(split.split, split.frames, split.read) for split in report.splits] == [
            ("train", 20, 20),
            ("validation", 10, 10),
            ("test", 5, 5),
        ]
    first = content(tmp_path / "0")
    assert "train.h5/images" in first
    for workers in counts[1:]:
        assert content(tmp_path / str(workers)) == first
    assert sorted(path.name for path in (tmp_path / "2").iterdir() if path.name[0] != ".") == [
        "test.h5",
        "train.h5",
        "validation.h5",
    ]


def test_frames_stand_in_the_order_of_the_plan(tmp_path: Path) -> None:
    source = FakeSource()
    run(source, tmp_path, workers=2)
    store = FrameStore(tmp_path / "train.h5")
    expected = np.concatenate([source.read(piece).images for piece in source.plan("train")])
    np.testing.assert_array_equal(store.read(range(len(store))).images, expected)
    assert store.name_frames([0, 19]).motion == ("train/0", "train/3")


def test_again_nothing_is_read(tmp_path: Path) -> None:
    source = FakeSource(log=tmp_path / "log")
    run(source, tmp_path / "data")
    before = (tmp_path / "log").read_text()
    report = run(source, tmp_path / "data")
    assert (tmp_path / "log").read_text() == before
    assert report.frames_per_second == 0
    assert sum(split.frames for split in report.splits) == 35


def test_failure_names_the_piece_and_keeps_the_others(tmp_path: Path) -> None:
    source = FakeSource(log=tmp_path / "log", fails_at="motion 2")
    for workers in (0, 2):
        with pytest.raises(RuntimeError, match="train, motion 2: OSError: the disk is on fire"):
            run(source, tmp_path / str(workers), workers=workers)
        assert not (tmp_path / str(workers) / "train.h5").exists()
    run(replace(source, fails_at=None), tmp_path / "0")
    run(FakeSource(), tmp_path / "fresh")
    assert content(tmp_path / "0") == content(tmp_path / "fresh")


def test_death_of_a_worker_is_told(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="worker process died"):
        run(FakeSource(dies_at="motion 2"), tmp_path, workers=1)


@pytest.mark.parametrize(("by", "workers"), [(signal.SIGKILL, 0), (signal.SIGKILL, 2), (signal.SIGINT, 2)])
def test_interrupted_job_goes_on(tmp_path: Path, workers: int, by: signal.Signals) -> None:
    slow = FakeFiles(log=tmp_path / "log", seconds=0.3, pieces=(("train", 20),), damaged=DAMAGED)
    script = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
from pathlib import Path
from fake_source import FakeFiles
from egotap_pl.data.preparation.prepare import prepare
if __name__ == "__main__":
    source = FakeFiles(log=Path({str(slow.log)!r}), seconds=0.3, pieces=(("train", 20),), damaged={DAMAGED})
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
    time.sleep(0.5)  # orphaned workers notice and end

    done = {path.name for path in (tmp_path / "data").rglob("parts/*/*/*.h5")}
    before = slow.log.read_text().splitlines()
    report = run(replace(slow, seconds=0.0), tmp_path / "data", skip_damaged=True)
    again = slow.log.read_text().splitlines()[len(before) :]
    assert len(again) == 20 - len(done) < 20
    assert (report.splits[0].frames, report.splits[0].skipped) == (98, 2)
    assert 5 * len(again) - 2 <= report.splits[0].read <= 5 * len(again)
    run(replace(slow, seconds=0.0, log=None), tmp_path / "fresh", skip_damaged=True)
    assert content(tmp_path / "data") == content(tmp_path / "fresh")
    skipped = [skipped_path(tmp_path / name, "train").read_bytes() for name in ("data", "fresh")]
    assert skipped[0] == skipped[1]
    assert not (tmp_path / "data" / "parts").exists()


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_parts_of_other_settings_are_not_taken(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        run(FakeSource(seed=1, fails_at="motion 3"), tmp_path / "data")
    run(FakeSource(seed=2), tmp_path / "data")
    run(FakeSource(seed=2), tmp_path / "fresh")
    assert content(tmp_path / "data") == content(tmp_path / "fresh")


def test_damaged_part_is_read_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        run(FakeSource(fails_at="motion 3"), tmp_path / "data")
    part = sorted((tmp_path / "data").rglob("parts/*/train/*.h5"))[0]
    part.write_bytes(part.read_bytes()[:1000])
    run(FakeSource(), tmp_path / "data")
    run(FakeSource(), tmp_path / "fresh")
    assert content(tmp_path / "data") == content(tmp_path / "fresh")


def test_killed_while_joining(tmp_path: Path) -> None:
    run(FakeSource(), tmp_path / "data")
    (tmp_path / "data" / "test.h5").unlink()
    leftover = tmp_path / "data" / ".test.h5.123.unfinished"
    leftover.write_bytes(b"half a store")
    run(FakeSource(), tmp_path / "data")
    assert not leftover.exists()
    run(FakeSource(), tmp_path / "fresh")
    assert content(tmp_path / "data") == content(tmp_path / "fresh")


def test_stores_of_other_settings_are_not_replaced_unasked(tmp_path: Path) -> None:
    run(FakeSource(), tmp_path)
    (tmp_path / "train.h5").unlink()
    other = FakeSource(seed=1, log=tmp_path / "log")
    with pytest.raises(EgotapError, match=r"validation.h5 was prepared from other settings.*overwrite=true"):
        run(other, tmp_path)
    assert not (tmp_path / "log").exists()  # told before any work
    run(other, tmp_path, overwrite=True)
    assert {FrameStore(path).header.source["seed"] for path in tmp_path.glob("*.h5")} == {1}


def test_damaged_store_is_told_and_replaced_when_asked(tmp_path: Path) -> None:
    run(FakeSource(), tmp_path)
    (tmp_path / "test.h5").write_bytes(b"oops")
    with pytest.raises(EgotapError, match=r"test.h5 cannot be read"):
        run(FakeSource(), tmp_path)
    assert run(FakeSource(), tmp_path, overwrite=True).splits[-1].read == 5


def job(source: FakeSource, folder: Path) -> None:
    run(source, folder)


def test_two_jobs_on_one_folder(tmp_path: Path) -> None:
    source = FakeSource(log=tmp_path / "log", seconds=0.05)
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=job, args=(source, tmp_path / "data")) for _ in range(2)]
    for process in jobs:
        process.start()
    for process in jobs:
        process.join(60)
        assert process.exitcode == 0
    assert set(Counter((tmp_path / "log").read_text().splitlines()).values()) == {1}
    run(FakeSource(), tmp_path / "fresh")
    assert content(tmp_path / "data") == content(tmp_path / "fresh")


def test_split_without_frames_is_told(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="'train' has no frames"):
        run(FakeSource(frames_per_piece=0), tmp_path)


def test_key_used_twice_is_refused(tmp_path: Path) -> None:
    class Twice(FakeSource):
        def plan(self, split: str):
            return [*super().plan(split), *super().plan(split)]

    with pytest.raises(ValueError, match="uses a key twice"):
        run(Twice(), tmp_path)


def test_progress_says_frames_per_second(tmp_path: Path) -> None:
    text = io.StringIO()
    prepare(FakeSource(), tmp_path, workers=0, console=Console(file=text, force_terminal=True, width=120))
    assert "frames/s" in text.getvalue()
