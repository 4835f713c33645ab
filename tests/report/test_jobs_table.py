from __future__ import annotations

import math

import pytest

from egotap_pl.report.tables.jobs import Job, grid_table, jobs_table


def job(number: int, name: str, seed: int, **metrics: float | None) -> Job:
    status = "done" if metrics else "failed"
    folder = f"runs/{number}" if metrics else None
    message = "" if metrics else "wrong\nfor a reason"
    return Job(number, ("a=1", f"experiment={name}", f"seed={seed}"), status, message, folder, metrics)


def test_what_distinguishes_jobs_is_shown() -> None:
    jobs = [job(0, "x", 1, mpjpe=10.0, pa_mpjpe=9.0), job(1, "y", 1, mpjpe=8.0, pa_mpjpe=7.0), job(2, "z", 1)]
    table = jobs_table(jobs)
    assert table.title == "3 jobs: a=1 seed=1"
    assert table.columns == (
        "job",
        "experiment",
        "status",
        "MPJPE (mm)",
        "PA-MPJPE (mm)",
        "message",
        "run folder",
    )
    assert [cell.text for cell in table.rows[1]] == ["1", "y", "done", "8.0", "7.0", "", "runs/1"]
    assert [cell.text for cell in table.rows[2]] == ["2", "z", "failed", "", "", "wrong", ""]
    assert [row[3].best for row in table.rows] == [False, True, False]
    assert grid_table(jobs) is None


def test_seeds_are_put_together() -> None:
    jobs = [job(0, "x", 1, mpjpe=10.0), job(1, "y", 1, mse=2e-4), job(2, "x", 2, mpjpe=12.0), job(3, "y", 2)]
    table = grid_table(jobs)
    assert table is not None
    assert table.columns == ("experiment", "MPJPE (mm)", "squared error (1e-4 per pixel)", "seeds")
    x, y = table.rows
    assert (x[1].value, x[1].low) == pytest.approx((11.0, 11 - 12.7062047))
    assert x[3].text == "2 of 2"
    assert (y[2].text, y[3].text) == ("2.00", "1 of 2")
    assert not math.isnan(y[2].value or 0)


def test_an_error_that_is_not_known_or_no_number_does_not_stop_the_tables() -> None:
    jobs = [job(0, "x", 1, mpjpe=math.nan, pa_mpjpe=None), job(1, "x", 2, mpjpe=9.0, pa_mpjpe=8.0)]
    jobs += [job(2, "y", 1, mpjpe=7.0, pa_mpjpe=6.0)]
    table, means = jobs_table(jobs), grid_table(jobs)
    k = table.columns.index("MPJPE (mm)")
    assert [row[k].best for row in table.rows] == [False, False, True]
    assert [row[k + 1].text for row in table.rows] == ["–", "8.0", "6.0"]
    assert means is not None
    assert [row[2].text for row in means.rows] == ["–", "6.0"]
