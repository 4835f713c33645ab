"""Reading processes that do not fit into a small /dev/shm are left out, before one of them is killed there."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from egotap_pl.data import shared_memory
from egotap_pl.data.shared_memory import affordable_workers

Usage = namedtuple("Usage", "total used free")
MB = 2**20


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 64 MB that a container has by default."""
    monkeypatch.setattr(shared_memory, "SHARED", tmp_path)
    monkeypatch.setattr(shared_memory, "_announced", set())
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(64 * MB, 0, 64 * MB))


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize(
    ("workers", "batch_mb", "readers", "affordable"),
    [(4, 5, 1, 4), (4, 6, 1, 3), (4, 30, 1, 0), (4, 5, 2, 2), (0, 30, 1, 0), (3, 0, 1, 3)],
)
def test_three_batches_of_each_process_fit(
    workers: int, batch_mb: int, readers: int, affordable: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert affordable_workers(workers, batch_mb * MB, readers) == affordable
    assert affordable * readers * 3 * batch_mb <= 64
    told = capsys.readouterr().err
    assert told.count("--shm-size=") == (affordable < workers)


def test_systems_without_dev_shm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "SHARED", tmp_path / "none")
    assert affordable_workers(4, 2**40) == 4
