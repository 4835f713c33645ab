"""Shards: several jobs share the pieces, and the joined stores equal those of a single job."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fake_source import FakeFiles, FakeSource
from preparing import content, run, wait_for
from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.reports import skipped_path
from egotap_pl.data.preparation.shard import Shard

SOURCE = FakeFiles(pieces=(("train", 7), ("validation", 2), ("test", 1)), damaged=(("train/4", 11), ("train/0", 10)))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_shards_cover_every_piece_once(count: int) -> None:
    pieces = list(range(7))
    shares = [Shard(number, count).of(pieces) for number in range(1, count + 1)]
    assert sorted(piece for share in shares for piece in share) == pieces
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/4/2", "1.0/4"])
def test_bad_shards_are_refused(text: str) -> None:
    with pytest.raises(EgotapError, match="shard="):
        Shard.parse(text)


def test_joined_shards_equal_a_single_job(tmp_path: Path) -> None:
    run(SOURCE, tmp_path / "whole", skip_damaged=True)
    source = replace(SOURCE, log=tmp_path / "log")
    for number in (3, 1, 2):
        report = run(source, tmp_path / "data", skip_damaged=True, shard=Shard(number, 3))
        assert not list((tmp_path / "data").glob("*.h5"))
        assert report.splits[0].frames + report.splits[0].skipped == 5 * len(Shard(number, 3).of(range(7)))
    before = (tmp_path / "log").read_text()
    assert set(Counter(before.splitlines()).values()) == {1}
    run(source, tmp_path / "data", skip_damaged=True)
    assert (tmp_path / "log").read_text() == before  # joining reads nothing of the source
    assert content(tmp_path / "data") == content(tmp_path / "whole")
    assert len(content(tmp_path / "data")) > 30
    assert (
        skipped_path(tmp_path / "data", "train").read_bytes() == skipped_path(tmp_path / "whole", "train").read_bytes()
    )
    assert not (tmp_path / "data" / "parts").exists()


def test_shards_of_machines_that_share_no_disk(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    for number in (1, 2):
        run(FakeSource(), tmp_path / str(number), shard=Shard(number, 2))
    shutil.copytree(tmp_path / "2" / "parts", tmp_path / "1" / "parts", dirs_exist_ok=True)
    run(FakeSource(fails_at="motion 0"), tmp_path / "1")  # would fail if a piece were read again
    assert content(tmp_path / "1") == uninterrupted


def test_joining_makes_what_is_missing(tmp_path: Path, uninterrupted: dict[str, object]) -> None:
    run(FakeSource(), tmp_path, shard=Shard(2, 2))
    report = run(FakeSource(), tmp_path)
    assert [split.read for split in report.splits] == [10, 5, 5]
    assert content(tmp_path) == uninterrupted


def test_shards_work_at_once_and_the_joining_job_waits(tmp_path: Path) -> None:
    """Jobs are threads here: the locks are the same as between processes, and starting a process takes seconds."""
    source = FakeSource(log=tmp_path / "log", gate=tmp_path / "gate", pieces=(("train", 8),))

    def log() -> list[str]:
        return (tmp_path / "log").read_text().splitlines() if (tmp_path / "log").exists() else []

    with ThreadPoolExecutor(4) as pool:
        shards = [pool.submit(run, source, tmp_path / "data", shard=Shard(number, 2)) for number in (1, 2)]
        wait_for(lambda: sorted(log()) == ["train/motion 0", "train/motion 1"])  # both are at work
        texts = io.StringIO(), io.StringIO()
        again = pool.submit(run, source, tmp_path / "data", shard=Shard(1, 2), console=Console(file=texts[0]))
        joining = pool.submit(run, source, tmp_path / "data", console=Console(file=texts[1]))
        wait_for(lambda: all("another job is preparing" in text.getvalue() for text in texts))
        (tmp_path / "gate").touch()
        reports = [job.result(60) for job in (*shards, again, joining)]
    assert [report.splits[0].read for report in reports] == [20, 20, 0, 0]
    assert set(Counter(log()).values()) == {1}
    run(replace(source, log=None), tmp_path / "whole")
    assert content(tmp_path / "data") == content(tmp_path / "whole")
