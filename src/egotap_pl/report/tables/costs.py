"""Error beside cost, for every variant of a condition."""

from __future__ import annotations

from egotap_pl.analysis.variants import Condition
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.costs import CostReader
from egotap_pl.report.names import display_names
from egotap_pl.report.tables.cells import NOTHING, number_cell
from egotap_pl.report.tables.results import METRICS, metric_cell

CAPTION = (
    "Errors: mean over seeds, ± half of the 95% interval (Student's t). Parameters and operations are those of all "
    "networks from the images to the pose, frozen estimators included; lifters of true heatmaps have no estimators. A "
    "multiplication with its addition counts as two operations. Times: of the first run that egotap benchmark measured."
)
HOW = "No times: `egotap benchmark checkpoint={folder}` measures them."


def costs_table(condition: Condition, cost_of: CostReader) -> Table | None:
    """What the variants that estimate poses cost; None if nothing is known of any.

    Args:
        condition: variants under one condition.
        cost_of: finds what a run costs.
    """
    rows, is_measured = [], False
    lifting = {variant: name for variant, name in display_names(condition).items() if variant.runs[0].is_lifting}
    for variant, name in lifting.items():
        costs = [cost for run in variant.runs if (cost := cost_of(run)) is not None]
        if not costs:
            continue
        cost = next((cost for cost in costs if cost.latency_ms is not None), costs[0])
        is_measured |= cost.latency_ms is not None
        rows.append(
            (
                Cell(name),
                metric_cell(variant, "mpjpe"),
                number_cell(cost.parameters),
                Cell(f"{cost.gflop:.4g}", cost.gflop),
                NOTHING if cost.latency_ms is None else number_cell(cost.latency_ms, 1),
                NOTHING if cost.frames_per_s is None else number_cell(cost.frames_per_s, 1),
                Cell(cost.device),
            )
        )
    if not rows:
        return None
    return Table(
        name=f"costs_{condition.slug}",
        title=f"Error and cost ({condition.title})",
        caption=CAPTION,
        columns=(
            "variant",
            METRICS["mpjpe"].title,
            "parameters of all networks",
            "GFLOP/frame",
            "one frame (ms)",
            "frames/s in batches",
            "measured on",
        ),
        rows=tuple(rows),
        facts={} if is_measured else {"times": HOW.format(folder=next(iter(lifting)).runs[0].folder)},
    )
