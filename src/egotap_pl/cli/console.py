"""What the program says on the screen: progress on standard error, results on standard output."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table

PROGRESS = Console(stderr=True, highlight=False)
RESULT = Console(highlight=False)


def say(message: str) -> None:
    """One line on what goes on, from the first process of a training."""
    if os.environ.get("RANK", "0") == "0":
        PROGRESS.print(message, markup=False, soft_wrap=True)


def quieten_lightning() -> None:
    """Leave out what Lightning says of itself and of choices that are ours on purpose; its real warnings stay."""
    for part in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    for message in (
        r".*does not have many workers.*",
        r".*Checkpoint directory .* exists and is not empty.*",  # a run that goes on
        r".*Experiment logs directory .* exists and is not empty.*",  # likewise; its rows are kept
        r".*module\(s\) in eval mode at the start of training.*",  # the frozen estimators
        r".*is smaller than the logging interval.*",
        r".*`srun` command is available.*",  # it would start a training for each of SLURM's tasks
        r".*It is recommended to use .*sync_dist=True.*",  # what is logged comes out of a metric that has synchronised
        r".*isinstance\(treespec, LeafSpec\).*",
    ):
        warnings.filterwarnings("ignore", message)


def error_table(title: str, metrics: Mapping[str, Any]) -> Group | Table:
    """A test's errors for a reader, of poses or of maps."""
    return pose_table(title, metrics) if "mpjpe" in metrics else map_table(title, metrics)


def pose_table(title: str, metrics: Mapping[str, Any]) -> Group:
    """A test's errors for a reader: the whole, then joints and categories side by side."""
    share = 100 * metrics["mpjpe"] / metrics["mean_pose_mpjpe"]
    summary = (
        f"[bold]{escape(title)}[/], {metrics['frames']} frames\n"
        f"MPJPE [bold]{metrics['mpjpe']:.1f} mm[/]   PA-MPJPE [bold]{metrics['pa_mpjpe']:.1f} mm[/]\n"
        f"always answering the mean pose: {metrics['mean_pose_mpjpe']:.1f} mm, of which {share:.0f}% are left"
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("joint", "MPJPE", "category", "MPJPE", "PA", "frames"):
        table.add_column(heading, justify="left" if heading in ("joint", "category") else "right", no_wrap=True)
    joints = [(name, f"{error:.1f}") for name, error in metrics["per_joint"].items()]
    categories = [
        (name, f"{errors['mpjpe']:.1f}", f"{errors['pa_mpjpe']:.1f}", str(errors["frames"]))
        for name, errors in metrics["per_category"].items()
    ]
    for joint, category in zip_longest(joints, categories):
        table.add_row(*(joint or ("", "")), *(category or ("",) * 4))
    return Group(summary, table)


def map_table(title: str, metrics: Mapping[str, Any]) -> Table:
    """A heatmap test's errors."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("mean squared error", justify="right")
    rows = {"both views": metrics["mse"], **metrics["per_view"], "all-zero maps": metrics["zeros_mse"]}
    for name, value in rows.items():
        table.add_row(name, f"{value:.3e}")
    return table
