"""Tables of a test's errors on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table


def error_table(title: str, metrics: Mapping[str, Any]) -> Group | Table:
    """The errors of a test of poses or of heatmaps."""
    return pose_table(title, metrics) if "mpjpe" in metrics else map_table(title, metrics)


def pose_table(title: str, metrics: Mapping[str, Any]) -> Group:
    """The errors of a test of poses: over all frames, then per joint and per category, side by side."""
    share = 100 * metrics["mpjpe"] / metrics["mean_pose_mpjpe"]
    summary = (
        f"[bold]{escape(title)}[/], {metrics['frames']} frames\n"
        f"MPJPE [bold]{metrics['mpjpe']:.1f} mm[/]   PA-MPJPE [bold]{_mm(metrics['pa_mpjpe'])} mm[/]\n"
        f"always answering the mean pose gives {metrics['mean_pose_mpjpe']:.1f} mm; the MPJPE is {share:.0f}% of that"
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("joint", "MPJPE", "category", "MPJPE", "PA", "frames"):
        table.add_column(heading, justify="left" if heading in ("joint", "category") else "right", no_wrap=True)
    joints = [(name, _mm(error)) for name, error in metrics["per_joint"].items()]
    categories = [
        (name, _mm(errors["mpjpe"]), _mm(errors["pa_mpjpe"]), str(errors["frames"]))
        for name, errors in metrics["per_category"].items()
    ]
    for joint, category in zip_longest(joints, categories):
        table.add_row(*(joint or ("", "")), *(category or ("",) * 4))
    return Group(summary, table)


def _mm(error: float | None) -> str:
    """An error; a dash where no frame says how large it is."""
    return "–" if error is None else f"{error:.1f}"


def map_table(title: str, metrics: Mapping[str, Any]) -> Table:
    """The errors of a test of heatmaps."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("mean squared error", justify="right")
    rows = {"both views": metrics["mse"], **metrics["per_view"], "all-zero heatmaps": metrics["zeros_mse"]}
    for name, value in rows.items():
        table.add_row(name, f"{value:.3e}")
    return table
