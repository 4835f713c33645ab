"""One job at a time; a job that waits says so."""

from __future__ import annotations

import threading

import pytest

from egotap_pl.core.locks import held


def test_a_second_job_waits_and_says_so(tmp_path):
    path, order = tmp_path / "lock", []
    entered, waits = threading.Event(), threading.Event()

    def second() -> None:
        entered.wait(10)
        with held(path, waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with held(path, lambda: pytest.fail("nobody else holds it")):
        entered.set()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_an_error_releases_the_lock(tmp_path):
    with pytest.raises(KeyError), held(tmp_path / "lock", lambda: None):
        raise KeyError
    with held(tmp_path / "lock", lambda: pytest.fail("it was not released")):
        pass
