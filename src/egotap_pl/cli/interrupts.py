"""Makes sure that Ctrl-C, or another signal, ends the program, even where Python drops the exception."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from egotap_pl.core.stopping import Stopped

RETRY_SECONDS = 0.05


@contextmanager
def resend_interrupts() -> Iterator[None]:
    """Send an interrupt again if Python drops it, until it arrives where it ends the work.

    Python prints and then ignores exceptions in callbacks of weak references and in finalisers. A training runs so many
    of these that sometimes a Ctrl-C would arrive in one and the training would continue.
    """
    previous_hook = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, (KeyboardInterrupt, Stopped)):
            number = unraisable.exc_value.number if isinstance(unraisable.exc_value, Stopped) else signal.SIGINT
            threading.Timer(RETRY_SECONDS, _thread.interrupt_main, (number,)).start()
        else:
            previous_hook(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = previous_hook
