"""What figures and tables call variants, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache

from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.report.paper import paper_tables
from egotap_pl.report.propagation_presets import CELLS, name_of, preset_of


@cache
def names_by_table() -> Mapping[str, Mapping[str, str]]:
    """The names of presets, table by table in the order of the report: the paper's rows, and those on propagation.

    A name is as short as its table allows.
    """
    names: dict[str, Mapping[str, str]] = {}
    for paper in paper_tables():
        names[paper.name] = {row.preset: row.name for row in paper.rows if row.name}
        if paper.name == "table2":
            units_first = sorted(CELLS, key=lambda levels: levels[0] != "pu")
            names["propagation"] = {preset_of(levels): name_of(levels) for levels in units_first}
    return names


@cache
def _names() -> Mapping[str, str]:
    return {preset: name for names in names_by_table().values() for preset, name in names.items()}


def place(variant: Variant) -> int:
    """A variant's place in the order of the tables and their rows; a user's own variants come last."""
    if variant.changes:
        return len(_names())
    return next((k for k, preset in enumerate(_names()) if preset in variant.presets), len(_names()))


def is_own(variant: Variant) -> bool:
    """Whether a variant is the user's own: it has the configuration of no preset of the tables."""
    return place(variant) == len(_names())


def display_names(condition: Condition) -> Mapping[Variant, str]:
    """What the variants of a condition are called, in the order of the tables.

    Variants that would have one name get what they change after it or, without changes, their preset's whole name. A
    probe may have the name of the lifter that it probes: no table compares the two.
    """
    names = {variant: display_name(variant) for variant in sorted(condition.variants, key=place)}
    times = Counter((name, variant.runs[0].is_lifting) for variant, name in names.items())
    for variant, name in names.items():
        if times[name, variant.runs[0].is_lifting] > 1:
            names[variant] = f"{name}, {_changed(variant)}" if variant.changes else variant.name
    return names


def display_name(variant: Variant) -> str:
    """What a variant is called where no table gives the context.

    A user's own has the name of its preset or, without one, of what it changes: the classes first, e.g.
    ``SumPropagation, depth=2``.
    """
    if not is_own(variant):
        name = list(_names().values())[place(variant)]
        return f"Grid ViT {name}" if name.startswith("+") else name
    own = [name for name in variant.started_as if name != "custom" and name not in _names()]
    if own or not variant.changes:
        return (own[0] if own else variant.name).rpartition("/")[2]
    return _changed(variant)


def _changed(variant: Variant) -> str:
    """What a variant changes, the classes first."""
    words = [
        value.rpartition(".")[2] if key.endswith("_target_") else f"{key.rpartition('.')[2]}={value}"
        for key, value in variant.changes
        if value != f"~{key}"
    ]
    return ", ".join(sorted(words, key=lambda word: "=" in word))
