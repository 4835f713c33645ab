"""Which tables a condition has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from egotap_pl.analysis.variants import Ablation, Condition, ablations
from egotap_pl.report.contents import Table
from egotap_pl.report.names import place
from egotap_pl.report.paper import PaperTable
from egotap_pl.report.propagation_presets import PRESETS
from egotap_pl.report.tables.ablation import ablation_tables
from egotap_pl.report.tables.breakdown import breakdown_tables
from egotap_pl.report.tables.differences import Read, differences_table, others_against_rows
from egotap_pl.report.tables.factorial import factorial_tables
from egotap_pl.report.tables.overview import variants_table
from egotap_pl.report.tables.results import results_table


class Section(NamedTuple):
    """Tables that belong together.

    Fields:
        title: what they have in common.
        main: tables that answer a question.
        details: tables to look things up in.
    """

    title: str
    main: list[Table]
    details: list[Table]

    @property
    def missing(self) -> list[str]:
        """What its tables lack."""
        return [f"{table.title}: {note}" for table in self.main for note in table.notes]


def section(condition: Condition, papers: Sequence[PaperTable], read: Read) -> Section:
    """The tables of a condition (`Condition.has_table`); what is in none of them stands in the table of all variants.

    A preset may have the configuration of another table's, so that a few rows of that table are there without anybody
    having wished for it.
    """
    main, details = [], []
    shown: set[str] = set()
    for paper in papers:
        if condition.has_table(paper.presets):
            shown.update(paper.presets)
            main.append(results_table(paper, condition))
            differences = differences_table(paper, condition, read)
            main += [differences] if differences else []
            details += breakdown_tables(paper, condition)
    if condition.has_table(PRESETS):
        shown.update(PRESETS)
        main += factorial_tables(condition, read)
    rows = [condition.by_preset[preset] for preset in shown if preset in condition.by_preset]
    others = [v for v in condition.variants if v not in rows and (v.changes or v.known_as not in condition.ablated)]
    if others:
        main.append(variants_table(condition))
        main += others_against_rows(condition, others, sorted(dict.fromkeys(rows), key=place), read)
    elif shown:
        details.append(variants_table(condition))
    return Section(condition.title, main, details)


def ablation_sections(conditions: Sequence[Condition], read: Read) -> list[Section]:
    """The tables of presets that were run under several conditions, one section for each data set and scale."""
    found: dict[tuple[str, str, str], list[Ablation]] = defaultdict(list)
    for ablation in ablations(conditions):
        first, _ = ablation.members[0]
        found[first.dataset, first.fingerprint, first.scale].append(ablation)
    return [
        Section(f"Ablations, {dataset}, scale={scale}", ablation_tables(members, read), [])
        for (dataset, _, scale), members in found.items()
    ]
