"""The figures of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from egotap_pl.analysis.variants import Condition
from egotap_pl.report.contents import FileNames, Illustration
from egotap_pl.report.illustrations.errors import depth_illustration, propagation_illustrations, visibility_illustration
from egotap_pl.report.illustrations.networks import inside_illustrations, reconstruction_illustrations
from egotap_pl.report.illustrations.poses import comparison_illustrations
from egotap_pl.report.stores import Stores
from egotap_pl.report.studies import shown


class Drawn(NamedTuple):
    """Figures, and why others could not be drawn: a line each, for `egotap_pl.report.contents.Report.missing`."""

    illustrations: list[Illustration]
    missing: list[str]


def figures_of(conditions: Sequence[Condition], data_root: Path, trust: tuple[str, ...]) -> Drawn:
    """Every figure that the runs of conditions allow.

    Statistics are over all seeds, pictures of the lowest. Nothing is raised for what is not there: it is told.

    Args:
        conditions: of any data sets.
        data_root: where prepared data live; without a run's frame store its images and heatmaps are not shown.
        trust: packages whose classes checkpoints may name.
    """
    missing: list[str] = []
    found = shown(conditions, missing)
    stores = Stores(data_root, missing)
    illustrations = comparison_illustrations(found, stores)
    illustrations += reconstruction_illustrations(found.grounds, stores, trust, missing)
    illustrations += propagation_illustrations(found.grounds, missing)
    for study, ground in found.studies:
        seen = visibility_illustration(study)
        if seen is None:
            missing.append(f"Error against visibility ({study.title}): the data do not tell of visibility")
        illustrations += [*([seen] if seen else []), depth_illustration(study, ground)]
    illustrations += inside_illustrations(found.grounds, stores, trust, missing)
    return Drawn(FileNames().rename(illustrations), missing)
