"""Shards: several jobs divide the pieces, and what is joined is what one job makes."""

from __future__ import annotations

import io
import multiprocessing
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fake_source import FakeFiles, FakeSource
from rich.console import Console
from test_prepare import content, run

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.prepare import prepare, skipped_path
from egotap_pl.data.preparation.shard import Shard

SOURCE = FakeFiles(pieces=(("train", 7), ("validation", 2), ("test", 1)), damaged=(("train/4", 11), ("train/0", 10)))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_shards_divide_everything(count: int) -> None:
    pieces = list(range(7))
    shares = [Shard(number, count).of(pieces) for number in range(1, count + 1)]
    assert sorted(piece for share in shares for piece in share) == pieces
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "a/b", "1/4/2", "1.0/4"])
def test_no_such_shard(text: str) -> None:
    with pytest.raises(EgotapError, match="shard="):
        Shard.parse(text)


def test_sharded_equals_unsharded(tmp_path: Path) -> None:
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


def test_shards_of_machines_that_share_no_disk(tmp_path: Path) -> None:
    for number in (1, 2):
        run(FakeSource(), tmp_path / str(number), shard=Shard(number, 2))
    shutil.copytree(tmp_path / "2" / "parts", tmp_path / "1" / "parts", dirs_exist_ok=True)
    run(FakeSource(fails_at="motion 0"), tmp_path / "1")  # would tell if it were read again
    run(FakeSource(), tmp_path / "whole")
    assert content(tmp_path / "1") == content(tmp_path / "whole")


def test_joining_makes_what_is_missing(tmp_path: Path) -> None:
    run(FakeSource(), tmp_path / "data", shard=Shard(2, 2))
    report = run(FakeSource(), tmp_path / "data")
    assert [split.read for split in report.splits] == [10, 5, 5]
    run(FakeSource(), tmp_path / "whole")
    assert content(tmp_path / "data") == content(tmp_path / "whole")


def job(source: FakeSource, folder: Path, shard: Shard) -> None:
    prepare(source, folder, workers=0, console=Console(file=io.StringIO()), shard=shard)


def test_shards_at_once_and_the_joiner_waits(tmp_path: Path) -> None:
    source = FakeSource(log=tmp_path / "log", seconds=0.2, pieces=(("train", 8),))
    context = multiprocessing.get_context("spawn")
    shards = (Shard(1, 2), Shard(2, 2), Shard(1, 2))  # one of them twice: it waits
    jobs = [context.Process(target=job, args=(source, tmp_path / "data", shard)) for shard in shards]
    for process in jobs:
        process.start()
    for process in jobs:
        process.join(60)
        assert process.exitcode == 0
    run(source, tmp_path / "data")
    assert set(Counter((tmp_path / "log").read_text().splitlines()).values()) == {1}
    run(replace(source, seconds=0.0, log=None), tmp_path / "whole")
    assert content(tmp_path / "data") == content(tmp_path / "whole")
