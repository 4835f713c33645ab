"""What `egotap evaluate` prints."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from egotap_pl.cli import error_tables

METRICS: dict[str, Any] = {
    "frames": 12,
    "mpjpe": 50.0,
    "pa_mpjpe": None,
    "mean_pose_mpjpe": 200.0,
    "per_joint": {"hand": 50.0},
    "per_category": {"golf": {"mpjpe": 50.0, "pa_mpjpe": None, "frames": 12}},
}
MAPS: dict[str, Any] = {"mse": 0.001, "per_view": {"left": 0.001, "right": 0.001}, "zeros_mse": 0.01}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Prints metrics; what stands on a screen of 120 columns."""
    file = StringIO()
    monkeypatch.setattr(error_tables, "RESULT", Console(file=file, width=120))

    def printed(*, title: str = "TITLE", **metrics: Any) -> str:
        error_tables.print_errors(title, metrics)
        return file.getvalue()

    return printed


def test_only_what_was_measured_is_printed(printed: Callable[..., str]) -> None:
    text = printed(**METRICS)
    assert "MPJPE 50.0 mm   PA-MPJPE – mm" in text
    assert not any(word in text for word in ("PCK", "MPJVE", "views"))


def test_shares_movement_and_visibility_are_printed(printed: Callable[..., str]) -> None:
    text = printed(
        **METRICS,
        pck=93.26,
        auc=61.04,
        mpjve=4.51,
        acceleration_error=3.0,
        jitter=2.2,
        true_jitter=0.4,
        per_visibility={"visible, occluded": {"mpjpe": 71.5, "joints": 34}},
    )
    assert "PCK 93.3% (within 150 mm)   AUC 61.0%" in text
    assert "MPJVE 4.5 mm/frame   acceleration error 3.0 mm/frame²   jitter 2.2 mm/frame³ (truth: 0.4)" in text
    assert "visible, occluded" in text
    assert "71.5" in text


@pytest.mark.parametrize("metrics", [METRICS, MAPS], ids=["poses", "heatmaps"])
def test_paths_are_printed_as_they_are(metrics: dict[str, Any], printed: Callable[..., str]) -> None:
    """On one line, however long they are, and with brackets, which rich would take for markup."""
    title = "/".join(["long"] * 40) + "/[bold]/best.ckpt, test split"
    assert title in printed(title=title, **metrics)
