"""Errors against costs."""

from __future__ import annotations

from egotap_pl.analysis.statistics import seeds_interval
from egotap_pl.core.wording import in_words
from egotap_pl.figures.costs import CostPoint, costs_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.costs import CostReader
from egotap_pl.report.illustrations import words
from egotap_pl.report.studies import Study

TITLE = "Error against cost ({study})"
CAPTION = (
    "MPJPE of {seeds_and_frames} against billions of operations (GFLOP) of all networks for a frame, estimators "
    "included{times}. Lower left is better. Intervals are 95%, Student's t over the seeds. {numbers}.{unknown}"
)
TIMES = ", and against the time of one frame on {device}"
ALT = "Points: the error of {methods} against what a frame costs."


def costs_illustration(study: Study, cost_of: CostReader) -> Illustration | None:
    """The errors of a study's methods against their costs; None unless at least two methods' costs are known.

    Args:
        study: the methods.
        cost_of: finds what a run costs.
    """
    points, unknown, devices = [], [], set()
    for method in study.methods:
        costs = [cost for run in method.runs if (cost := cost_of(run)) is not None]
        if not costs:
            unknown.append(method.name)
            continue
        cost = next((cost for cost in costs if cost.latency_ms is not None), costs[0])
        devices.add(cost.device)
        error = seeds_interval([float(run.metrics["mpjpe"]) for run in method.runs])
        points.append(CostPoint(method.name, error, cost.gflop, cost.latency_ms))
    if len(points) < 2:
        return None
    device = devices.pop() if len(devices) == 1 else ""
    if not device:  # times of several devices, or none, cannot be compared
        points = [point._replace(latency_ms=None) for point in points]
    return Illustration(
        name=f"costs_{study.stem}",
        title=TITLE.format(study=study.title),
        caption=CAPTION.format(
            seeds_and_frames=words.seeds_and_frames(study.methods),
            times=TIMES.format(device=device) if all(point.latency_ms is not None for point in points) else "",
            numbers="; ".join(f"{p.name} {p.error_mm.mean:.1f} mm, {p.gflop:.3g} GFLOP" for p in points),
            unknown=f" Not drawn, because their cost is not known: {in_words(unknown)}." if unknown else "",
        ),
        alt=ALT.format(methods=in_words([point.name for point in points])),
        figure=costs_figure(points, device),
    )
