"""Loggers beside metrics.csv: made, told the results, closed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from egotap_pl.cli.config import build
from egotap_pl.core.errors import EgotapError


def make_logger(spec: dict[str, Any], folder: Path) -> Logger:
    """The configured logger, which keeps its files in the run's folder.

    Raises:
        EgotapError: if its package is not installed.
    """
    try:
        logger: Logger = build(spec)(save_dir=str(folder))
    except ModuleNotFoundError as error:
        raise EgotapError(
            f"logger {spec['_target_']} needs a package that is not installed: {error}; for Weights & Biases: "
            "pip install 'egotap-pl[wandb]'"
        ) from error
    return logger


def log_results(loggers: Sequence[Logger], metrics: Mapping[str, Any]) -> None:
    """Give the loggers the numbers of metrics.json that stand for the whole test."""
    whole = {f"test/{name}": value for name, value in metrics.items() if isinstance(value, float)}
    for logger in loggers:
        logger.log_metrics(whole)


@contextmanager
def wandb_closed() -> Iterator[None]:
    """Finish the run of Weights & Biases, if one was begun, so that the next job of a multirun begins its own."""
    status = 1
    try:
        yield
        status = 0
    finally:
        wandb = sys.modules.get("wandb")
        if wandb is not None and getattr(wandb, "run", None) is not None:
            wandb.finish(exit_code=status)
