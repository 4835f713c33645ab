"""What a run leaves behind: metrics.json, predictions.h5 and metrics.csv."""

from __future__ import annotations

import csv
import math
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger

import egotap_pl
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.atomic import write_json
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.engine.checkpoints import About
from egotap_pl.tasks.callbacks import PredictionRecorder


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: the checkpoint's description, its seed and the seconds of its training."""

    about: About
    seed: int
    seconds: float


def run_test(
    trainer: L.Trainer,
    task: Any,
    module: FrameDataModule,
    split: str,
    provenance: Provenance,
    folder: Path | None,
) -> dict[str, Any]:
    """Test a task on a split; the first process writes metrics.json and, for poses, predictions.h5.

    Returns:
        The content of metrics.json, in every process.

    Raises:
        EgotapError: if an error is not finite; nothing is written then.
    """
    recorder = PredictionRecorder()
    trainer.callbacks.append(recorder)  # type: ignore[attr-defined]
    started = time.monotonic()
    trainer.test(task, dataloaders=module.loader(split), verbose=False)
    trainer.callbacks.remove(recorder)  # type: ignore[attr-defined]
    results = task.test_results()
    if wrong := list(not_finite(results)):
        raise EgotapError(
            f"{provenance.about.experiment}, {split} split of {provenance.about.data['name']}: errors that are not "
            f"finite: {', '.join(wrong[:3])}{', ...' * (len(wrong) > 3)}; either weights or data are not, or "
            "trainer.precision is too low for them"
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
    }
    if folder is not None and trainer.is_global_zero:
        folder.mkdir(parents=True, exist_ok=True)
        if recorder.predictions:
            collected(recorder.predictions, module, split).write(folder / "predictions.h5")
        write_json(folder / "metrics.json", metrics, durable=True)
    return metrics


def not_finite(results: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Dotted names of the numbers in a test's results that are NaN or infinite."""
    for name, value in results.items():
        if isinstance(value, Mapping):
            yield from not_finite(value, f"{within}{name}.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{within}{name}"


def collected(predictions: dict[str, Any], module: FrameDataModule, split: str) -> Predictions:
    """What a test recorded, with the identity of every frame."""
    store, rows = module.store(split), predictions["frame"]
    names = store.name_frames(rows.tolist())
    joints = list(store.skeleton.estimated)
    return Predictions(
        pose_cm=predictions["pose_cm"],
        truth_cm=predictions["truth_cm"],
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
    """The logger, with the rows that an interrupted run has written: Lightning's would begin the file anew.

    Args:
        logger: writes metrics.csv.
        steps: training steps that the checkpoint holds; what was written of later ones is done, and written, again.
            0 begins the file anew.
    """
    path = Path(logger.log_dir) / "metrics.csv"
    rows = [row for row in read_log(path) if row["step"] < steps] if steps and path.is_file() else []
    if rows:
        logger.experiment.metrics = rows
        logger.experiment.save()
    return logger


def read_log(path: Path) -> list[dict[str, int | float]]:
    """The rows of a metrics.csv, without empty cells. Rows that are damaged are dropped; the screen says how many."""
    header, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) or [""]
    names = _cells(header)
    rows = [row for line in lines if (row := _row(names, line)) is not None]
    if len(rows) < len(lines):
        say(f"{path}: {len(lines) - len(rows)} of {len(lines)} rows are damaged, and dropped")
    return rows


def _row(names: list[str], line: str) -> dict[str, int | float] | None:
    """A row of numbers; None if it is anything else, was not written to its end, or has no step."""
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
    """The smallest value that a finished training's metrics.csv has of what selects the best epoch; NaN without any."""
    if not (folder / "metrics.csv").is_file():  # nothing was trained
        return math.nan
    return min((float(row[monitor]) for row in read_log(folder / "metrics.csv") if monitor in row), default=math.nan)


def _number(cell: str) -> int | float:
    return int(cell) if cell.isdigit() else float(cell)  # epochs and steps are written as they were


def device_name(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def commit() -> str | None:
    """The commit of the checkout that the program runs from, with a + if files differ from it; None outside one."""
    package = Path(egotap_pl.__file__).parent
    if not (package.parents[1] / "pyproject.toml").is_file():
        return None  # an installed wheel may lie inside somebody else's repository
    git = ["git", "-C", str(package)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")
