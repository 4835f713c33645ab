"""What makes the propagation unit better: its gates, the tree, or aligned rows (presets propagation/*)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from egotap_pl.analysis.variants import Condition, Variant
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.propagation_presets import CELLS, ORDER, ROWS, UNIT, UNIT_NAMES, Levels, preset_of
from egotap_pl.report.tables.cells import MISSING, facts_of_table, mark_lowest
from egotap_pl.report.tables.differences import CAPTION, Line, Read, contrasts_table
from egotap_pl.report.tables.results import metric_cell, missing_rows

SEEDS = (1, 2, 3, 4, 5)
"""The seeds to run where nothing was run yet."""
RELEASED = "as released: PU on the chain against Concat on the tree, rows shifted"
MEANS_CAPTION = (
    "Unit: LSTM RF Concat or the propagation unit. Order: along the skeleton's tree (paper), or from each joint to the "
    "next (release). Rows: each joint's feature gives its own joint (paper), or the head's rows are shifted by one "
    "(release). Mean over seeds, ± half of the 95% interval (Student's t over the seeds)."
)
EFFECTS_CAPTION = (
    "A main effect is the mean difference between a factor's two levels over the levels of the other factors. An "
    "interaction of two factors is the difference of one's effect between the other's levels; of three, the difference "
    "of that between the third's levels."
)


def factorial_tables(condition: Condition, read: Read) -> list[Table]:
    """Means of the eight presets, and main effects and interactions of the three factors.

    Args:
        condition: the condition of the runs.
        read: gives a run's errors.
    """
    variants = {cell: condition.by_preset.get(preset_of(cell)) for cell in CELLS}
    effects = contrasts_table(
        f"propagation_effects_{condition.slug}",
        f"Propagation: effects ({condition.title})",
        f"{EFFECTS_CAPTION} {CAPTION}",
        _lines(variants),
        facts_of_table(condition, [variant for variant in variants.values() if variant]),
        read,
    )
    return [_cells_table(condition, variants), effects]


def _cells_table(condition: Condition, variants: Mapping[Levels, Variant | None]) -> Table:
    columns = []
    for metric in ("mpjpe", "pa_mpjpe"):
        columns.append(mark_lowest([metric_cell(v, metric) if v else MISSING for v in variants.values()]))
    seeds = [Cell(str(len(v.runs)) if v else "0", len(v.runs) if v else 0) for v in variants.values()]
    parameters = [
        Cell(f"{v.runs[0].metrics['parameters']:,}", v.runs[0].metrics["parameters"]) if v else Cell("")
        for v in variants.values()
    ]
    names = [(Cell(UNIT_NAMES[unit]), Cell(order), Cell(rows)) for unit, order, rows in variants]
    present = [variant for variant in variants.values() if variant]
    return Table(
        name=f"propagation_{condition.slug}",
        title=f"Propagation: unit, order and rows ({condition.title})",
        caption=MEANS_CAPTION,
        columns=("unit", "order", "rows", "MPJPE (mm)", "PA-MPJPE (mm)", "seeds", "parameters"),
        rows=tuple(
            (*name, *cells) for name, cells in zip(names, zip(*columns, seeds, parameters, strict=True), strict=True)
        ),
        notes=tuple(
            missing_rows({f"{UNIT_NAMES[u]} {o} {r}": preset_of((u, o, r)) for u, o, r in CELLS}, condition, SEEDS)
        ),
        facts=facts_of_table(condition, present),
    )


def _lines(variants: Mapping[Levels, Variant | None]) -> list[Line]:
    """The release's own pair; each factor's effect at every level of the others; main effects and interactions."""
    lines = [Line(RELEASED, [(1.0, variants["pu", "chain", "shifted"]), (-1.0, variants["concat", "tree", "shifted"])])]
    for factor, (label, others) in enumerate(
        (("PU against Concat", (1, 2)), ("chain against tree", (0, 2)), ("shifted against aligned rows", (0, 1)))
    ):
        for fixed in itertools.product(*((UNIT, ORDER, ROWS)[other] for other in others)):
            where = dict(zip(others, fixed, strict=True))
            cells = [cell for cell in CELLS if all(cell[k] == level for k, level in where.items())]
            terms = [(_sign(cell, factor), variants[cell]) for cell in cells]
            lines.append(Line(f"{label}: {', '.join(UNIT_NAMES.get(level, level) for level in fixed)}", terms))
    names = ("unit (PU against Concat)", "order (chain against tree)", "rows (shifted against aligned)")
    short = ("unit", "order", "rows")
    for size in (1, 2, 3):
        for factors in itertools.combinations(range(3), size):
            weights = [_product(cell, factors) / 2 ** (3 - size) for cell in CELLS]
            label = f"main effect of {names[factors[0]]}" if size == 1 else " × ".join(short[k] for k in factors)
            label = label if size == 1 else f"interaction {label}"
            lines.append(Line(label, [(weight, variants[cell]) for weight, cell in zip(weights, CELLS, strict=True)]))
    return lines


def _sign(cell: Levels, factor: int) -> float:
    return 1.0 if cell[factor] == (UNIT, ORDER, ROWS)[factor][1] else -1.0


def _product(cell: Levels, factors: tuple[int, ...]) -> float:
    product = 1.0
    for factor in factors:
        product *= _sign(cell, factor)
    return product
