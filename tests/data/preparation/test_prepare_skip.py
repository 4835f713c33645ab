"""Damaged and missing frames are errors, or skipped, named in a report and counted; the check of a whole data set."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_source import FakeFiles, FakeSource
from preparing import run
from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.preparation.check import check
from egotap_pl.data.preparation.reports import skipped_path
from egotap_pl.data.preparation.shard import Shard
from egotap_pl.data.preparation.workers import Workers
from egotap_pl.data.source import FileSource, SkippedFrame, Source
from egotap_pl.data.store.reader import FrameStore

DAMAGED = FakeFiles(damaged=(("train/1", 12), ("train/3", 10), ("test/0", 11)), excluded=(("train/0", 14),))
SOUND = replace(DAMAGED, damaged=())


def report(folder: Path, split: str) -> list[dict]:
    path = skipped_path(folder, split)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_protocols() -> None:
    assert isinstance(DAMAGED, FileSource)
    assert isinstance(FakeSource(), Source)
    assert not isinstance(FakeSource(), FileSource)


def test_a_damaged_frame_stops_the_job_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"train, motion [13]: train/[13]/1[02].png: truncated\n.*on_error=skip"):
        run(DAMAGED, tmp_path)
    assert not list(tmp_path.glob("*.h5"))


def test_damaged_frames_are_skipped_named_and_counted(tmp_path: Path) -> None:
    prepared = run(DAMAGED, tmp_path, skip_damaged=True)
    assert [(split.frames, split.skipped) for split in prepared.splits] == [(17, 3), (10, 0), (4, 1)]
    store = FrameStore(tmp_path / "train.h5")
    assert len(store) == 17
    assert store.header.skipped == 3
    names = store.name_frames(range(17))
    frames = list(zip(names.motion, names.frame_number.tolist(), strict=True))
    all_frames = [(f"train/{motion}", number) for motion in range(4) for number in range(10, 15)]
    assert frames == [name for name in all_frames if name not in (*DAMAGED.damaged, *DAMAGED.excluded)]
    source = FakeSource()
    images = np.concatenate([source.read(piece).images for piece in source.plan("train")])
    assert np.array_equal(store.read(range(17)).images, images[[all_frames.index(name) for name in frames]])

    assert report(tmp_path, "train") == [
        {
            "motion": "train/0",
            "frame_number": 14,
            "file": "",
            "reason": "does not fit",
            "damaged": False,
            "frames": 1,
        },
        {
            "motion": "train/1",
            "frame_number": 12,
            "file": "train/1/12.png",
            "reason": "train/1/12.png: truncated",
            "damaged": True,
            "frames": 1,
        },
        report(tmp_path, "train")[2],
    ]
    assert [SkippedFrame(**line) for line in report(tmp_path, "train")] == store.skipped
    assert not skipped_path(tmp_path, "validation").exists()


def test_frames_that_a_rule_excludes_never_stop_the_job(tmp_path: Path) -> None:
    prepared = run(SOUND, tmp_path)
    assert prepared.splits[0].skipped == 1
    assert prepared.fingerprint == FrameStore(tmp_path / "train.h5").fingerprint


def test_the_data_sets_fingerprint_depends_on_the_damaged_frames(tmp_path: Path) -> None:
    two = (("train/0", 13), ("test/0", 10))
    fingerprints = {
        name: run(
            FakeFiles(pieces=(("train", 1), ("test", 1)), damaged=damaged), tmp_path / name, skip_damaged=True
        ).fingerprint
        for name, damaged in {"whole": (), "first": two, "again": two, "other": two[:1]}.items()
    }
    assert fingerprints["first"] == fingerprints["again"]
    assert len(set(fingerprints.values())) == 3
    for name in ("whole", "first"):
        assert FrameDataModule(tmp_path / name, 4).fingerprint == fingerprints[name]


def test_stores_with_gaps_are_used_and_after_repair_replaced_with_overwrite(tmp_path: Path) -> None:
    first = run(DAMAGED, tmp_path, skip_damaged=True).fingerprint
    assert run(SOUND, tmp_path).fingerprint == first  # the stores are there, so nothing is read and nothing stops
    repaired = run(SOUND, tmp_path, overwrite=True)
    assert [split.read for split in repaired.splits] == [20 - 1, 0, 5]  # validation had nothing to repair
    assert [split.skipped for split in repaired.splits] == [1, 0, 0]
    assert not skipped_path(tmp_path, "test").exists()
    assert repaired.fingerprint == run(SOUND, tmp_path / "fresh").fingerprint


def test_overwrite_deletes_no_store_if_any_split_lacks_motions(tmp_path: Path) -> None:
    run(SOUND, tmp_path)
    stores = {path.name: path.read_bytes() for path in tmp_path.glob("*.h5")}
    with pytest.raises(EgotapError, match=r"test: 1 motions of the list are not on disk"):
        run(replace(SOUND, seed=1, absent=("test/7",)), tmp_path, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.h5")} == stores


def test_a_part_with_gaps_is_not_used_unless_damage_is_skipped(tmp_path: Path) -> None:
    for number in (1, 2):
        run(DAMAGED, tmp_path, skip_damaged=True, shard=Shard(number, 2))
    with pytest.raises(EgotapError, match="truncated"):
        run(DAMAGED, tmp_path)
    run(SOUND, tmp_path)
    assert FrameStore(tmp_path / "train.h5").header.skipped == 1


def test_a_piece_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    source = FakeFiles(broken="motion 1")
    with pytest.raises(EgotapError, match=r"train, motion 1: train/1/all.json: not JSON"):
        run(source, tmp_path)
    prepared = run(source, tmp_path, skip_damaged=True)
    assert [(split.frames, split.skipped) for split in prepared.splits] == [(15, 5), (5, 5), (5, 0)]
    assert [line["frames"] for line in report(tmp_path, "train")] == [5]


def test_a_split_without_readable_frames_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"'test' has no frames.*test/0/all.json: not JSON"):
        run(FakeFiles(broken="motion 0"), tmp_path, skip_damaged=True)


def test_missing_motions(tmp_path: Path) -> None:
    source = FakeFiles(absent=("train/7", "train/9"), log=tmp_path / "log")
    with pytest.raises(EgotapError, match=r"train: 2 motions of the list are not on disk, the first is train/7"):
        run(source, tmp_path / "data")
    assert not (tmp_path / "log").exists()  # refused before any work
    prepared = run(source, tmp_path / "data", skip_damaged=True)
    assert [split.missing for split in prepared.splits] == [2, 0, 0]
    assert [line["motion"] for line in report(tmp_path / "data", "train")] == ["train/7", "train/9"]
    assert FrameStore(tmp_path / "data" / "train.h5").header.skipped == 0


def test_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = replace(DAMAGED, absent=("train/7",), broken="motion 2")
    checked = check(source, 1, Console(file=io.StringIO()))
    train, validation, test = checked.splits
    assert train.missing == ["train/7"]
    assert (train.readable, train.damaged, train.excluded) == (12, 7, 1)
    assert sum(train.frames.values()) == 12
    assert list(train.frames) == ["walking", "sitting", "boxing"]  # in the source's order
    assert [(frame.motion, frame.frames) for frame in train.skipped] == [
        ("train/0", 1),
        ("train/1", 1),
        ("motion 2", 5),
        ("train/3", 1),
    ]
    assert (validation.readable, validation.damaged, test.readable, test.damaged) == (10, 0, 4, 1)
    assert not checked.is_clean
    checked.write(tmp_path / "check.json")
    content = json.loads((tmp_path / "check.json").read_text())
    assert content["train"]["missing_motions"] == ["train/7"]
    assert content["train"]["damaged"] == 7
    assert content["train"]["left_out"] == 1
    assert content["test"]["skipped"][0]["file"] == "test/0/11.png"
    # Several workers may finish pieces in any order.
    monkeypatch.setattr(Workers, "map_unordered", lambda workers, tasks: map(workers.work, reversed(tasks)))
    assert check(source, 0, Console(file=io.StringIO())) == checked


def test_check_of_sound_data() -> None:
    assert check(SOUND, 0, Console(file=io.StringIO())).is_clean
    half = check(SOUND, 0, Console(file=io.StringIO()), Shard(2, 2))
    assert [split.readable for split in half.splits] == [10, 5, 0]
