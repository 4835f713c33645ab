"""The paper's numbers, as they stand in experiments/table*/paper.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import egotap_pl
from egotap_pl.core.errors import EgotapError

DATASETS = {"unrealego": "UnrealEgo", "egocap": "EgoCap"}


@dataclass(frozen=True)
class PaperRow:
    """A row of a table.

    Args:
        preset: what trains it.
        label: what the paper calls it.
        values: the paper's numbers by data set and by name in metrics.json; what the paper does not have is left out.
    """

    preset: str
    label: str
    values: Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class PaperTable:
    """A table.

    Args:
        name: e.g. ``table2``.
        columns: data sets and names in metrics.json that the paper has numbers of.
        rows: in the paper's order.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[PaperRow, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names in metrics.json."""
        return tuple(dict.fromkeys(metric for _, metric in self.columns))

    @property
    def presets(self) -> tuple[str, ...]:
        """Of its rows."""
        return tuple(row.preset for row in self.rows)


def read_paper_table(path: Path) -> PaperTable:
    """Read a paper.csv; its folder's name is the table's.

    Raises:
        EgotapError: if it is not there or not one.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        names = [name for name in lines[0] if name not in ("preset", "row")]
        columns = {name: (name.partition("_")[0], name.partition("_")[2]) for name in names}
        rows = tuple(
            PaperRow(line["preset"], line["row"], {columns[k]: float(line[k]) for k in names if line[k]})
            for line in lines
        )
    except (OSError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EgotapError(f"{path} cannot be read as numbers of the paper: {error}") from error
    return PaperTable(path.parent.name, tuple(columns.values()), rows)


def experiments_dir() -> Path:
    """The folders of the paper's tables: inside an installed package, or at the top of a checkout.

    Raises:
        EgotapError: if there is neither.
    """
    package = Path(egotap_pl.__file__).parent
    for folder in (package / "experiments", package.parents[1] / "experiments"):
        if (folder / "table1" / "paper.csv").is_file():
            return folder
    raise EgotapError(f"no experiments/ in {package} or {package.parents[1]}: install egotap-pl again")
