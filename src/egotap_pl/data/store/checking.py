"""Checks every frame of prepared data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.store.reader import FrameStore


class StoreCheck(NamedTuple):
    """The state of one store."""

    path: Path
    """The file."""

    frames: int
    """Number of frames; 0 if the file cannot be opened."""

    damaged: tuple[int, ...] = ()
    """Rows of the frames whose images are damaged."""

    fault: str = ""
    """The first thing that is wrong, as a sentence with the path; empty if nothing is."""


def check_stores(place: Path, console: Console) -> Iterator[StoreCheck]:
    """Reads the stores of a folder and compares all their checksums.

    Stores of versions without checksums are read as far as that is possible: every image is decoded, and every label
    must have a value that it can have.

    Args:
        place: a folder of prepared data, or the file of one store.
        console: where progress is shown.

    Raises:
        EgotapError: if there is no store.
        OSError: if the disk fails.
    """
    paths = sorted(place.glob("*.h5")) if place.is_dir() else [place]
    if not paths or not paths[0].exists():
        raise EgotapError(f"store={place}: no frame store there; give the folder of the prepared data")
    for path in paths:
        yield _check(path, console)


def _check(path: Path, console: Console) -> StoreCheck:
    frames, damaged, fault = 0, [], ""
    try:
        store = FrameStore(path)
        frames = len(store)
        with FrameProgress(f"{path.name}, checking", frames, console) as progress:
            for row, error in store.damaged_images(progress.advance):
                damaged.append(row)
                fault = fault or str(error)
    except EgotapError as error:
        fault = str(error)
    return StoreCheck(path, frames, tuple(damaged), fault)
