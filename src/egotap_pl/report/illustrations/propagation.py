"""Propagation Potential and Effect (paper 4.3.2, Figure 7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egotap_pl.analysis.propagation_effect import PropagationSamples, describe, propagation_samples, summarise
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import caveat, numbered
from egotap_pl.core.wording import in_words
from egotap_pl.figures.propagation import PropagationPanel, propagation_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations import words
from egotap_pl.report.illustrations.choices import one_of_each_propagation, without_propagation
from egotap_pl.report.material import Material
from egotap_pl.report.studies import ConditionStudies, MethodRuns

MOST_PANELS = 5
"""The largest number of methods in one figure, the control aside."""
TITLE = "Propagation Potential and Effect, poses relative to {origin} ({condition})"
CAPTION = (
    "A sample is a limb in a test frame. Potential (PP): the child's error minus its parent's, both without "
    "propagation; effect (PE): the child's error without propagation minus that with it (paper 4.3.2). Line: least "
    "squares; dashed: PE = PP; the axes show the middle 99%. Poses are relative to {origin}. {numbers}. "
    "{not_drawn}{other_encoder}The slope's interval is by bootstrap over motions, since samples of a motion are not "
    "independent. The child's error without propagation is part of both PP and PE, so chance alone gives a slope above "
    "zero{chance}.{few}"
)
CONTROL = (
    ": the last panel shows how large it is where the model with propagation is replaced by the one without, trained "
    "from another seed"
)
NO_CONTROL = "; a second seed of {without} without propagation would show how large"
NOT_DRAWN = "Not drawn: {names}. "
OTHER_ENCODER = "Beside {without}, {names} has another encoder, too, so that its effect is that of both. "
ALT = "Density of Propagation Potential against Propagation Effect with a regression line, for {names}{control}."
CONTROL_ALT = ", and for a model without propagation trained from another seed"
NO_BASELINE = "{what}: there is no run of Grid ViT without propagation. `{command}`"
NOTHING_COMMON = (
    "{what}: {without} without propagation has no seed in common with the models with propagation, or no limbs between "
    "joints that are known and estimated"
)


def propagation_illustrations(each: ConditionStudies, material: Material) -> list[Illustration]:
    """PP and PE of the propagations under a condition, a figure for each encoder without propagation."""
    methods = [method for method in each.methods if method.parts.has_grid_vit and method.parts.propagates]
    what = f"Propagation Potential and Effect ({each.condition.title})"
    by_baseline: dict[MethodRuns, list[MethodRuns]] = {}
    for method in methods:
        without = without_propagation(method, each.methods)
        if without is not None:
            by_baseline.setdefault(without, []).append(method)
        elif each.studies:
            command = each.condition.command(["table2/grid_vit"], methods[0].seeds)
            line = NO_BASELINE.format(what=what, command=command)
            material.missing += [line] if line not in material.missing else []
    illustrations = []
    for without, compared in by_baseline.items():
        chosen = one_of_each_propagation(compared, MOST_PANELS)
        panels = {method: panel for method in chosen if (panel := _panel_of(method, without)) is not None}
        if panels:
            illustrations.append(_illustration(each, without, panels, [m for m in compared if m not in chosen]))
        else:
            material.missing.append(NOTHING_COMMON.format(what=what, without=without.name))
    return illustrations


def _illustration(
    each: ConditionStudies,
    without: MethodRuns,
    panels: dict[MethodRuns, PropagationPanel],
    not_drawn: Sequence[MethodRuns],
) -> Illustration:
    control = _control(without)
    drawn = [*panels.values(), *([control] if control else [])]
    origin = words.origin(without)
    other_encoder = [method for method in panels if method.parts.encoder is not without.parts.encoder]
    return Illustration(
        name=f"propagation_{each.condition.slug}",
        title=TITLE.format(origin=origin, condition=each.condition.title),
        caption=CAPTION.format(
            origin=origin,
            numbers="; ".join(f"{panel.title}: {describe(panel.summary)}" for panel in drawn),
            few=caveat(len(set(without.first.predictions.motion))),
            not_drawn=NOT_DRAWN.format(names=words.names(not_drawn)) if not_drawn else "",
            other_encoder="".join(OTHER_ENCODER.format(without=without.name, names=m.name) for m in other_encoder),
            chance=CONTROL if control else NO_CONTROL.format(without=without.name),
        ),
        alt=ALT.format(names=in_words([p.title for p in panels.values()]), control=CONTROL_ALT if control else ""),
        figure=propagation_figure(drawn),
    )


def _panel_of(method: MethodRuns, without: MethodRuns) -> PropagationPanel | None:
    """All seeds that both were trained from, each pair by itself; None if there are none, or no known limbs."""
    by_seed = {run.seed: run for run in method.runs}
    pairs = [(run, by_seed[run.seed]) for run in without.runs if run.seed in by_seed]
    return _panel(method.name, pairs) if pairs else None


def _control(without: MethodRuns) -> PropagationPanel | None:
    """The model without propagation in place of the one with it: each seed against the next; None for a single seed."""
    pairs = list(zip(without.runs, (*without.runs[1:], without.runs[0]), strict=True))
    return _panel(f"control: {without.name}, other seed", pairs) if len(pairs) > 1 else None


def _panel(title: str, pairs: Sequence[tuple[Run, Run]]) -> PropagationPanel | None:
    samples = [
        propagation_samples(a.predictions.error_mm, b.predictions.error_mm, a.predictions.skeleton) for a, b in pairs
    ]
    together = PropagationSamples(*(np.concatenate(values) for values in zip(*samples, strict=True)))
    if np.unique(together.potential_mm[together.known]).size < 2:
        return None
    motion = numbered([name for a, _ in pairs for name in a.predictions.motion])
    return PropagationPanel(title, together, summarise(together, motion))
