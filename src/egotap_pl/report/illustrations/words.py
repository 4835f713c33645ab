"""Words that several captions share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from egotap_pl.analysis.statistics import GroupMeans, caveat
from egotap_pl.core.wording import in_words, number
from egotap_pl.metrics.visibility import STATES
from egotap_pl.report.studies import MethodRuns


def seeds_and_frames(methods: Sequence[MethodRuns]) -> str:
    """How much the means of methods are made of: ``2 to 3 seeds and 1200 test frames``."""
    counts = sorted({len(method.runs) for method in methods})
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{number} seed{'s' * (counts[-1] > 1)} and {len(methods[0].first.predictions)} test frames"


def intervals(methods: Sequence[MethodRuns]) -> str:
    """What the intervals of means over motions are, and that they are too narrow if there are few motions."""
    motions = len(set(methods[0].first.predictions.motion))
    return (
        f"Intervals are 95%, by bootstrap over {motions} test motions; they do not cover the variation between seeds."
        f"{caveat(motions)}"
    )


def names(methods: Sequence[MethodRuns]) -> str:
    """The methods in a sentence."""
    return in_words([method.name for method in methods])


def mean_and_interval(means: GroupMeans, group: int) -> str:
    """A mean in mm with its interval: ``54.5 [53.2, 55.9]``, or ``54.5 [?]`` without one."""
    mean, low, high = (number(float(values[group]), 1) for values in means[:3])
    return f"{mean} [{'?' if math.isnan(means.low[group]) else f'{low}, {high}'}]"


def state(number: int) -> str:
    """One of `STATES`: ``visible in one view and occluded in the other``."""
    a, b = STATES[number]
    return f"{a} in both views" if a == b else f"{a} in one view and {b} in the other"


def origin(method: MethodRuns) -> str:
    """What a method's poses are relative to."""
    if method.parts.is_relative_to_device:
        return "the headset"
    return "the pelvis" if method.first.predictions.skeleton.estimates_root else "the left camera"
