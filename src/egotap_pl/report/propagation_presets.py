"""The presets of the experiment on propagation (conf/experiment/propagation): two units, two orders, two rows."""

from __future__ import annotations

import itertools

UNIT, ORDER, ROWS = ("concat", "pu"), ("tree", "chain"), ("aligned", "shifted")
"""The levels of each factor; an effect is the second level minus the first."""
Levels = tuple[str, str, str]
"""A level of each factor, which is a preset."""
CELLS: tuple[Levels, ...] = tuple((u, o, r) for u, o, r in itertools.product(UNIT, ORDER, ROWS))
UNIT_NAMES = {"concat": "Concat", "pu": "PU"}


def preset_of(levels: Levels) -> str:
    """The preset of a level of each factor.

    >>> preset_of(("pu", "tree", "aligned"))
    'propagation/pu_tree_aligned'
    """
    return f"propagation/{'_'.join(levels)}"


def name_of(levels: Levels) -> str:
    """What figures call it.

    >>> name_of(("concat", "chain", "shifted"))
    'Concat (chain, shifted rows)'
    """
    unit, order, rows = levels
    return f"{UNIT_NAMES[unit]} ({order}, {rows} rows)" if rows == "shifted" else f"{UNIT_NAMES[unit]} ({order})"


PRESETS = tuple(map(preset_of, CELLS))
