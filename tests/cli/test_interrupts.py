"""Ctrl-C while Python would drop the exception."""

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
    """An object with weak references."""


class Ends(Thing):
    """An object whose finaliser is interrupted."""

    def __del__(self) -> None:
        interrupted()


def interrupted(_: object = None) -> None:
    raise KeyboardInterrupt


def referred() -> tuple[Thing, object]:
    thing = Thing()
    return thing, weakref.ref(thing, interrupted)


@pytest.mark.parametrize("make", [referred, lambda: (Ends(), None)], ids=["weak reference", "finaliser"])
def test_a_dropped_interrupt_is_sent_again(make: Callable[[], tuple[Thing, object]]) -> None:
    def work() -> None:
        thing, reference = make()
        del thing
        for _ in range(1000):
            time.sleep(0.01)
        del reference

    with pytest.raises(KeyboardInterrupt), resend_interrupts():
        work()


def test_other_exceptions_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    types: list[type[BaseException] | None] = []

    def fail(_: object) -> None:
        raise ValueError

    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: types.append(unraisable.exc_type))
    hook = sys.unraisablehook
    with resend_interrupts():
        thing = Thing()
        reference = weakref.ref(thing, fail)
        del thing
    assert reference() is None
    assert types == [ValueError]
    assert sys.unraisablehook is hook
