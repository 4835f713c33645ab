"""The figures of a report that are made of predictions alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from egotap_pl.analysis.error_breakdown import STATES, error_by_visibility, mean_by_depth
from egotap_pl.analysis.propagation_effect import PropagationSamples, describe, propagation_samples, summarise
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import GroupMeans, numbered
from egotap_pl.analysis.variants import Condition
from egotap_pl.core.wording import in_words
from egotap_pl.figures.depth import depth_figure
from egotap_pl.figures.propagation import PropagationPanel, propagation_figure
from egotap_pl.figures.visibility import RARE, visibility_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.studies import Ground, Method, Study

PROPAGATIONS = ("PuPropagation", "ConcatPropagation", "AlterPropagation", "LstmPropagation")
SHOWN_PANELS = 5
INTERVALS = "Intervals are 95%, by bootstrap over the test motions; they do not cover the chance of the seed."


def visibility_illustration(study: Study) -> Illustration | None:
    """Error against visibility; None where the data set does not tell of visibility."""
    methods, predictions = study.methods, study.methods[0].first.predictions
    results = {m.name: error_by_visibility(m.error_mm, predictions.visibility, predictions.motion) for m in methods}
    first = next(iter(results.values())).error_mm
    if not first.samples.any():
        return None
    told = np.flatnonzero(next(iter(results.values())).shares >= RARE)
    rare = [_state(k) for k in np.flatnonzero(first.samples).tolist() if k not in told]
    ends = [int(told[0]), int(told[-1])]
    numbers = "; ".join(
        f"{name} " + " and ".join(_interval(result.error_mm, k) for k in ends) for name, result in results.items()
    )
    names = " and ".join(_state(k) for k in ends)
    return Illustration(
        f"visibility_{study.stem}",
        f"Error against visibility ({study.title})",
        f"Mean error of a joint by how the two cameras see it, and the same after taking away the joint's own mean "
        f"error. Means over {_seeds(methods)}. Error in mm where {names}: {numbers}. "
        + (f"Not drawn, being less than {RARE:.1%} of joints: {in_words(rare)}. " if rare else "")
        + INTERVALS,
        f"Points with intervals: the error of {in_words([m.name for m in methods])} for joints that are visible, "
        f"occluded or out of view in both, one or neither of the cameras.",
        visibility_figure(results),
    )


def depth_illustration(study: Study, ground: Ground | None) -> Illustration:
    """Error along the tree, and the gain on Grid ViT without propagation if it was run under the same condition."""
    methods, predictions = study.methods, study.methods[0].first.predictions
    by_depth = {m.name: mean_by_depth(m.error_mm, predictions.skeleton, predictions.motion) for m in methods}
    baseline = plain_grid_vit(ground.methods) if ground else None
    gain = {
        m.name: mean_by_depth(m.gain_mm(baseline), predictions.skeleton, predictions.motion)
        for m in methods
        if baseline is not None and m.first is not baseline.first
    }
    deepest = len(next(iter(by_depth.values())).mean) - 1
    numbers = "; ".join(f"{name} {_interval(means, deepest)}" for name, means in by_depth.items())
    gained = "; ".join(f"{name} {_interval(means, deepest)}" for name, means in gain.items())
    return Illustration(
        f"depth_{study.stem}",
        f"Error along the tree ({study.title})",
        f"Mean error of the joints so many limbs away from the root of the skeleton. Means over {_seeds(methods)}. "
        f"At the far end ({deepest} limbs), in mm: {numbers}."
        + (f" Gain there on Grid ViT without propagation, in mm: {gained}." if gain else "")
        + f" {INTERVALS}",
        f"Lines: the error of {in_words([m.name for m in methods])} against the number of limbs from joint to root.",
        depth_figure(by_depth, gain, "Grid ViT"),
    )


def propagation_illustrations(grounds: Sequence[Ground], missing: list[str]) -> list[Illustration]:
    """Propagation Potential and Effect of every propagation under every condition, and what chance alone gives."""
    illustrations = []
    for ground in grounds:
        methods = [method for method in ground.methods if is_propagation(method)]
        if not methods:
            continue
        wanted = f"Propagation Potential and Effect ({ground.condition.title})"
        without = plain_grid_vit(ground.methods)
        if without is None:
            if ground.studies:
                command = ground.condition.command(["table2/grid_vit"], methods[0].seeds)
                missing.append(f"{wanted}: there is no run of Grid ViT without propagation. `{command}`")
            continue
        panels = [panel for panel in (_against(without, m) for m in _first_of_each(methods)) if panel is not None]
        if panels:
            illustrations.append(_propagation(ground.condition, without, panels, _control(without)))
        else:
            missing.append(f"{wanted}: Grid ViT without propagation has no seed in common with those that have it")
    return illustrations


def _propagation(
    condition: Condition, without: Method, panels: list[PropagationPanel], control: PropagationPanel | None
) -> Illustration:
    words = "; ".join(
        f"{panel.title}: {describe(panel.summary)}" for panel in [*panels, *([control] if control else [])]
    )
    origin = origin_of(without.first)
    return Illustration(
        f"propagation_{condition.slug}",
        f"Propagation Potential and Effect, poses relative to {origin} ({condition.title})",
        f"A sample is a limb in a test frame. Potential (PP): the child's error minus its parent's, both without "
        f"propagation; effect (PE): the child's error without propagation minus that with it (paper 4.3.2). Line: "
        f"least squares; dashed: PE = PP; the axes show the middle 99%. Poses are relative to {origin}. {words}. The "
        f"slope's interval is by bootstrap over motions, since samples of a motion are not independent. The child's "
        f"error without propagation is part of both PP and PE, so a slope above zero comes about by chance, too"
        + (
            ": the last panel shows how large it is where the model with propagation is replaced by the one without, "
            "trained from another seed."
            if control
            else "; how large, a second seed of Grid ViT without propagation would tell."
        ),
        f"Density of Propagation Potential against Propagation Effect with a regression line, for "
        f"{in_words([panel.title for panel in panels])}"
        + (", and for a model without propagation trained from another seed." if control else "."),
        propagation_figure([*panels, *([control] if control else [])]),
    )


def _against(without: Method, method: Method) -> PropagationPanel | None:
    """All seeds that both were trained from, each pair by itself."""
    other = {run.seed: run for run in method.runs}
    pairs = [(run, other[run.seed]) for run in without.runs if run.seed in other]
    return _panel(method.name, pairs) if pairs else None


def _control(without: Method) -> PropagationPanel | None:
    """The model without propagation in the place of the one with it: each seed against the next."""
    pairs = list(zip(without.runs, (*without.runs[1:], without.runs[0]), strict=True))
    return _panel(f"control: {without.name}, other seed", pairs) if len(pairs) > 1 else None


def _panel(title: str, pairs: Sequence[tuple[Run, Run]]) -> PropagationPanel:
    samples = [
        propagation_samples(a.predictions.error_mm, b.predictions.error_mm, a.predictions.skeleton) for a, b in pairs
    ]
    together = PropagationSamples(*(np.concatenate(values) for values in zip(*samples, strict=True)))
    motion = numbered([name for a, _ in pairs for name in a.predictions.motion])
    return PropagationPanel(title, together, summarise(together, motion))


def _first_of_each(methods: Sequence[Method]) -> list[Method]:
    """At most `SHOWN_PANELS`: first one of every kind in the order of `PROPAGATIONS`, then the second ones, ..."""
    kinds = [[m for m in methods if m.first.class_name("lifter.propagation") == kind] for kind in PROPAGATIONS]
    return [m for turn in zip_longest(*kinds) for m in turn if m is not None][:SHOWN_PANELS]


def is_propagation(method: Method) -> bool:
    """Whether it is Grid ViT with features that go along the tree."""
    return (
        method.first.class_name("lifter.encoder") == "GridViTEncoder"
        and method.first.class_name("lifter.propagation") in PROPAGATIONS
    )


def plain_grid_vit(methods: Sequence[Method]) -> Method | None:
    """Grid ViT without propagation among methods, or None."""
    plain = ("GridViTEncoder", "NoPropagation")
    found = (
        m for m in methods if (m.first.class_name("lifter.encoder"), m.first.class_name("lifter.propagation")) == plain
    )
    return next(found, None)


def origin_of(run: Run) -> str:
    """What a run's poses are relative to, in words."""
    if run.class_name("data.source.origin") == "Device":
        return "the headset"
    return "the pelvis" if run.predictions.skeleton.estimates_root else "the left camera"


def _interval(means: GroupMeans, k: int) -> str:
    ends = "?" if np.isnan(means.low[k]) else f"{means.low[k]:.1f}, {means.high[k]:.1f}"
    return f"{means.mean[k]:.1f} [{ends}]"


def _state(k: int) -> str:
    a, b = STATES[k]
    return f"{a} in both views" if a == b else f"{a} in one view and {b} in the other"


def _seeds(methods: Sequence[Method]) -> str:
    counts = sorted({len(m.runs) for m in methods})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{number} seed{'s' * (counts[-1] > 1)} and {len(methods[0].first.predictions)} test frames"
