"""Which tables a condition has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from egotap_pl.analysis.contents import Table
from egotap_pl.analysis.paper import PaperTable
from egotap_pl.analysis.tables.breakdown import breakdown_tables
from egotap_pl.analysis.tables.differences import Read, differences_table
from egotap_pl.analysis.tables.factorial import PRESETS, factorial_tables
from egotap_pl.analysis.tables.overview import variants_table
from egotap_pl.analysis.tables.results import results_table
from egotap_pl.analysis.variants import Condition


class Section(NamedTuple):
    """The tables of a condition.

    Fields:
        condition: the condition.
        main: tables that answer a question.
        details: tables to look things up in.
    """

    condition: Condition
    main: list[Table]
    details: list[Table]

    @property
    def missing(self) -> list[str]:
        """What its tables lack."""
        return [f"{table.title}: {note}" for table in self.main for note in table.notes]


def section(condition: Condition, papers: Sequence[PaperTable], read: Read) -> Section:
    """The tables of a condition: those of whose presets something was run under their names, or all is there.

    A preset may have the configuration of another table's, so that a few rows of that table are there without anybody
    having wished for it; these rows stand in the table of all variants.
    """
    main, details = [], []
    shown: set[str] = set()
    for paper in papers:
        if _is_wished(condition, paper.presets):
            shown.update(paper.presets)
            main.append(results_table(paper, condition))
            differences = differences_table(paper, condition, read)
            main += [differences] if differences else []
            details += breakdown_tables(paper, condition)
    if _is_wished(condition, PRESETS):
        shown.update(PRESETS)
        main += factorial_tables(condition, read)
    others = [variant for variant in condition.variants if not shown.intersection(variant.presets)]
    (details if shown and not others else main).append(variants_table(condition))
    return Section(condition, main, details)


def _is_wished(condition: Condition, presets: Sequence[str]) -> bool:
    started = {name for variant in condition.variants for name in variant.started_as if name in variant.presets}
    return bool(started.intersection(presets)) or all(preset in condition.by_preset for preset in presets)
