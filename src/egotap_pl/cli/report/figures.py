"""The figures of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from egotap_pl.analysis.contents import Illustration
from egotap_pl.analysis.runs import Run
from egotap_pl.cli.report.methods import conditions, is_lifting, readable
from egotap_pl.cli.report.networks import inside_illustrations, reconstruction_illustrations
from egotap_pl.cli.report.pictures import comparison_illustrations
from egotap_pl.cli.report.statistics import depth_illustration, propagation_illustrations, visibility_illustration
from egotap_pl.cli.report.stores import Stores


class Drawn(NamedTuple):
    """Figures, and why others could not be drawn: a line each, for `egotap_pl.analysis.contents.Report.missing`."""

    illustrations: list[Illustration]
    missing: list[str]


def figures_of(runs: Sequence[Run], data_root: Path, trust: tuple[str, ...]) -> Drawn:
    """Every figure that the runs allow.

    Statistics are over all seeds, pictures of the lowest. Nothing is raised for what is not there: it is told.

    Args:
        runs: finished runs of any presets, data sets and seeds.
        data_root: where prepared data live; without a run's frame store its images and heatmaps are not shown.
        trust: packages whose classes checkpoints may name.
    """
    good, missing = readable([run for run in runs if is_lifting(run)])
    grouped, unequal = conditions(good)
    missing += unequal
    stores = Stores(data_root, missing)
    illustrations = comparison_illustrations(grouped, stores)
    probes = [run for run in runs if not is_lifting(run)]
    illustrations += reconstruction_illustrations(probes, stores, trust, missing)
    illustrations += propagation_illustrations(grouped, missing)
    for condition, methods in grouped.items():
        seen = visibility_illustration(condition, methods)
        if seen is None:
            missing.append(f"Error against visibility ({condition.label}): the data do not tell of visibility")
        illustrations += [*([seen] if seen else []), depth_illustration(condition, methods, grouped)]
    illustrations += inside_illustrations(grouped, stores, trust, missing)
    return Drawn(_with_names_of_their_own(illustrations), missing)


def _with_names_of_their_own(illustrations: Sequence[Illustration]) -> list[Illustration]:
    """Two data sets may have one name; figures, being files, may not."""
    seen: Counter[str] = Counter()
    named = []
    for illustration in illustrations:
        seen[illustration.name] += 1
        number = seen[illustration.name]
        named.append(illustration if number == 1 else replace(illustration, name=f"{illustration.name}_{number}"))
    return named
