"""TensorBoard and MLflow as loggers besides metrics.csv. No other module uses them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger
from matplotlib.figure import Figure

from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.engine.runs.labels import Labels

TENSORBOARD = "tensorboard"
"""Folder in a training's folder for TensorBoard's files."""
_ID = "egotap_id"
"""Tag of an MLflow run with the id of its training."""


class TensorBoardService:
    """TensorBoard: event files in every training's folder, for ``tensorboard --logdir runs``.

    Args:
        frames: number of validation frames of which pictures are logged.
        every_epochs: pictures are logged once in this number of epochs.
    """

    def __init__(self, frames: int, every_epochs: int) -> None:
        self.frames, self.every_epochs = frames, every_epochs

    def check(self) -> None:
        """Check that the package is installed.

        Raises:
            EgotapError: if it is not.
        """
        try:
            import tensorboard as _  # noqa: F401
        except ModuleNotFoundError as error:
            raise _not_installed("tensorboard", error) from error

    def open(self, labels: Labels, folder: Path) -> Logger:
        """Open the folder, or add to that of a training that was interrupted."""
        logger = TensorBoardPictures(str(folder), name="", version=TENSORBOARD)
        logger.log_text("about", "\n".join(f"- {name}: {value}" for name, value in _simple(labels.config).items()))
        logger.log_text("settings", f"```yaml\n{_settings(labels)}```")
        return logger


class TensorBoardPictures(TensorBoardLogger):
    """Lightning's logger, with pictures and tables."""

    def log_text(self, name: str, text: str) -> None:
        """Log text in Markdown."""
        self.experiment.add_text(name, text)

    def log_image(self, key: str, images: Sequence[Figure], step: int | None = None) -> None:
        """Log figures.

        Args:
            key: their name.
            images: the figures.
            step: training step.
        """
        for figure in images:
            self.experiment.add_figure(key, figure, step, close=False)

    def log_table(self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table.

        Args:
            key: its name.
            columns: its columns.
            rows: its rows.
        """
        lines = [columns, ["---"] * len(columns), *rows]
        self.log_text(key, "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))


class MlflowService:
    """MLflow.

    Args:
        experiment: name of the MLflow experiment that the runs belong to.
        uri: address of the tracking server, or of a database, e.g. ``sqlite:///mlflow.db``.
        frames: number of validation frames of which pictures are logged.
        every_epochs: pictures are logged once in this number of epochs.
    """

    def __init__(self, experiment: str, uri: str, frames: int, every_epochs: int) -> None:
        self.experiment, self.uri = experiment, uri
        self.frames, self.every_epochs = frames, every_epochs

    def check(self) -> None:
        """Check that the package is installed and the server answers.

        Raises:
            EgotapError: if one is not so.
        """
        try:
            from mlflow import MlflowClient
        except ModuleNotFoundError as error:
            raise _not_installed("mlflow", error) from error
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # by default it tries for minutes
        try:
            MlflowClient(self.uri).search_experiments(max_results=1)
        except Exception as error:  # of many kinds, by the kind of server
            raise EgotapError(f"logger.uri={self.uri}: MLflow cannot use it: {first_line(error)}") from error

    def open(self, labels: Labels, folder: Path) -> Logger:
        """Open a run, or reopen the run of a training that was interrupted."""
        from mlflow import MlflowClient

        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        known = [] if experiment is None else [experiment.experiment_id]
        runs = client.search_runs(known, f"tags.{_ID} = '{labels.id}'", max_results=1) if known else []
        tags = {name: str(value) for name, value in _simple(labels.config).items()}
        logger = MlflowPictures(
            experiment_name=self.experiment,
            run_name=labels.name,
            tracking_uri=self.uri,
            tags={**tags, "group": labels.group, _ID: labels.id},
            run_id=runs[0].info.run_id if runs else None,
        )
        if not runs:  # MLflow refuses other values than a run has, as after another command for the same training
            logger.log_hyperparams({k: v for k, v in labels.config.items() if k != "settings" and v is not None})
        client.log_text(str(logger.run_id), _settings(labels), "settings.yaml")
        return logger


class MlflowPictures(MLFlowLogger):
    """Lightning's logger, with pictures and tables."""

    def log_image(self, key: str, images: Sequence[Figure], step: int | None = None) -> None:
        """Log figures.

        Args:
            key: their name.
            images: the figures.
            step: training step.
        """
        for k, figure in enumerate(images):
            self.experiment.log_figure(str(self.run_id), figure, f"{key}/{step or 0:08d}-{k}.png")

    def log_table(self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table.

        Args:
            key: its name.
            columns: its columns.
            rows: its rows.
        """
        text = io.StringIO()
        csv.writer(text).writerows([columns, *rows])
        self.experiment.log_text(str(self.run_id), text.getvalue(), f"{key}.csv")


def _not_installed(package: str, error: ModuleNotFoundError) -> EgotapError:
    return EgotapError(
        f"logger={package} needs a package that is not installed ({error}): pip install 'egotap-pl[{package}]'"
    )


def _simple(config: Mapping[str, Any]) -> dict[str, Any]:
    """The labels that are no mappings."""
    return {name: value for name, value in config.items() if not isinstance(value, Mapping) and value is not None}


def _settings(labels: Labels) -> str:
    return yaml.safe_dump(dict(labels.config["settings"]), sort_keys=False)
