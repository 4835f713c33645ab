"""The content of a report: tables, illustrations, and test motions for the 3D viewer."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from egotap_pl.core.skeleton import Skeleton

_LONGEST_NAME = 120
"""Of a file, in bytes of UTF-8: most disks allow 255, and an ending or a number may follow."""


@dataclass(frozen=True)
class Cell:
    """An entry of a table."""

    text: str
    """What is read, e.g. ``54.5 ± 0.3``."""

    value: int | float | None = None
    """What it is sorted by; None: its text."""

    best: bool = False
    """Whether it is the best of its column."""

    low: float | None = None
    """Lower end of the value's interval; None without an interval."""

    high: float | None = None
    """Upper end of the same interval."""


@dataclass(frozen=True)
class Table:
    """A table with its words.

    Raises:
        ValueError: if a row does not have a cell for each column.
    """

    name: str
    """Name of its files, without the ending."""

    title: str
    """One line."""

    caption: str
    """What its numbers are, and under which conditions they hold."""

    columns: tuple[str, ...]
    """Names of the columns; the first column names the rows."""

    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    """What is missing from it, or limits it."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """What it was made of, by name: commands, devices, seeds, commits."""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: every row needs {len(self.columns)} cells")


@dataclass(frozen=True, eq=False)
class Illustration:
    """A figure with its words."""

    name: str
    """Name of its files, without the ending."""

    title: str
    """One line."""

    caption: str
    """What it shows, with the numbers that belong to it."""

    alt: str
    """What it shows, for readers who do not see it."""

    figure: Figure


@dataclass(frozen=True, eq=False)
class ViewerScene:
    """Frames of test motions, in order, with the true poses and those that several methods estimate."""

    skeleton: Skeleton
    """The skeleton of the poses."""

    motion: Sequence[str]
    """Name of each frame's motion; the frames of a motion stand together, in their order."""

    category: Sequence[str]
    """Category of each frame's motion."""

    frame_number: Sequence[int]
    """Number of each frame within its motion."""

    images: UInt8[np.ndarray, "n v 3 h w"] | None
    """RGB images of both views; None without a frame store."""

    heatmaps: UInt8[np.ndarray, "n v 3 h2 w2"] | None
    """Heatmaps of both views as RGB images, or None."""

    visibility: UInt8[np.ndarray, "n v j"]
    """A `egotap_pl.core.batch.Visibility` for each frame, view and estimated joint."""

    truth_cm: Float[np.ndarray, "n j 3"]
    """True poses: estimated joints, in the left camera's axes."""

    estimates_cm: Mapping[str, Float[np.ndarray, "n j 3"]]
    """Poses of each method by the method's name."""

    note: str = ""
    """Which runs and frames these are."""

    title: str = "Test motions in 3D"
    """Title of the viewer."""

    reference: str = "truth"
    """What ``truth_cm`` is called: an estimate, where nothing is known to be true and no method is compared with it."""

    def __len__(self) -> int:
        return len(self.motion)


Named = TypeVar("Named", Table, Illustration)


class FileNames:
    """Gives tables or illustrations names that files can have, each only once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def rename(self, items: Sequence[Named]) -> list[Named]:
        """The items, renamed where a name is taken or cannot be that of a file."""
        return [replace(item, name=self._free(item.name)) for item in items]

    def _free(self, name: str) -> str:
        safe = re.sub(r"[^\w.=+-]+", "-", name).strip(".-").encode()
        stem = safe[:_LONGEST_NAME].decode(errors="ignore") or "unnamed"
        candidates = (stem if number == 1 else f"{stem}_{number}" for number in itertools.count(1))
        free = next(candidate for candidate in candidates if candidate.casefold() not in self._taken)
        self._taken.add(free.casefold())
        return free


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a report shows."""

    title: str
    """One line."""

    facts: Mapping[str, str]
    """What it was made of, by name: runs, data, devices, commits."""

    missing: Sequence[str]
    """What it lacks, a line each."""

    tables: Sequence[Table] = field(default_factory=tuple)
    """In the order of the page."""

    illustrations: Sequence[Illustration] = field(default_factory=tuple)
    """In the order of the page."""

    scene: ViewerScene | None = None
    """What the 3D viewer shows; None: there is no viewer."""

    made_by: str = "egotap report"
    """The command."""
