"""The files of a run's results: metrics.json, predictions.h5 and metrics.csv."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger

import egotap_pl
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.atomic import write_json
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.wording import some_of
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.engine.benchmarks.frame_cost import frame_cost
from egotap_pl.engine.checkpoints.files import BEST, FOLDER
from egotap_pl.engine.checkpoints.loading import About, read_checkpoint
from egotap_pl.engine.resuming.history import History
from egotap_pl.engine.versions import commit
from egotap_pl.metrics import MotionMetrics, calibration, joint_errors_mm, merged
from egotap_pl.metrics.pose import MM_PER_CM
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.callbacks import PredictionRecorder

Metrics: TypeAlias = Mapping[str, Any]
"""Content of metrics.json: the errors of a test and where they come from, by name (docs/commands.md)."""


@dataclass(frozen=True)
class Provenance:
    """Where a test's numbers come from."""

    about: About
    """The checkpoint's description of itself."""

    seed: int
    """Seed of the training; after a restart not the configured one."""

    seconds: float
    """Duration of the training; 0 if it is not known."""

    history: History | None = None
    """What happened to the training; None if it is not known."""


def run_test(
    trainer: L.Trainer,
    task: Any,
    module: FrameDataModule,
    split: str,
    provenance: Provenance,
    folder: Path | None,
) -> Metrics:
    """Test a task on a split. The first process writes metrics.json and, for poses, predictions.h5.

    Args:
        trainer: Lightning's trainer, on the devices of the test.
        task: the trained task.
        module: the data.
        split: ``train``, ``validation`` or ``test``.
        provenance: where the numbers come from.
        folder: folder for the files; None: nothing is written.

    Returns:
        The content of metrics.json, in every process.

    Raises:
        EgotapError: if an error is not finite; then nothing is written.
    """
    recorder = PredictionRecorder()
    trainer.callbacks.append(recorder)  # type: ignore[attr-defined]
    started = time.monotonic()
    trainer.test(task, dataloaders=module.loader(split), verbose=False)
    trainer.callbacks.remove(recorder)  # type: ignore[attr-defined]
    results = merged(plain_numbers(task.test_results()), _errors_of_all(recorder.predictions, module, split))
    if wrong := list(not_finite(results)):
        raise EgotapError(
            f"{provenance.about.experiment}, {split} split of {provenance.about.data['name']}: errors that are not "
            f"finite: {some_of(wrong)}; either the weights or the data are not "
            "finite, or trainer.precision is too low for them"
        )
    metrics = {
        "frames": len(module.store(split)),
        **results,
        "seconds": round(provenance.seconds, 1),
        "test_seconds": round(time.monotonic() - started, 2),
        "device": device_name(trainer.strategy.root_device),
        "processes": trainer.world_size,
        "experiment": provenance.about.experiment,
        "dataset": provenance.about.data["name"],
        "dataset_fingerprint": module.fingerprint,
        "split": split,
        "seed": provenance.seed,
        "commit": commit(),
        "parameters": sum(p.numel() for p in task.parameters() if p.requires_grad),
        "version": egotap_pl.__version__,
        **_cost_of(task, module.window.frames),
        **({} if provenance.history is None else provenance.history.to_metrics()),
    }
    if folder is not None and trainer.is_global_zero:
        folder.mkdir(parents=True, exist_ok=True)
        if recorder.predictions:
            to_predictions(recorder.predictions, module, split).write(folder / "predictions.h5")
        write_json(folder / "metrics.json", metrics, durable=True)
    return metrics


def _cost_of(task: Any, window_frames: int) -> dict[str, Any]:
    """What a frame costs all networks of a task that estimates poses."""
    if not isinstance(task, LiftingTask):
        return {}
    cost = frame_cost(task, window_frames)
    return {"network_parameters": cost.parameters, "gflop": cost.gflop}


def _errors_of_all(arrays: Mapping[str, Any], module: FrameDataModule, split: str) -> Metrics:
    """Errors that need all frames at once, of the poses that a test has recorded, in every process.

    They are those of movement (`MotionMetrics`) and, if the network estimates its own errors, its calibration.
    """
    if not arrays:
        return {}
    store, rows = module.store(split), torch.from_numpy(arrays["frame"])
    errors = MotionMetrics(store.skeleton.estimated_names, store.categories, sync_on_compute=False)
    names = (store.labels[column][rows] for column in ("category", "motion", "frame_number"))
    pose_cm, truth_cm = torch.from_numpy(arrays["pose_cm"]), torch.from_numpy(arrays["truth_cm"])
    errors.update(pose_cm, truth_cm, *names)
    results: dict[str, Any] = errors.compute()
    if "expected_error_cm" in arrays:
        promised_mm = MM_PER_CM * torch.from_numpy(arrays["expected_error_cm"])
        together = calibration(promised_mm, joint_errors_mm(pose_cm, truth_cm))
        promised = float((together.promised_mm * together.joints).sum() / together.joints.sum())
        results |= {"promised_mpjpe": promised, "calibration_error": together.error_mm}
    return results


def plain_numbers(results: Mapping[str, Any]) -> dict[str, Any]:
    """A test's results with numbers and lists in place of tensors and arrays, which a user's own metrics compute.

    Examples:
        >>> plain_numbers({"hands_mpjpe": torch.tensor(12.5), "per_joint": {"head": 7.0}})
        {'hands_mpjpe': 12.5, 'per_joint': {'head': 7.0}}
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return plain_numbers(value)
        return value.tolist() if isinstance(value, (torch.Tensor, np.ndarray, np.generic)) else value

    return {name: plain(value) for name, value in results.items()}


def not_finite(results: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Dotted names of the numbers in a test's results that are NaN or infinite."""
    for name, value in results.items():
        if isinstance(value, Mapping):
            yield from not_finite(value, f"{within}{name}.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{within}{name}"


def to_predictions(arrays: Mapping[str, Any], module: FrameDataModule, split: str) -> Predictions:
    """The poses that a test has recorded, with the names of their frames.

    Args:
        arrays: ``pose_cm``, ``truth_cm`` and ``frame`` (the row of the store), sorted by the last.
        module: the data.
        split: the split that was tested.
    """
    store, rows = module.store(split), arrays["frame"]
    names = store.name_frames(rows.tolist())
    joints = list(store.skeleton.estimated)
    return Predictions(
        pose_cm=arrays["pose_cm"],
        truth_cm=arrays["truth_cm"],
        expected_error_cm=arrays.get("expected_error_cm"),
        visibility=store.labels["visibility"].numpy()[rows][..., joints],
        row=rows,
        category=names.category,
        subject=names.subject,
        motion=names.motion,
        frame_number=names.frame_number,
        skeleton=store.skeleton,
        dataset_fingerprint=module.fingerprint,
        split=split,
    )


def resumed_csv(logger: CSVLogger, steps: int) -> CSVLogger:
    """The same logger with the rows that an interrupted run has written. Lightning by itself would delete them.

    Args:
        logger: the logger of metrics.csv.
        steps: training steps in the checkpoint that the run resumes from. Rows of later steps are dropped, since these
            steps are repeated. 0: all rows are dropped.
    """
    path = Path(logger.log_dir) / "metrics.csv"
    rows = [row for row in read_log(path) if row["step"] < steps] if steps and path.is_file() else []
    if rows:
        logger.experiment.metrics = rows
        logger.experiment.save()
    return logger


def read_log(path: Path) -> list[dict[str, int | float]]:
    """The rows of a metrics.csv, without empty cells. Damaged rows are dropped; a line on the screen says how many."""
    header, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) or [""]
    names = _cells(header)
    rows = [row for line in lines if (row := _row(names, line)) is not None]
    if len(rows) < len(lines):
        say(f"{path}: dropping {len(lines) - len(rows)} of {len(lines)} rows, which are damaged")
    return rows


def _row(names: list[str], line: str) -> dict[str, int | float] | None:
    """A row of numbers; None if it is anything else, is cut off, or has no step."""
    try:
        row = {name: _number(cell) for name, cell in zip(names, _cells(line), strict=True) if cell}
    except ValueError:
        return None
    return row if line.endswith("\n") and "step" in row else None


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # zero bytes, in some versions of Python
        return []


def best_validation(folder: Path, monitor: str) -> float:
    """The validation error of a finished training's best epoch; NaN if nothing was trained.

    It is in best.ckpt, and in metrics.csv, which may have lost rows.

    Args:
        folder: the run's folder.
        monitor: name of the number whose smallest value selects the best epoch.
    """
    if (folder / FOLDER / BEST).is_file():
        for state in read_checkpoint(folder / FOLDER / BEST).get("callbacks", {}).values():
            if state.get("monitor") == monitor and state.get("best_model_score") is not None:
                return float(state["best_model_score"])
    if not (folder / "metrics.csv").is_file():  # nothing was trained
        return math.nan
    return min((float(row[monitor]) for row in read_log(folder / "metrics.csv") if monitor in row), default=math.nan)


def _number(cell: str) -> int | float:
    return int(cell) if cell.isdigit() else float(cell)  # epochs and steps stay whole numbers


def device_name(device: torch.device) -> str:
    """The device's name: of a GPU, or the number of the CPU's threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"
