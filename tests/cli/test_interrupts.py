"""Ctrl-C at moments at which Python drops exceptions."""

from __future__ import annotations

import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from egotap_pl.cli.interrupts import resend_interrupts


@pytest.fixture(autouse=True)
def pythons_handler() -> Iterator[None]:
    """Ctrl-C as in a new process, whatever other tests have set."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Thing:
    """Something that can be referred to weakly."""


class Ends(Thing):
    """Something whose end is interrupted."""

    def __del__(self) -> None:
        interrupted()


def interrupted(_: object = None) -> None:
    raise KeyboardInterrupt


def referred() -> tuple[Thing, object]:
    thing = Thing()
    return thing, weakref.ref(thing, interrupted)


@pytest.mark.parametrize("make", [referred, lambda: (Ends(), None)], ids=["weak reference", "finaliser"])
def test_an_interrupt_that_was_dropped_comes_again(make: Callable[[], tuple[Thing, object]]) -> None:
    def work() -> None:
        thing, reference = make()
        del thing
        for _ in range(1000):
            time.sleep(0.01)
        del reference

    with pytest.raises(KeyboardInterrupt), resend_interrupts():
        work()


def test_other_exceptions_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[type[BaseException] | None] = []

    def fail(_: object) -> None:
        raise ValueError

    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_type))
    hook = sys.unraisablehook
    with resend_interrupts():
        thing = Thing()
        reference = weakref.ref(thing, fail)
        del thing
    assert reference() is None
    assert told == [ValueError]
    assert sys.unraisablehook is hook
