"""Output on the terminal: progress on standard error, results on standard output."""

from __future__ import annotations

import logging
import os
import sys
import warnings

from rich.console import Console
from rich.table import Table

_PIPED = 160
"""Columns of results that go to a file or another program, unless COLUMNS says otherwise."""
_WIDEST = 10_000

PROGRESS = Console(stderr=True, highlight=False)
RESULT = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED)


def hush(quiet: bool) -> None:
    """Print nothing from now on, or print again. In a group of processes, all but the first are quiet."""
    PROGRESS.quiet = RESULT.quiet = quiet
    if quiet:
        logging.disable(logging.INFO)  # Hydra's lines about a grid


def print_whole(table: Table) -> None:
    """Print a table as wide as its content asks for. Where the screen is narrower, lines wrap, but nothing is cut."""
    unlimited = RESULT.options.update(max_width=_WIDEST)
    width = max(RESULT.width, RESULT.measure(table, options=unlimited).maximum)
    Console(file=RESULT.file, highlight=False, quiet=RESULT.quiet, width=width).print(table)


def say(message: str) -> None:
    """Print one line about what is going on. In a group of processes, only the first prints."""
    if os.environ.get("RANK", "0") == "0":
        PROGRESS.print(message, markup=False, soft_wrap=True)


def quieten_lightning() -> None:
    """Hide Lightning's messages about itself and about choices that are deliberate here. Its real warnings stay."""
    for part in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    for message in (
        r".*does not have many workers.*",
        r".*Checkpoint directory .* exists and is not empty.*",  # a resumed run
        r".*Experiment logs directory .* exists and is not empty.*",  # likewise; its rows stay
        r".*module\(s\) in eval mode at the start of training.*",  # the frozen estimators
        r".*is smaller than the logging interval.*",
        r".*`srun` command is available.*",  # srun would start a training for each of SLURM's tasks
        r".*It is recommended to use .*sync_dist=True.*",  # the metrics synchronise themselves
        r".*You requested to overfit but enabled train dataloader shuffling.*",  # it turns shuffling off, as it should
        r".*your dataloader is not resumable.*",  # its sampler is
        r".*isinstance\(treespec, LeafSpec\).*",
    ):
        warnings.filterwarnings("ignore", message)
