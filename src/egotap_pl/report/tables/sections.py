"""Which tables a report has for each condition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from egotap_pl.analysis.variants import Ablation, Condition, ablations
from egotap_pl.report.contents import Table
from egotap_pl.report.names import place
from egotap_pl.report.paper import PaperTable
from egotap_pl.report.propagation_presets import PRESETS
from egotap_pl.report.tables.ablation import ablation_tables, words_of_data
from egotap_pl.report.tables.breakdown import breakdown_tables
from egotap_pl.report.tables.differences import Read, differences_of_others, differences_table
from egotap_pl.report.tables.factorial import factorial_tables
from egotap_pl.report.tables.measures import measures_tables
from egotap_pl.report.tables.overview import variants_table
from egotap_pl.report.tables.results import ABSENT, results_table


class Section(NamedTuple):
    """Tables that belong together."""

    title: str
    """What they have in common."""

    main: list[Table]
    """Tables that answer a question."""

    details: list[Table]
    """Tables to look things up in."""

    @property
    def missing(self) -> list[str]:
        """What its tables lack, a line each."""
        return [f"{table.title}: {note.removeprefix(ABSENT)}" for table in self.main for note in table.notes]


def section(condition: Condition, papers: Sequence[PaperTable], read: Read) -> Section:
    """The tables of a condition. Variants that are in none of them are in the table of all variants.

    A preset may have the same configuration as a row of another table. `Condition.has_table` says whether that table is
    wanted.

    Args:
        condition: variants under one condition.
        papers: the paper's tables.
        read: gives a run's errors.
    """
    main, details = [], []
    in_tables: set[str] = set()
    for paper in papers:
        if condition.has_table(paper.presets):
            in_tables.update(paper.presets)
            main.append(results_table(paper, condition))
            differences = differences_table(paper, condition, read)
            main += [differences] if differences else []
            details += breakdown_tables(paper, condition)
    if condition.has_table(PRESETS):
        in_tables.update(PRESETS)
        main += factorial_tables(condition, read)
    rows = [condition.by_preset[preset] for preset in in_tables if preset in condition.by_preset]
    others = [v for v in condition.variants if v not in rows and (v.changes or v.known_as not in condition.ablated)]
    if others:
        main.append(variants_table(condition))
        main += differences_of_others(condition, others, sorted(dict.fromkeys(rows), key=place), read)
    elif in_tables:
        details.append(variants_table(condition))
    measures = measures_tables(condition)
    shown = measures[:1] if main else []  # variants that are only in tables of ablations have no section of their own
    return Section(condition.title, [*main, *shown], [*details, *measures[len(shown) :]])


def ablation_sections(conditions: Sequence[Condition], read: Read) -> list[Section]:
    """The tables of presets that were run under several conditions, one section for each data set and scale.

    Args:
        conditions: all conditions.
        read: gives a run's errors.
    """
    members: dict[tuple[str, str, str], list[Ablation]] = defaultdict(list)
    for ablation in ablations(conditions):
        first, _ = ablation.members[0]
        members[first.dataset, first.fingerprint, first.scale].append(ablation)
    return [
        Section(f"Ablations, {words_of_data(same_data)}", ablation_tables(same_data, read), [])
        for same_data in members.values()
    ]
