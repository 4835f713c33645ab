"""The Python API: what `import egotap_pl` gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import lightning as L
from torch import nn

from egotap_pl.cli.configuration.composing import compose
from egotap_pl.cli.configuration.recorded_data import recorded_data
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine import evaluation
from egotap_pl.engine.checkpoints import loading as checkpoints
from egotap_pl.engine.checkpoints.allowlist import with_package
from egotap_pl.engine.checkpoints.files import checkpoint_path
from egotap_pl.engine.datasets import check_split
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.prediction.lifting_checkpoints import load_lifting_task
from egotap_pl.engine.prediction.predictor import Predictor
from egotap_pl.engine.runs.results import Metrics
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.training import TrainResult, train
from egotap_pl.nn.frozen import Frozen
from egotap_pl.report.gather import Gathered, gather

__all__ = [
    "EgotapError",
    "Gathered",
    "Predictor",
    "Settings",
    "TrainResult",
    "compose",
    "evaluate",
    "gather_runs",
    "load_estimator",
    "load_lifter",
    "load_task",
    "open_store",
    "train",
]

_ESTIMATORS = ("joint", "limb", "shared")
"""The kinds of a lifter's estimators."""


def evaluate(
    checkpoint: Path | str,
    split: str = "test",
    store: Path | str | None = None,
    *,
    batch_size: int | None = None,
    device: str = "cpu",
    trust: Sequence[str] = (),
    output: Path | str | None = None,
    prepared: Path | str = "work/data",
) -> Metrics:
    """Metrics of a checkpoint, as `egotap evaluate` prints them: errors in mm, per joint and per category.

    Args:
        checkpoint: a file, a run's folder, whose best checkpoint is used, a name, or an address (docs/commands.md).
        split: ``train``, ``validation`` or ``test``.
        store: folder of prepared data; None: the data that the checkpoint was trained on, prepared again if need be.
        batch_size: frames of a batch; None: as in training.
        device: ``cpu``, ``gpu``, or ``auto``: a GPU if there is one.
        trust: packages of your own whose classes the checkpoint names, e.g. ``["my_idea"]``.
        output: folder for metrics.json and predictions.h5; None: nothing is written.
        prepared: where prepared data are looked for, and prepared, if ``store`` is None.

    Raises:
        EgotapError: if the checkpoint cannot be loaded or does not fit the data, or the data or the device are not
            available.

    >>> metrics = evaluate("runs/table2/grid_vit_pu/egosynth/seed=3", store="data")
    >>> metrics["frames"], metrics["mpjpe"] < 500
    (4, True)
    """
    path, admitted = checkpoint_path(checkpoint), with_package(trust)
    if store is None:
        store = recorded_data(checkpoints.load_task(path, admitted)[1], Path(prepared), path)
    return evaluation.evaluate(
        path,
        Path(store),
        split,
        devices=Devices.single(device),
        batch_size=batch_size,
        trust=admitted,
        output=None if output is None else Path(output),
    )


def load_task(checkpoint: Path | str, trust: Sequence[str] = ()) -> L.LightningModule:
    """What a checkpoint was trained as, in evaluation mode: a lifter with its estimators, an estimator, or a probe.

    Args:
        checkpoint: a file, a run's folder, whose best checkpoint is used, a name, or an address (docs/commands.md).
        trust: packages of your own whose classes the checkpoint names.

    Raises:
        EgotapError: if the file is not a checkpoint of egotap, or names a class that is not trusted.

    >>> type(load_task("runs/table2/grid_vit_pu/egosynth/seed=3")).__name__
    'LiftingTask'
    """
    return checkpoints.load_task(checkpoint_path(checkpoint), with_package(trust))[0].eval()


def load_lifter(checkpoint: Path | str, trust: Sequence[str] = ()) -> nn.Module:
    """The lifter of a checkpoint, in evaluation mode: from joint and limb heatmaps to poses in cm.

    Args:
        checkpoint: a file, a run's folder, whose best checkpoint is used, a name, or an address (docs/commands.md).
        trust: packages of your own whose classes the checkpoint names.

    Raises:
        EgotapError: as `load_task`, or if the checkpoint has no lifter.

    >>> lifter = load_lifter("runs/table2/grid_vit_pu/egosynth/seed=3")
    >>> type(lifter.encoder).__name__, type(lifter.propagation).__name__
    ('GridViTEncoder', 'PuPropagation')
    """
    task, _ = load_lifting_task(checkpoint_path(checkpoint), with_package(trust))
    return cast(nn.Module, task.lifter)


def load_estimator(checkpoint: Path | str, kind: str = "joint", trust: Sequence[str] = ()) -> nn.Module:
    """A heatmap estimator of a checkpoint, in evaluation mode: from ImageNet-normalised images to heatmaps.

    Args:
        checkpoint: of an estimator or of a lifter that was trained with estimators: a file, or a run's folder.
        kind: ``joint``, ``limb`` or ``shared`` (``estimator=lean``): which of a lifter's estimators.
        trust: packages of your own whose classes the checkpoint names.

    Raises:
        EgotapError: as `load_task`, or if there is no such kind, or the checkpoint has no such estimator.

    >>> type(load_estimator("runs/table2/grid_vit_pu/egosynth/seed=3", "limb")).__name__
    'LimbEstimator'
    """
    if kind not in _ESTIMATORS:
        raise EgotapError(f"kind={kind!r}: must be one of: {', '.join(_ESTIMATORS)}")
    task = load_task(checkpoint, trust)
    network = getattr(task, "estimator", None) or getattr(getattr(task, "heatmaps", None), kind, None)
    if isinstance(network, Frozen):
        network = network.module
    if not isinstance(network, nn.Module):
        raise EgotapError(f"{checkpoint} has no {kind} estimator: it is a {type(task).__name__}")
    return network


def open_store(folder: Path | str, split: str = "test") -> FrameStore:
    """A split of prepared data, read frame by frame or in batches.

    Args:
        folder: where `egotap prepare` put the data.
        split: ``train``, ``validation`` or ``test``.

    Raises:
        EgotapError: if there is no such split or store, or it is damaged.

    >>> store = open_store("data", "test")
    >>> len(store), store.image_px, store.read([0, 2]).pose_cm.shape
    (4, 64, torch.Size([2, 16, 3]))
    """
    check_split(split)
    return FrameStore(store_path(folder, split))


def gather_runs(*folders: Path | str) -> Gathered:
    """The finished runs under folders, with their settings, metrics and predictions.

    Args:
        folders: run folders, or folders with run folders at any depth; without any: ``runs``.

    Returns:
        ``runs``, and ``missing``: a sentence for each run that is unfinished or damaged.

    Raises:
        EgotapError: if a folder does not exist, or there is no finished run.

    >>> (run,) = gather_runs("runs").runs
    >>> run.experiment, run.seed, run.predictions.error_mm.shape
    ('table2/grid_vit_pu', 3, (4, 16))
    """
    return gather([Path(folder) for folder in folders or ("runs",)])
