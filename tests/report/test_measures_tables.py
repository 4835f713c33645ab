"""Tables of measures besides MPJPE against the numbers that they are made of."""

from __future__ import annotations

import math
from typing import Any

import pytest

from egotap_pl.analysis.comparison import ErrorReader
from egotap_pl.analysis.variants import Condition, IdentifiedRun, group
from egotap_pl.report.tables.measures import measures_tables
from egotap_pl.report.tables.sections import section

MOTION = ("a", "a", "b", "b", "c", "d")


def results(pck: float, mpjve: float | None, seen_mm: float) -> dict[str, Any]:
    motion = {} if mpjve is None else {"mpjve": mpjve, "jitter": 9.0, "true_jitter": 2.0}
    of_category = {"mpjpe": 1.0, "pa_mpjpe": 1.0, "frames": 3, "pck": pck + 1}
    return {
        "pck": pck,
        "auc": pck / 2,
        **motion,
        "per_category": {"walking": {**of_category, **motion}, "sitting": of_category},
        "per_visibility": {
            "visible, visible": {"mpjpe": seen_mm, "joints": 90},
            "occluded, occluded": {"mpjpe": seen_mm + 30, "joints": 6},
        },
    }


def condition(make_run: Any, **by_preset: list[dict[str, Any]]) -> Condition:
    runs = [
        make_run(f"table2/{preset}", seed, [50] * 6, MOTION, **metrics)
        for preset, of_seeds in by_preset.items()
        for seed, metrics in enumerate(of_seeds, 1)
    ]
    (found,) = group([IdentifiedRun(run, run.experiment, (run.experiment,), "tiny", (), ()) for run in runs])
    return found


def test_means_over_seeds_and_the_best_of_each_column(make_run) -> None:
    found = condition(
        make_run,
        cnn=[results(80, 12.0, 40), results(84, 14.0, 42)],
        grid_vit=[results(90, 15.0, 30)],
    )
    overall, *details = measures_tables(found)
    assert overall.columns[1:4] == ("PCK (%)", "AUC (%)", "MPJVE (mm/frame)")
    values = {row[0].text: [(cell.value, cell.best) for cell in row[1:4]] for row in overall.rows}
    assert values["CNN"] == [(82, False), (41, False), (13, True)]
    assert values["Grid ViT"] == [(90, True), (45, True), (15, False)]
    assert not any(row[overall.columns.index("jitter (mm/frame³)")].best for row in overall.rows)
    tables = {table.name: table for table in details}
    walking, sitting = tables["measures_category_pck_egosynth_tiny"].rows
    assert [cell.value for cell in walking[1:]] == [83, 91]
    assert sitting[0].text == "sitting"
    (only,) = tables["measures_category_mpjve_egosynth_tiny"].rows  # no other category has consecutive frames
    assert only[0].text == "walking"
    seen, hidden = tables["visibility_egosynth_tiny"].rows
    assert [cell.value for cell in seen[1:]] == [41, 30, 90]
    assert (hidden[0].text, hidden[1].value) == ("occluded, occluded", 71)


@pytest.mark.parametrize(
    ("measure", "best"),
    [
        *((measure, [False, True]) for measure in ("pck", "auc")),
        *((name, [True, False]) for name in ("mpjve", "acceleration_error", "calibration_error", "origin_error")),
        *((measure, [False, False]) for measure in ("jitter", "true_jitter", "promised_mpjpe")),
    ],
)
def test_the_best_is_the_highest_share_or_the_lowest_error(make_run, measure: str, best: list[bool]) -> None:
    overall = measures_tables(condition(make_run, cnn=[{measure: 1.0}], grid_vit=[{measure: 2.0}]))[0]
    assert [cell.best for _, cell, _ in overall.rows] == best


def test_runs_without_the_measures_have_gaps_or_no_table(make_run) -> None:
    old, new = condition(make_run, cnn=[{}]), condition(make_run, grid_vit=[{}], grid_vit_pu=[results(70, None, 10)])
    assert measures_tables(old) == []
    overall = measures_tables(new)[0]
    assert overall.columns == ("variant", "PCK (%)", "AUC (%)", "seeds")
    assert "missing" in {row[1].text for row in overall.rows}
    mixed = measures_tables(condition(make_run, channel_vit=[{}, results(70, None, 10)]))[0]
    assert [cell.text for cell in mixed.rows[0][1:]] == ["70.0 (1 of 2 seeds)", "35.0 (1 of 2 seeds)", "2"]


def test_metrics_of_a_users_own_are_columns(make_run) -> None:
    """Means and intervals of the numbers themselves, whatever their size; text, infinity and truth are no metrics."""
    mine = [
        {"hands_mpjpe": hands, "contact": contact, "note": "mine", "worst": math.inf, "converged": True}
        for hands, contact in ((30.0, 0.021), (34.0, 0.025), (38.0, 0.023))
    ]
    of_feet = {"per_category": {"walking": {"mpjpe": 1.0, "pa_mpjpe": 1.0, "frames": 3, "feet_mpjpe": 7.0}}}
    found = condition(make_run, cnn=mine, grid_vit=[results(70, None, 10) | {"feet_mpjpe": 7.0} | of_feet])
    overall, *details = measures_tables(found)
    assert overall.columns == ("variant", "PCK (%)", "AUC (%)", "hands mpjpe", "contact", "feet mpjpe", "seeds")
    cnn, vit = overall.rows
    half = 4.3026527 * 4 / math.sqrt(3)  # Student's t for three seeds, by the table; the deviation of 30, 34, 38 is 4
    assert (cnn[3].text, cnn[3].value) == (f"34.0 ± {half:.1f}", 34)
    assert (cnn[3].low, cnn[3].high) == pytest.approx((34 - half, 34 + half))
    assert cnn[4].text.startswith("0.023 ± 0.00")
    assert [cell.text for cell in vit[3:6]] == ["missing", "missing", "7.0"]
    assert not any(cell.best for cell in (*cnn[3:6], *vit[3:6]))  # nothing says whether more is better
    assert "hands_mpjpe, contact, feet_mpjpe" in overall.caption
    names = [table.name for table in details if table.name.startswith("measures_")]
    assert names == ["measures_category_feet_mpjpe_egosynth_tiny"]


@pytest.mark.parametrize("shown", [True, False])
def test_they_belong_to_the_section_of_their_condition(make_run, shown: bool) -> None:
    found = condition(make_run, cnn=[results(80, 12.0, 40)] if shown else [{}])
    names = [table.name for table in section(found, [], ErrorReader()).main]
    assert ("measures_egosynth_tiny" in names) == shown
