"""One job at a time; a job that waits says so."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from egotap_pl.core import locks
from egotap_pl.core.locks import held


def test_a_second_job_waits_and_says_so(tmp_path):
    path, order = tmp_path / "lock", []
    entered, waits = threading.Event(), threading.Event()

    def second() -> None:
        entered.wait(10)
        with held(path, lambda who: waits.set()):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with held(path, lambda who: pytest.fail("nobody else holds it")):
        entered.set()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(KeyError), held(tmp_path / "lock", lambda who: None):
        raise KeyError
    with held(tmp_path / "lock", lambda who: pytest.fail("it was not released")):
        pass


def waits_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a job says while it waits for a lock, reminders included, until the lock is free."""
    monkeypatch.setattr(locks, "REMIND_S", 0.1)
    sentences: list[str] = []
    free, inside = threading.Event(), threading.Event()

    def first() -> None:
        with held(path, lambda who: None):
            inside.set()
            free.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)

    def on_wait(who: str) -> None:
        sentences.append(who)
        if len(sentences) == 3:
            free.set()

    with held(path, on_wait):
        pass
    thread.join(10)
    return sentences


def test_whoever_waits_is_told_which_slurm_job_holds_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    start = f"process {os.getpid()} on {socket.gethostname()} (SLURM job 4711) has held {tmp_path / 'lock'} since 20"
    assert all(sentence.startswith(start) for sentence in waits_for(tmp_path / "lock", monkeypatch))


def test_whoever_waits_is_told_again_and_again_who_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = waits_for(tmp_path / "lock", monkeypatch)
    assert len(sentences) >= 3
    start = f"process {os.getpid()} on {socket.gethostname()} has held {tmp_path / 'lock'} since 20"
    assert all(sentence.startswith(start) for sentence in sentences)
    assert not list(tmp_path.glob("*.holder"))


def test_a_holder_on_another_machine(tmp_path: Path) -> None:
    holder = {"host": "node\x1b7", "process": 5, "since": "2026-01-01"}
    (tmp_path / "lock.holder").write_text(json.dumps(holder))
    assert locks._who(tmp_path / "lock") == (
        f"process 5 on node?7 has held {tmp_path / 'lock'} since 2026-01-01; if it has ended, delete that file"
    )
    (tmp_path / "lock.holder").write_text("[" * 5000)
    assert locks._who(tmp_path / "lock") == f"another process holds {tmp_path / 'lock'}"


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()])
def test_a_disk_without_locks(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(locks.FileLock, "acquire", acquire)
    assert len(waits_for(tmp_path / "lock", monkeypatch)) >= 3
    assert not list(tmp_path.iterdir())


def test_other_errors_of_a_disk_are_errors(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"), held(tmp_path, lambda who: None):
        pass
