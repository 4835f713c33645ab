"""Tables of a test's errors on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from egotap_pl.core.messages import RESULT
from egotap_pl.metrics.pck import PCK_MM


def print_errors(title: str, metrics: Mapping[str, Any]) -> None:
    """Print the errors of a test of poses or of heatmaps; paths in the title stay on one line, to be copied."""
    table = pose_table(title, metrics) if "mpjpe" in metrics else map_table(title, metrics)
    RESULT.print(table, soft_wrap=True)


def pose_table(title: str, metrics: Mapping[str, Any]) -> Group:
    """The errors of a test of poses: over all frames, then per joint and per category, side by side."""
    share = 100 * metrics["mpjpe"] / metrics["mean_pose_mpjpe"]
    summary = (
        f"[bold]{escape(title)}[/], {metrics['frames']} frames\n"
        f"MPJPE [bold]{metrics['mpjpe']:.1f} mm[/]   PA-MPJPE [bold]{_mm(metrics['pa_mpjpe'])} mm[/]\n"
        f"{_shares_and_motion(metrics)}"
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
    by_visibility = [visibility_table(metrics["per_visibility"])] if "per_visibility" in metrics else []
    return Group(summary, table, *by_visibility)


def _shares_and_motion(metrics: Mapping[str, Any]) -> str:
    """Lines on PCK and AUC, and on errors of movement; none for what the test does not have."""
    lines = ""
    if "pck" in metrics:
        lines += f"PCK [bold]{metrics['pck']:.1f}%[/] (within {PCK_MM:.0f} mm)   AUC [bold]{metrics['auc']:.1f}%[/]\n"
    units = {"mpjve": "mm/frame", "acceleration_error": "mm/frame²", "jitter": "mm/frame³"}
    titles = {"mpjve": "MPJVE", "acceleration_error": "acceleration error", "jitter": "jitter"}
    numbers = [f"{titles[name]} {metrics[name]:.1f} {unit}" for name, unit in units.items() if name in metrics]
    if "true_jitter" in metrics:
        numbers[-1] += f" (truth: {metrics['true_jitter']:.1f})"
    lines += "   ".join(numbers) + "\n" if numbers else ""
    if "calibration_error" in metrics:
        lines += (
            f"expected error {metrics['promised_mpjpe']:.1f} mm; "
            f"on average {metrics['calibration_error']:.1f} mm from what is found\n"
        )
    return lines


def visibility_table(per_visibility: Mapping[str, Any]) -> Table:
    """The mean error of joints by how the two views see them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("how the two views see a joint", "MPJPE", "joints"):
        table.add_column(heading, justify="left" if heading.startswith("how") else "right", no_wrap=True)
    for state, errors in per_visibility.items():
        table.add_row(state, _mm(errors["mpjpe"]), str(errors["joints"]))
    return table


def _mm(error: float | None) -> str:
    """An error; a dash where no frame says how large it is."""
    return "–" if error is None else f"{error:.1f}"


def map_table(title: str, metrics: Mapping[str, Any]) -> Group:
    """The errors of a test of heatmaps."""
    table = Table()
    table.add_column("")
    table.add_column("mean squared error", justify="right")
    rows = {"both views": metrics["mse"], **metrics["per_view"], "all-zero heatmaps": metrics["zeros_mse"]}
    for name, value in rows.items():
        table.add_row(name, f"{value:.3e}")
    return Group(f"[bold]{escape(title)}[/]", table)
