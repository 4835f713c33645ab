"""Ctrl-C, wherever it arrives."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_SECONDS = 0.05


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """An interrupt that Python drops is sent again, until it arrives where it ends the work.

    Python prints and forgets exceptions in callbacks of weak references and in finalisers. A training runs so many of
    these that now and then a Ctrl-C ended there, and the training went on.
    """
    before = sys.unraisablehook

    def hook(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(AGAIN_SECONDS, _thread.interrupt_main).start()
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
