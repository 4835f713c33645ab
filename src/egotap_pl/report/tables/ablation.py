"""A preset under several conditions: the effect of each change of its configuration."""

from __future__ import annotations

from collections.abc import Sequence

from egotap_pl.analysis.variants import Ablation, Condition, Variant, setting_text
from egotap_pl.report.contents import Cell, Table
from egotap_pl.report.tables.cells import facts_of_table, mark_lowest, number_cell, with_commas
from egotap_pl.report.tables.differences import CAPTION, Line, Read, contrasts_table
from egotap_pl.report.tables.results import METRICS, metric_cell

CAPTION_OF_MEANS = (
    "Presets that were run in several configurations on the same data, and what differs between these; –: as in the "
    "preset. Mean over seeds, ± half of the 95% interval (Student's t over the seeds); the lowest of each preset is "
    "marked."
)


def ablation_tables(ablations: Sequence[Ablation], read: Read) -> list[Table]:
    """Means of every preset under every condition, and differences from its first condition.

    Args:
        ablations: ablations on the same data at the same scale.
        read: gives a run's errors.
    """
    first, _ = ablations[0].members[0]
    common = set.intersection(*(set(condition.overrides) for each in ablations for condition, _ in each.members))
    title = ", ".join((words_of_data(ablations), *sorted(common)))
    what = "Ablations" if len(ablations) > 1 else f"Ablation of {ablations[0].preset}"
    slug, facts = f"{first.dataset}_{first.scale}", _facts(ablations)
    lines = [
        Line(
            (f"{ablation.preset}: " if len(ablations) > 1 else "")
            + f"{ablation.label(condition, variant)} against {ablation.label(*ablation.members[0])}",
            [(1.0, variant), (-1.0, ablation.members[0][1])],
        )
        for ablation in ablations
        for condition, variant in ablation.members[1:]
        if variant.runs[0].is_lifting
    ]
    tables = [_means(ablations, f"ablation_{slug}", f"{what} ({title})", facts)]
    if lines:
        differences = f"{what}: differences ({title})"
        tables.append(contrasts_table(f"ablation_differences_{slug}", differences, CAPTION, lines, facts, read))
    return tables


def words_of_data(ablations: Sequence[Ablation]) -> str:
    """The data set and the scale of ablations, with the fingerprint of data whose name others have, too."""
    conditions = [condition for each in ablations for condition, _ in each.members]
    data = [f"data {conditions[0].fingerprint[:8]}"] if any(each.shares_title for each in conditions) else []
    return ", ".join((conditions[0].dataset, f"scale={conditions[0].scale}", *data))


def _means(ablations: Sequence[Ablation], name: str, title: str, facts: dict[str, str]) -> Table:
    keys = list(dict.fromkeys(key for ablation in ablations for key in ablation.keys))
    metrics = [m for m in METRICS if any(m in v.runs[0].metrics for a in ablations for _, v in a.members)]
    rows: list[tuple[Cell, ...]] = []
    for ablation in ablations:
        variants = [variant for _, variant in ablation.members]
        columns = [mark_lowest([metric_cell(variant, metric) for variant in variants]) for metric in metrics]
        for k, (condition, variant) in enumerate(ablation.members):
            rows.append(
                (
                    *([Cell(ablation.preset)] if len(ablations) > 1 else []),
                    *(_setting(condition, variant, key) for key in keys),
                    *(column[k] for column in columns),
                    Cell(with_commas(variant.seeds), len(variant.seeds)),
                    number_cell(variant.runs[0].metrics["parameters"]),
                )
            )
    return Table(
        name=name,
        title=title,
        caption=CAPTION_OF_MEANS,
        columns=(
            *(["preset"] if len(ablations) > 1 else []),
            *keys,
            *(METRICS[metric].title for metric in metrics),
            "seeds",
            "parameters",
        ),
        rows=tuple(rows),
        facts=facts,
    )


def _setting(condition: Condition, variant: Variant, key: str) -> Cell:
    text = setting_text(condition, variant, key)
    try:
        return Cell(text or "–", float(text))
    except ValueError:
        return Cell(text or "–")


def _facts(ablations: Sequence[Ablation]) -> dict[str, str]:
    """The facts of `facts_of_table`, with a command for each condition."""
    variants: dict[Condition, list[Variant]] = {}
    for ablation in ablations:
        for condition, variant in ablation.members:
            variants.setdefault(condition, []).append(variant)
    each = [facts_of_table(condition, members) for condition, members in variants.items()]
    return {key: "; ".join(dict.fromkeys(facts[key] for facts in each)) for key in each[0]}
