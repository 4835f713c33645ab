"""Room for the batches that reading processes hand over in shared memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from egotap_pl.core.messages import say

SHARED = Path("/dev/shm")
"""Where Linux keeps shared memory. Containers often have 64 MB of it."""
WAITING = 3
"""Batches of a reading process that are in shared memory at once: two ahead (torch's default), one in use."""
_announced: set[str] = set()


def affordable_workers(workers: int, batch_bytes: int, readers: int = 1) -> int:
    """The number of reading processes whose batches fit into shared memory. If it is smaller, a line says so.

    A reading process that finds no room is killed by the system (bus error), and the training with it.

    Args:
        workers: the number that is wanted, of each reader.
        batch_bytes: size of a batch.
        readers: number of processes on this machine that have reading processes.
    """
    if workers == 0 or not SHARED.is_dir():
        return workers
    free = shutil.disk_usage(SHARED).free
    affordable = min(workers, free // max(WAITING * batch_bytes * readers, 1))
    if affordable < workers:
        needed = WAITING * batch_bytes * readers * workers
        line = (
            f"{SHARED} has {free / 2**20:.0f} MB free, but {workers * readers} reading processes need "
            f"{needed / 2**20:.0f} MB for their batches: using {affordable * readers}. In a container, give it more: "
            f"docker run --shm-size={max(2 * needed // 2**30, 1)}g"
        )
        if line not in _announced:
            _announced.add(line)
            say(line)
    return affordable
