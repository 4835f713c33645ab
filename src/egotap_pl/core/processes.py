"""Processes that this one starts on its machine."""

from __future__ import annotations

import multiprocessing
import os
import threading

START_METHOD = "spawn"
"""How Python starts the processes. A fork would inherit the locks of torch's threads, and CUDA forbids it."""


def end_with_parent() -> None:
    """End this process when its parent has ended, even by a kill: the same command must be able to run again."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def wait() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()
