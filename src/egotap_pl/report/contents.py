"""What a report is made of: tables, illustrations, and a scene to look at in three dimensions."""

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


@dataclass(frozen=True)
class Cell:
    """A table's entry.

    Args:
        text: what is read, e.g. ``54.5 ± 0.3``.
        value: what it is sorted by; None: by its text.
        best: whether it is the best of its column.
        low: lower end of the value's interval; None: it has none.
        high: its upper end; likewise.
    """

    text: str
    value: int | float | None = None
    best: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        name: stem of its files' names.
        title: one line.
        caption: what its numbers are, and under which conditions they hold.
        columns: their names; the first column names the rows.
        rows: as long as ``columns``.
        notes: what is missing from it, or limits it.
        facts: what it was made of, name and value: commands, devices, seeds, commits.
    """

    name: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: every row needs {len(self.columns)} cells")


@dataclass(frozen=True, eq=False)
class Illustration:
    """A figure with its words.

    Args:
        name: stem of its file's name.
        title: one line.
        caption: what is seen, with the numbers that belong to it.
        alt: what it shows, for who does not see it.
        figure: the picture.
    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure


@dataclass(frozen=True, eq=False)
class ViewerScene:
    """Frames of test motions, in order, with the truth and what several methods made of them.

    Args:
        skeleton: whose estimated joints the poses are.
        motion: name per frame; frames of one motion stand together, in their order.
        category: name per frame.
        frame_number: within the motion.
        images: both views, or None where the frame store is not at hand.
        heatmaps: both views' heatmaps as pictures, or None.
        visibility: a `egotap_pl.core.batch.Visibility` per view and joint.
        truth_cm: in the left camera's axes.
        estimates_cm: likewise, by method.
        note: which runs and frames these are.
    """

    skeleton: Skeleton
    motion: Sequence[str]
    category: Sequence[str]
    frame_number: Sequence[int]
    images: UInt8[np.ndarray, "n v 3 h w"] | None
    heatmaps: UInt8[np.ndarray, "n v 3 h2 w2"] | None
    visibility: UInt8[np.ndarray, "n v j"]
    truth_cm: Float[np.ndarray, "n j 3"]
    estimates_cm: Mapping[str, Float[np.ndarray, "n j 3"]]
    note: str = ""

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
        stem = re.sub(r"[^\w.=+-]+", "-", name).strip(".-")[:_LONGEST_NAME] or "unnamed"
        candidates = (stem if number == 1 else f"{stem}_{number}" for number in itertools.count(1))
        free = next(candidate for candidate in candidates if candidate.casefold() not in self._taken)
        self._taken.add(free.casefold())
        return free


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a report shows.

    Args:
        title: one line.
        facts: what it was made of, name and value: runs, data, devices, commits.
        missing: what was looked for and is not there.
        tables: in their order.
        illustrations: in their order.
        scene: or None.
    """

    title: str
    facts: Mapping[str, str]
    missing: Sequence[str]
    tables: Sequence[Table] = field(default_factory=tuple)
    illustrations: Sequence[Illustration] = field(default_factory=tuple)
    scene: ViewerScene | None = None
