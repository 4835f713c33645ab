"""Error along the skeleton's tree."""

from __future__ import annotations

from collections.abc import Mapping

from egotap_pl.analysis.error_breakdown import mean_by_depth
from egotap_pl.analysis.statistics import GroupMeans
from egotap_pl.figures.depth import depth_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations import words
from egotap_pl.report.illustrations.choices import plain_grid_vit
from egotap_pl.report.studies import ConditionStudies, Study

TITLE = "Error along the tree ({study})"
CAPTION = (
    "Mean error of the joints at each number of limbs from the root of the skeleton. Means over {seeds_and_frames}. At "
    "the far end ({limbs} limbs), in mm: {errors}. {gains}{intervals}"
)
GAINS = "Gain there over Grid ViT without propagation, in mm: {gains}. "
ALT = "Lines: the error of {methods} against the number of limbs between joint and root."


def depth_illustration(study: Study, condition: ConditionStudies | None) -> Illustration:
    """The errors of a study's methods by depth, and their gains over Grid ViT without propagation.

    Args:
        study: the methods.
        condition: the only condition of the study, in which the baseline of the gains is looked for, or None.
    """
    predictions = study.methods[0].first.predictions
    baseline = plain_grid_vit(condition.methods) if condition else None
    errors = {m.name: mean_by_depth(m.error_mm, predictions.skeleton, predictions.motion) for m in study.methods}
    gains = {
        m.name: mean_by_depth(m.gain_mm(baseline), predictions.skeleton, predictions.motion)
        for m in study.methods
        if baseline is not None and m.first is not baseline.first
    }
    deepest = len(next(iter(errors.values())).mean) - 1
    return Illustration(
        name=f"depth_{study.stem}",
        title=TITLE.format(study=study.title),
        caption=CAPTION.format(
            seeds_and_frames=words.seeds_and_frames(study.methods),
            limbs=deepest,
            errors=_at(errors, deepest),
            gains=GAINS.format(gains=_at(gains, deepest)) if gains else "",
            intervals=words.intervals(study.methods),
        ),
        alt=ALT.format(methods=words.names(study.methods)),
        figure=depth_figure(errors, gains, "Grid ViT"),
    )


def _at(means: Mapping[str, GroupMeans], depth: int) -> str:
    return "; ".join(f"{name} {words.mean_and_interval(each, depth)}" for name, each in means.items())
