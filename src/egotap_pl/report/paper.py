"""The paper's tables, read from experiments/table*/paper.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import egotap_pl
from egotap_pl.core.errors import EgotapError

DATASETS = {"unrealego": "UnrealEgo", "egocap": "EgoCap"}


@dataclass(frozen=True)
class PaperRow:
    """A row of one of the paper's tables."""

    preset: str
    """The preset that trains it."""

    label: str
    """Its name in the paper."""

    name: str
    """Its name in figures, as short as the table allows; empty where figures do not show it."""

    values: Mapping[tuple[str, str], float]
    """The paper's numbers by data set and by name in metrics.json. Those that the paper lacks are missing."""


@dataclass(frozen=True)
class PaperTable:
    """One of the paper's tables."""

    name: str
    """Name of its folder, e.g. ``table2``."""

    columns: tuple[tuple[str, str], ...]
    """Data sets, and names in metrics.json, of the paper's numbers."""

    rows: tuple[PaperRow, ...]
    """In the paper's order."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names in metrics.json of the numbers that it has."""
        return tuple(dict.fromkeys(metric for _, metric in self.columns))

    @property
    def presets(self) -> tuple[str, ...]:
        """The presets of its rows."""
        return tuple(row.preset for row in self.rows)


@cache
def paper_tables() -> tuple[PaperTable, ...]:
    """The paper's tables, in the paper's order.

    Raises:
        EgotapError: if their files are missing or damaged.
    """
    return tuple(read_paper_table(path) for path in sorted(experiments_dir().glob("table*/paper.csv")))


def read_paper_table(path: Path) -> PaperTable:
    """Read a paper.csv, whose folder has the table's name.

    Raises:
        EgotapError: if the file is missing, or is not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        numbers = [column for column in lines[0] if column not in ("preset", "row", "name")]
        columns = {column: (column.partition("_")[0], column.partition("_")[2]) for column in numbers}
        rows = tuple(
            PaperRow(
                line["preset"], line["row"], line["name"], {columns[k]: float(line[k]) for k in numbers if line[k]}
            )
            for line in lines
        )
    except (OSError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EgotapError(f"{path} is not a table of the paper's numbers: {error}") from error
    return PaperTable(path.parent.name, tuple(columns.values()), rows)


def experiments_dir() -> Path:
    """The folder with a folder for each of the paper's tables, in an installed package or at the top of a checkout.

    Raises:
        EgotapError: if it is in neither.
    """
    package = Path(egotap_pl.__file__).parent
    for folder in (package / "experiments", package.parents[1] / "experiments"):
        if (folder / "table1" / "paper.csv").is_file():
            return folder
    raise EgotapError(f"no experiments/ in {package} or {package.parents[1]}: install egotap-pl again")
