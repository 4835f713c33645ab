"""Loggers besides metrics.csv: opened, given results and pictures, closed. No other module uses Weights & Biases."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from lightning.pytorch.loggers import Logger, WandbLogger
from matplotlib.figure import Figure

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.runs.labels import Labels, renewed
from egotap_pl.tasks.monitor import error_rows


@runtime_checkable
class LoggerService(Protocol):
    """A service that runs are logged to. A YAML file in conf/logger names a class of this kind."""

    frames: int
    """Number of validation frames of which pictures are logged."""

    every_epochs: int
    """Pictures are logged once in this number of epochs."""

    def check(self) -> None:
        """Check, before long work begins, that runs can be logged."""
        ...

    def open(self, labels: Labels, folder: Path) -> Logger:
        """The logger of a training. It keeps its files in the training's folder."""
        ...


class WandbService:
    """Weights & Biases.

    Args:
        project: project that the runs belong to.
        entity: user or team; None: the account's default.
        offline: write everything to disk, to be sent later by `wandb sync`; WANDB_MODE=offline does the same.
        frames: number of validation frames of which pictures are logged.
        every_epochs: pictures are logged once in this number of epochs.
    """

    def __init__(self, project: str, entity: str | None, offline: bool, frames: int, every_epochs: int) -> None:
        self.project, self.entity, self.offline = project, entity, offline
        self.frames, self.every_epochs = frames, every_epochs

    def check(self) -> None:
        """Check that the package is installed and, unless offline, logged in. On a terminal wandb asks for its key.

        Raises:
            EgotapError: if it is not.
        """
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise EgotapError(
                f"logger=wandb needs a package that is not installed ({error}): pip install 'egotap-pl[wandb]'"
            ) from error
        if self.offline or os.environ.get("WANDB_MODE", "online") != "online":
            return
        try:
            is_logged_in = wandb.login()
        except (wandb.Error, ValueError) as error:
            is_logged_in, reason = False, f" ({error})"
        else:
            reason = ""
        if not is_logged_in:
            raise EgotapError(
                f"logger=wandb is not logged in{reason}: run `wandb login`, or log to disk with logger.offline=true"
            )

    def open(self, labels: Labels, folder: Path) -> Logger:
        """Open a run, or reopen the run of a training that was interrupted. If it was deleted, open a new one.

        Raises:
            EgotapError: if the service refuses the run, or cannot be reached.
        """
        import wandb

        try:
            return self._opened(labels, folder)
        except wandb.Error as error:
            if "deleted" not in str(error):
                raise EgotapError(
                    f"Weights & Biases does not open a run: {error}; log to disk with logger.offline=true, and send "
                    "the logs later with `wandb sync`"
                ) from error
        wandb.teardown()  # else its process still has the deleted run
        say(f"the run {labels.id} was deleted from Weights & Biases: the rest is logged to a new one")
        return self._opened(renewed(labels, folder), folder)

    def _opened(self, labels: Labels, folder: Path) -> Logger:
        logger = WandbLogger(
            project=self.project,
            entity=self.entity,
            save_dir=str(folder.absolute()),  # its process keeps the working folder of the first run
            name=labels.name,
            id=labels.id,
            group=labels.group,
            job_type=labels.stage,
            tags=list(labels.tags),
            mode="offline" if self.offline else None,
        )
        logger.log_hyperparams(dict(labels.config))
        return logger


def make_service(spec: Spec) -> LoggerService:
    """Create the configured service."""
    service: LoggerService = build(spec)
    return service


def log_results(loggers: Sequence[Logger], metrics: Mapping[str, Any]) -> None:
    """Log the content of metrics.json: errors over all frames, per joint, per category and per view.

    The latter are also logged as tables, by loggers that have tables.
    """
    totals = {f"test/{name}": v for name, v in metrics.items() if isinstance(v, float) or name == "parameters"}
    for logger in loggers:
        logger.log_metrics({**totals, **error_rows("test", metrics)})
        if hasattr(logger, "log_table"):
            for name, (columns, rows) in result_tables(metrics).items():
                logger.log_table(f"tables/{name}", columns, rows)


def result_tables(metrics: Mapping[str, Any]) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Columns and rows of a test's tables, by the table's name."""
    tables: dict[str, tuple[list[str], list[list[Any]]]] = {}
    if "per_joint" in metrics:
        tables["per_joint"] = ["joint", "MPJPE (mm)"], [list(row) for row in metrics["per_joint"].items()]
    if "per_category" in metrics:
        tables["per_category"] = (
            ["category", "MPJPE (mm)", "PA-MPJPE (mm)", "frames"],
            [[name, e["mpjpe"], e["pa_mpjpe"], e["frames"]] for name, e in metrics["per_category"].items()],
        )
    if "per_visibility" in metrics:
        tables["per_visibility"] = (
            ["how the two views see a joint", "MPJPE (mm)", "joints"],
            [[state, e["mpjpe"], e["joints"]] for state, e in metrics["per_visibility"].items()],
        )
    if "per_view" in metrics:
        tables["per_view"] = ["view", "mean squared error"], [list(row) for row in metrics["per_view"].items()]
    return tables


def log_figures(loggers: Sequence[Logger], figures: Mapping[str, Figure], step: int) -> None:
    """Log figures, by loggers that have pictures.

    Args:
        loggers: the loggers.
        figures: figures by name.
        step: training step.
    """
    for logger in loggers:
        if hasattr(logger, "log_image"):
            for name, figure in figures.items():
                logger.log_image(name, [figure], step=step)


def log_clouds(
    loggers: Sequence[Logger], clouds: Mapping[str, tuple[str, Float[np.ndarray, "_ 6"]]], step: int
) -> None:
    """Log point clouds, which can be turned with the mouse, to Weights & Biases.

    Args:
        loggers: the loggers; those of other services are passed over.
        clouds: captions and points (x, y, z, red, green, blue) by name.
        step: training step.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            media: dict[str, Any] = {name: wandb.Object3D(p, caption=caption) for name, (caption, p) in clouds.items()}
            logger.log_metrics(media, step=step)


@contextmanager
def wandb_closed() -> Iterator[None]:
    """Finish the Weights & Biases run that was started in the block, so that a grid's next job starts its own."""
    status = 1
    try:
        yield
        status = 0
    finally:
        wandb = sys.modules.get("wandb")
        if wandb is not None and getattr(wandb, "run", None) is not None:
            wandb.finish(exit_code=status)
