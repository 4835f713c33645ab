"""What `egotap evaluate` prints."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from egotap_pl.cli.error_tables import error_table

METRICS: dict[str, Any] = {
    "frames": 12,
    "mpjpe": 50.0,
    "pa_mpjpe": None,
    "mean_pose_mpjpe": 200.0,
    "per_joint": {"hand": 50.0},
    "per_category": {"golf": {"mpjpe": 50.0, "pa_mpjpe": None, "frames": 12}},
}


def printed(**metrics: Any) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(error_table("TITLE", METRICS | metrics))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def test_only_what_was_measured_is_printed() -> None:
    text = printed()
    assert "MPJPE 50.0 mm   PA-MPJPE – mm" in text
    assert not any(word in text for word in ("PCK", "MPJVE", "views"))


def test_shares_movement_and_visibility_are_printed() -> None:
    text = printed(
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
