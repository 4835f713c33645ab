"""What the writers of trees in other data sets' layouts share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.preparation.workers import Workers, usable_cpus
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore

_FRAMES_PER_TASK = 8


def stores_of(folder: Path | str) -> dict[str, FrameStore]:
    """The frame stores in a folder, by their splits.

    Raises:
        EgotapError: if there are none.
    """
    stores = {split: FrameStore(path) for split in SPLITS if (path := store_path(folder, split)).exists()}
    if not stores:
        raise EgotapError(f"{folder} has no frame stores ({', '.join(f'{split}.h5' for split in SPLITS)})")
    return stores


def check_unique(store: FrameStore, motions: Sequence[str]) -> None:
    """Check that no two frames have the same files.

    Args:
        store: the frames.
        motions: folder of each frame's motion.

    Raises:
        EgotapError: if two frames of a motion have the same number.
    """
    frames = Counter(zip(motions, store.labels["frame_number"].tolist(), strict=True))
    (motion, number), count = frames.most_common(1)[0]
    if count > 1:
        raise EgotapError(f"{store.path}: frame {number} of motion {motion} occurs {count} times")


def write_frames(
    split: str,
    store: FrameStore,
    write: Callable[[Sequence[int]], int],
    workers: int | None = None,
    console: Console | None = None,
) -> None:
    """Write all frames of a split in several processes, with a progress bar.

    Args:
        split: name of the split.
        store: its frames.
        write: writes some rows of the store and returns their number; it can be pickled.
        workers: number of processes that write; all processors by default, 0 for this process alone.
        console: where progress is shown; the standard output by default.
    """
    starts = range(0, len(store), _FRAMES_PER_TASK)
    tasks = [range(start, min(start + _FRAMES_PER_TASK, len(store))) for start in starts]
    with (
        Workers(write, usable_cpus() if workers is None else workers) as pool,
        FrameProgress(split, len(store), console) as progress,
    ):
        for count in pool.map_unordered(tasks):
            progress.advance(count)


def safe_name(name: str) -> str:
    """The name with every character replaced that is unsafe in a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".") or "_"


def write_file(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name and renames it, so that a file with its final name is complete.

    Files are not flushed to disk one by one, which would take longer than writing them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path, durable=False) as temporary:
        temporary.write_bytes(content)
