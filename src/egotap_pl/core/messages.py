"""What the program says on the screen: progress on standard error, results on standard output."""

from __future__ import annotations

import logging
import os
import warnings

from rich.console import Console

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
