"""Signals that are noted, and what a second one does."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from egotap_pl.core import stopping
from egotap_pl.core.stopping import Stopped, ended_by_signals, noted_signals


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGTERM, Stopped), (signal.SIGUSR1, Stopped), (signal.SIGINT, KeyboardInterrupt)],
)
def test_the_first_signal_is_noted_and_the_block_ends_with_it(number: int, raised: type[BaseException]) -> None:
    before = signal.getsignal(number)
    noted: list[int] = []

    def work() -> None:
        with noted_signals() as outer:
            send(number)
            send(number)  # at once, as `timeout` does: the same signal
            with noted_signals() as inner:
                assert inner is outer
            noted.append(outer.number)

    with pytest.raises(raised):
        work()
    assert noted == [number]
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_the_block_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "REPEAT_S", 0.0)

    def work() -> None:
        with noted_signals():
            send(signal.SIGTERM)
            send(signal.SIGINT)
            pytest.fail("it went on")

    with pytest.raises(KeyboardInterrupt):
        work()


def test_what_is_ignored_stays_ignored() -> None:
    """As in a command that a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with noted_signals() as stop:
            send(signal.SIGINT)
        assert stop.number == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_elsewhere_they_end_the_work_at_once() -> None:
    def work() -> None:
        with ended_by_signals():
            send(signal.SIGUSR1)
            pytest.fail("it went on")

    with pytest.raises(Stopped, match="SIGUSR1"):
        work()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_threads_leave_signals_alone() -> None:
    numbers = []

    def work() -> None:
        with noted_signals() as stop:
            numbers.append(stop.number)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert numbers == [0]
